"""Workbooks as a spreadsheet program writes them: .xlsx of a few XML parts in a zip archive."""

from __future__ import annotations

import datetime as dt
import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

_SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_CONTENT = "http://schemas.openxmlformats.org/package/2006/content-types"
_STYLES = (
    f'<styleSheet xmlns="{_SPREADSHEET}"><cellXfs count="5"><xf numFmtId="0"/><xf numFmtId="14"/>'
    '<xf numFmtId="22"/><xf numFmtId="21"/><xf numFmtId="46"/></cellXfs></styleSheet>'
)
_DATE, _MOMENT, _TIME, _DURATION = 1, 2, 3, 4
_FIRST_DAY = dt.datetime(1899, 12, 30)  # noqa: DTZ001


@dataclass(frozen=True)
class Error:
    """A cell that the program could not compute: `#REF!`."""

    code: str


@dataclass(frozen=True)
class Formula:
    """A formula, and the value that it had when the file was stored."""

    text: str
    value: float


def xlsx(sheets: Mapping[str, Sequence[Sequence[Any]]], *, references: bool = True) -> bytes:
    """A workbook. `references`: whether cells say where they are, as most programs write them."""
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="application/'
        'vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_CONTENT}">'
        '<Default Extension="rels" ContentType="application/'
        'vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/'
        f'vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>{overrides}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_SPREADSHEET}" xmlns:r="{_OFFICE}"><sheets>'
        + "".join(
            f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}"/>'
            for n, name in enumerate(sheets, start=1)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">'
        + "".join(
            f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" '
            f'Target="worksheets/sheet{n}.xml"/>'
            for n in range(1, len(sheets) + 1)
        )
        + f'<Relationship Id="rId99" Type="{_OFFICE}/styles" Target="styles.xml"/>'
        "</Relationships>",
        "xl/styles.xml": _STYLES,
    }
    for number, rows in enumerate(sheets.values(), start=1):
        parts[f"xl/worksheets/sheet{number}.xml"] = _sheet(rows, references)
    return zipped(parts)


def zipped(parts: Mapping[str, str]) -> bytes:
    """A zip archive of XML parts."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return packed.getvalue()


def ods(rows: str) -> bytes:
    """An OpenDocument spreadsheet of one sheet, of these rows."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr(
            "content.xml",
            '<office:document-content xmlns:office="urn:o" xmlns:table="urn:t" xmlns:text="urn:x">'
            '<office:body><office:spreadsheet><table:table table:name="Tabelle1">'
            f"{rows}</table:table></office:spreadsheet></office:body></office:document-content>",
        )
    return packed.getvalue()


def _sheet(rows: Sequence[Sequence[Any]], references: bool) -> str:
    written = []
    for number, row in enumerate(rows, start=1):
        cells = "".join(
            _cell(value, f' r="{_letter(place)}{number}"' if references else "")
            for place, value in enumerate(row)
            if value is not None or not references
        )
        if cells:
            written.append(
                f'<row r="{number}">{cells}</row>' if references else f"<row>{cells}</row>"
            )
    return (
        f'<worksheet xmlns="{_SPREADSHEET}"><sheetData>{"".join(written)}</sheetData></worksheet>'
    )


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def _cell(value: Any, at: str) -> str:
    if isinstance(value, str):
        return f'<c{at} t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    if isinstance(value, Error):
        return f'<c{at} t="e"><v>{value.code}</v></c>'
    if isinstance(value, Formula):
        return f"<c{at}><f>{escape(value.text)}</f><v>{value.value!r}</v></c>"
    if isinstance(value, bool):
        return f'<c{at} t="b"><v>{int(value)}</v></c>'
    style, number = _number(value)
    return f"<c{at}{style}><v>{number}</v></c>" if value is not None else f"<c{at}/>"


def _number(value: Any) -> tuple[str, str]:
    if isinstance(value, dt.datetime):
        return f' s="{_MOMENT}"', repr((value - _FIRST_DAY) / dt.timedelta(days=1))
    if isinstance(value, dt.date):
        return f' s="{_DATE}"', str((value - _FIRST_DAY.date()).days)
    if isinstance(value, dt.time):
        since = dt.timedelta(hours=value.hour, minutes=value.minute, seconds=value.second)
        return f' s="{_TIME}"', repr(since / dt.timedelta(days=1))
    if isinstance(value, dt.timedelta):
        return f' s="{_DURATION}"', repr(value / dt.timedelta(days=1))
    return "", repr(value)


def xlsb(rows: Sequence[Sequence[Any]]) -> bytes:
    """A binary workbook of one sheet, of texts, numbers and errors."""
    relations = f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="rId1" Type="{_OFFICE}/{{}}" '
    content = "application/vnd.ms-excel"
    cells = b""
    for number, row in enumerate(rows):
        cells += _record(0, number.to_bytes(4, "little") + bytes(21))
        for place, value in enumerate(row):
            cells += _binary_cell(place, value)
    bundle = bytes(4) + (1).to_bytes(4, "little") + _wide("rId1") + _wide("Sheet 1")
    book = _record(143, b"") + _record(156, bundle) + _record(144, b"")
    area = b"".join(n.to_bytes(4, "little") for n in (0, len(rows) - 1, 0, max(map(len, rows)) - 1))
    sheet = _record(148, area) + _record(145, b"") + cells + _record(146, b"")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{_CONTENT}"><Override PartName="/xl/workbook.bin" '
            f'ContentType="{content}.sheet.binary.macroEnabled.main"/></Types>',
        )
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            relations.format("worksheet") + 'Target="worksheets/sheet1.bin"/></Relationships>',
        )
        archive.writestr("xl/workbook.bin", _record(131, b"") + book + _record(132, b""))
        archive.writestr("xl/worksheets/sheet1.bin", _record(129, b"") + sheet + _record(130, b""))
    return packed.getvalue()


def _binary_cell(place: int, value: Any) -> bytes:
    head = place.to_bytes(4, "little") + bytes(4)
    if isinstance(value, Error):
        return _record(3, head + bytes([{"#REF!": 0x17, "#N/A": 0x2A}[value.code]]))
    if isinstance(value, str):
        return _record(6, head + _wide(value))
    return _record(5, head + struct.pack("<d", value))


def _wide(text: str) -> bytes:
    return len(text).to_bytes(4, "little") + text.encode("utf-16-le")


def _record(kind: int, content: bytes) -> bytes:
    return _varying(kind) + _varying(len(content)) + content


def _varying(number: int) -> bytes:
    if number < 128:
        return bytes([number])
    return bytes([number & 127 | 128, number >> 7])


def xls(sheets: Mapping[str, Sequence[tuple[int, int, Any]]], *, padding: int = 0) -> bytes:
    """An old binary workbook of cells at rows and columns from 0: numbers, texts and errors.

    `padding`: bytes beside the workbook, by which it no longer fits among the small streams.
    """
    parts = [
        _biff(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0))
        + b"".join(_old_cell(*cell) for cell in cells)
        + _biff(0x000A, b"")
        for cells in sheets.values()
    ]
    begin = _biff(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0))
    end = _biff(0x000A, b"") + bytes(padding)
    names = [bytes([len(name), 0]) + name.encode("latin-1") for name in sheets]
    at = len(begin) + sum(10 + len(name) for name in names) + len(end)
    bundles = b""
    for name, part in zip(names, parts, strict=True):
        bundles += _biff(0x0085, struct.pack("<IH", at, 0) + name)
        at += len(part)
    return _ole(begin + bundles + end + b"".join(parts))


def _old_cell(row: int, column: int, value: Any) -> bytes:
    head = struct.pack("<HHH", row, column, 0)
    if isinstance(value, Error):
        return _biff(0x0205, head + bytes([{"#REF!": 0x17, "#N/A": 0x2A}[value.code], 1]))
    if isinstance(value, str):
        return _biff(0x0204, head + struct.pack("<HB", len(value), 0) + value.encode("latin-1"))
    return _biff(0x0203, head + struct.pack("<d", value))


def _biff(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def _ole(stream: bytes) -> bytes:
    """An OLE file with the one stream `Workbook`, among the small ones if it is one."""
    none, last, table_sector = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    small = len(stream) < 4096
    if small:
        minis = -(-len(stream) // 64)
        data = stream.ljust(minis * 64, b"\0")
        mini_table = [*range(1, minis), last] + [none] * (128 - minis)
    else:
        data, mini_table = stream, []
    sectors = -(-len(data) // 512)
    # Sector 0 is the table, 1 the directory, 2 the table of small sectors if there is one.
    first = 3 if small else 2
    table = [table_sector, last, *([last] if small else [])]
    table += [*range(first + 1, first + sectors), last]
    table += [none] * (128 - len(table))
    root = (first, len(data)) if small else (last, 0)
    directory = _entry("Root Entry", 5, *root, child=1)
    directory += _entry("Workbook", 2, 0 if small else first, len(stream))
    directory += bytes(512 - len(directory))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIII", 0, 1, 1, 0, 4096)
    header += struct.pack("<IIII", 2 if small else last, int(small), last, 0)
    header += struct.pack("<109I", 0, *([none] * 108))
    body = struct.pack("<128I", *table) + directory
    if small:
        body += struct.pack("<128I", *mini_table)
    return header + body + data.ljust(sectors * 512, b"\0")


def _entry(name: str, kind: int, start: int, size: int, child: int = 0xFFFFFFFF) -> bytes:
    text = name.encode("utf-16-le")
    none = 0xFFFFFFFF
    head = text.ljust(64, b"\0") + struct.pack("<HBBIII", len(text) + 2, kind, 1, none, none, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)
