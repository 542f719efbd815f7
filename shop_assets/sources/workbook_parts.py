"""What a workbook holds, looked at before it is loaded: how large it is, and its error cells.

Whoever loads a sheet makes room for all cells between its first and its last one, so that two
cells in opposite corners would take all memory there is; and error cells come as empty ones.
"""

from __future__ import annotations

import html
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

_ODS = "content.xml"
_READ = 1 << 20
_ENDLESS = 1 << 62
_ROW_HEADER = 0
_CELLS = range(1, 12)
_ERRORS = (3, 11)
_SHEET = 156
_MORE = 128
_VALUE_AT = 8
_CODES = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}
_XML_CELL = re.compile(
    rb"<(?:\w+:)?(?:(row)|c)(?=[\s/>])([^>]*)>"
    rb"(?:(?:<(?:\w+:)?f\b[^>]*/>|<(?:\w+:)?f\b[^>]*>[^<]*</(?:\w+:)?f>)?<(?:\w+:)?v>([^<]{1,20}))?"
)
_REFERENCE = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]{0,3})([0-9]{1,7})[\"']")
_ERROR = re.compile(rb"\bt\s*=\s*[\"']e[\"']")
_ODS_PART = re.compile(rb"<table:(table-row|table-cell|covered-table-cell|table)(?=[\s/>])([^>]*)>")
_ODS_REPEATED = re.compile(rb"table:number-(?:rows|columns)-repeated=\"([0-9]{1,9})\"")


class TooLargeError(Exception):
    """A workbook has or unpacks to more than there is room for; says how much and the bound."""


@dataclass
class Extent:
    """The last row and column (from 1) that have a cell, and error cells by their row.

    `most`: the cells that there is room for, `before` of them taken by sheets loaded with this one.
    """

    most: int
    before: int = 0
    rows: int = 0
    columns: int = 0
    errors: dict[int, str] = field(default_factory=dict)

    def add(self, row: int, column: int) -> None:
        """Take a cell; `TooLargeError` where the sheet has become too large."""
        self.rows, self.columns = max(self.rows, row), max(self.columns, column)
        if self.before + self.rows * self.columns > self.most:
            beside = f" beside {self.before:,} cells of other sheets" if self.before else ""
            raise TooLargeError(
                f"spans {self.rows:,} rows and {self.columns:,} columns{beside}; "
                f"at most {self.most:,} cells are expected"
            )


def error_text(column: int, code: int) -> str:
    """What is wrong with a row whose cell in that column (from 1) is an error."""
    return f"the cell in column {_letters(column)} is {_CODES.get(code, 'an error')}"


def refuse_large(content: bytes, most: int, cells: int) -> None:
    """`TooLargeError` where the archive unpacks to more than `most` bytes in all.

    Or where it is an `.ods`, of which all sheets are loaded at once, of more than `cells`. What its
    directory says of it is not relied on. `zipfile.BadZipFile` where it is damaged.
    """
    total = 0
    with zipfile.ZipFile(BytesIO(content)) as archive:
        for info in archive.infolist():
            for piece in _pieces(archive, info):
                total += len(piece)
                if total > most:
                    raise TooLargeError(
                        f"unpacks to more than {most >> 20:,} MiB; a smaller workbook is expected"
                    )
        if _ODS in archive.namelist():
            _ods(_pieces(archive, archive.getinfo(_ODS)), Extent(cells))


def sheet_extent(content: bytes, number: int, most: int) -> Extent:
    """The extent of a workbook's sheet, by its number from 0; `most`: cells.

    None is known of an `.ods`. `zipfile.BadZipFile` and `KeyError` where it is damaged.
    """
    extent = Extent(most)
    with zipfile.ZipFile(BytesIO(content)) as archive:
        names = set(archive.namelist())
        if _ODS in names:
            return extent
        binary = "xl/workbook.bin" in names
        part = _xlsb_part(archive, number) if binary else _xlsx_part(archive, number)
        pieces = _pieces(archive, archive.getinfo(part))
        if binary:
            _xlsb(b"".join(pieces), extent)
        else:
            _xlsx(pieces, extent)
    return extent


def _pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The part's bytes to the end of what is packed, whatever size the directory gives it."""
    honest = zipfile.ZipInfo(info.filename)
    for name in info.__slots__:
        if hasattr(info, name):
            setattr(honest, name, getattr(info, name))
    if info.compress_type != zipfile.ZIP_STORED:
        honest.file_size = _ENDLESS
    with archive.open(honest) as part:
        while piece := part.read(_READ):
            yield piece


def _relations(archive: zipfile.ZipFile, name: str) -> dict[str, str]:
    text = archive.read(name)
    found = {}
    for tag in re.findall(rb"<(?:\w+:)?Relationship\s[^>]*>", text):
        identity, target = _attribute(tag, rb"Id"), _attribute(tag, rb"Target")
        found[identity] = target.removeprefix("/xl/").removeprefix("./")
    return found


def _attribute(tag: bytes, name: bytes) -> str:
    match = re.search(rb"(?<![\w])" + name + rb"\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", tag)
    if match is None:
        return ""
    return html.unescape((match[1] or match[2] or b"").decode("utf-8", "replace"))


def _xlsx_part(archive: zipfile.ZipFile, number: int) -> str:
    sheets = re.findall(rb"<(?:\w+:)?sheet\s[^>]*>", archive.read("xl/workbook.xml"))
    relations = _relations(archive, "xl/_rels/workbook.xml.rels")
    return "xl/" + relations[_attribute(sheets[number], rb"\w+:id")]


def _xlsb_part(archive: zipfile.ZipFile, number: int) -> str:
    sheets = [data for kind, data in _records(archive.read("xl/workbook.bin")) if kind == _SHEET]
    data = sheets[number]
    length = int.from_bytes(data[8:12], "little")
    identity = data[12 : 12 + 2 * length].decode("utf-16-le")
    return "xl/" + _relations(archive, "xl/_rels/workbook.bin.rels")[identity]


def _xlsx(pieces: Iterator[bytes], extent: Extent) -> None:
    row = column = 0
    for text in _whole_tags(pieces):
        for match in _XML_CELL.finditer(text):
            attributes = match[2]
            place = _REFERENCE.search(attributes)
            if match[1]:
                row, column = (int(place[2]) if place else row + 1), 0
                continue
            column = _column(place[1]) if place and place[1] else column + 1
            at = int(place[2]) if place else row
            extent.add(at, column)
            if _ERROR.search(attributes):
                shown = match[3].decode("utf-8", "replace") if match[3] else "an error"
                extent.errors.setdefault(at, f"the cell in column {_letters(column)} is {shown}")


def _whole_tags(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The text in parts that cut neither a tag nor the value that follows a cell's."""
    rest = b""
    for piece in pieces:
        text = rest + piece
        cut = max(text.rfind(b"<c "), text.rfind(b"<row"), text.rfind(b":c "), 0)
        if len(text) - cut > 2 * _READ:
            cut = len(text)
        rest = text[cut:]
        yield text[:cut]
    yield rest


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _letters(column: int) -> str:
    text = ""
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The records of a binary part: kind and content."""
    at = 0
    while at < len(data):
        kind, at = _varying(data, at, 2)
        size, at = _varying(data, at, 4)
        yield kind, data[at : at + size]
        at += size


def _varying(data: bytes, at: int, most: int) -> tuple[int, int]:
    value = 0
    for place in range(most):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & (_MORE - 1)) << (7 * place)
        if byte < _MORE:
            break
    return value, at


def _xlsb(data: bytes, extent: Extent) -> None:
    row = 0
    for kind, content in _records(data):
        if kind == _ROW_HEADER:
            row = int.from_bytes(content[:4], "little") + 1
        elif kind in _CELLS:
            column = int.from_bytes(content[:4], "little") + 1
            extent.add(row, column)
            if kind in _ERRORS:
                code = int.from_bytes(content[_VALUE_AT : _VALUE_AT + 1])
                extent.errors.setdefault(row, error_text(column, code))


def _ods(pieces: Iterator[bytes], extent: Extent) -> None:
    row = column = repeated = 0
    text = b"".join(pieces)
    for match in _ODS_PART.finditer(text):
        kind, attributes = match[1], match[2]
        times = int(found[1]) if (found := _ODS_REPEATED.search(attributes)) else 1
        if kind == b"table":
            row = repeated = 0
        elif kind == b"table-row":
            row, column, repeated = row + repeated, 0, times
        else:
            column += times
            # Empty cells, by which a sheet is filled up to its last row and column, take no room.
            if b"value-type" in attributes:
                extent.add(row + repeated, column)
