"""What an `.xls` holds, looked at before it is loaded: the extents of its sheets, and error cells.

The workbook is one stream of an OLE file (a small file system of sectors), a sequence of records:
first of the workbook itself, which say where each sheet's begin, then those of the sheets.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from shop_assets.sources.workbook_parts import Extent, error_text

_NO_SECTOR = 0xFFFFFFFA
_ENTRY = 128
_ROOT = 5
_NAMES = ("Workbook", "Book")
_FIRST_TABLES = 109
_MINI = 64
_END, _SHEET, _PASSWORD = 0x000A, 0x0085, 0x002F
_SUBSTREAM = 0x0809
_MANY = 0x00BD
_ERROR, _FORMULA = 0x0205, 0x0006
_CELLS = {0x0203, 0x0204, 0x027E, 0x00FD, 0x00D6, _MANY, _ERROR, _FORMULA}
_COMPUTED_ERROR = 2


def xls_extents(content: bytes, most: int) -> list[Extent]:
    """The extent of each sheet, in the workbook's order; none of one with a password.

    All sheets are loaded at once: `most` cells are for all. Raises `TooLargeError`, and
    `ValueError`, `struct.error` or `IndexError` where the file is damaged.
    """
    stream = _workbook(content)
    places: list[int] = []
    for kind, data in _records(stream, 0):
        if kind == _PASSWORD:
            return []
        if kind == _SHEET:
            places.append(int.from_bytes(data[:4], "little"))
    extents: list[Extent] = []
    for place in places:
        extent = Extent(most, sum(known.rows * known.columns for known in extents))
        for kind, data in _records(stream, place):
            if kind in _CELLS:
                _add(extent, kind, data)
        extents.append(extent)
    return extents


def _add(extent: Extent, kind: int, data: bytes) -> None:
    row, column = struct.unpack_from("<HH", data)
    if kind == _MANY:
        (column,) = struct.unpack_from("<H", data, len(data) - 2)
    extent.add(row + 1, column + 1)
    code = None
    if kind == _ERROR and data[7]:
        code = data[6]
    elif kind == _FORMULA and data[12:14] == b"\xff\xff" and data[6] == _COMPUTED_ERROR:
        code = data[8]
    if code is not None:
        extent.errors.setdefault(row + 1, error_text(column + 1, code))


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The records of a part, to its end; those of parts within it (charts) are left out."""
    depth = 0
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        if kind == _SUBSTREAM:
            depth += 1
        elif kind == _END:
            depth -= 1
            if depth <= 0:
                return
        elif depth <= 1:
            yield kind, stream[at + 4 : at + 4 + size]
        at += 4 + size


def _workbook(content: bytes) -> bytes:
    """The workbook's stream."""
    (shift,) = struct.unpack_from("<H", content, 30)
    size = 1 << shift
    (first_entry,) = struct.unpack_from("<I", content, 48)
    cutoff, first_mini = struct.unpack_from("<II", content, 56)
    body = content[size:]
    table = _table(content, body, size)
    directory = _chain(body, size, table, first_entry)
    entries = [directory[at : at + _ENTRY] for at in range(0, len(directory), _ENTRY)]
    root = next(entry for entry in entries if entry[66] == _ROOT)
    for name in _NAMES:
        for entry in entries:
            (length,) = struct.unpack_from("<H", entry, 64)
            if entry[: max(0, length - 2)].decode("utf-16-le", "replace") != name:
                continue
            first, bytes_long = struct.unpack_from("<II", entry, 116)
            if bytes_long >= cutoff:
                return _chain(body, size, table, first)[:bytes_long]
            container = _chain(body, size, table, struct.unpack_from("<I", root, 116)[0])
            minis = _numbers(_chain(body, size, table, first_mini))
            return _chain(container, _MINI, minis, first)[:bytes_long]
    raise ValueError("it holds no workbook")


def _table(content: bytes, body: bytes, size: int) -> list[int]:
    """For each sector, the one that follows it."""
    sectors = list(struct.unpack_from(f"<{_FIRST_TABLES}I", content, 76))
    (more,) = struct.unpack_from("<I", content, 68)
    seen: set[int] = set()
    while more < _NO_SECTOR and more not in seen:
        seen.add(more)
        *numbers, more = _numbers(body[more * size : (more + 1) * size])
        sectors += numbers
    return [
        number
        for sector in sectors
        if sector < _NO_SECTOR
        for number in _numbers(body[sector * size : (sector + 1) * size])
    ]


def _numbers(data: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4]))


def _chain(body: bytes, size: int, table: list[int], first: int) -> bytes:
    """The bytes of the sectors from `first` on; `ValueError` where they go round in a circle."""
    parts: list[bytes] = []
    sector = first
    while sector < _NO_SECTOR:
        if len(parts) > len(table):
            raise ValueError("its sectors go round in a circle")
        parts.append(body[sector * size : (sector + 1) * size])
        sector = table[sector]
    return b"".join(parts)
