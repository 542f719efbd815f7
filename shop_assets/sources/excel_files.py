"""Excel (.xlsx, .xlsb, .xls) and .ods: cells as text, in the words that a CSV would have.

Whole numbers have no `.0`, decimals are the shortest text that reads back to them, dates and times
are ISO, booleans `true` and `false`; a formula counts by the value that was stored with it. Rows
without any cell are no rows. A row is broken that has an error cell (not told by `.ods`), a value
beyond the header's last column, or a whole number so large that the file has lost its last digits.
A sheet is in memory as a whole: `Limits.held`, `workbook` and `cells` bound it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from io import BytesIO
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import python_calamine as calamine

from shop_assets.settings.file_streams import FileStream
from shop_assets.sources.decoded import (
    Broken,
    Decoded,
    Lines,
    column_names,
    is_header,
    no_header,
)
from shop_assets.sources.errors import SourceError
from shop_assets.sources.limits import MIB, Limits
from shop_assets.sources.workbook_parts import (
    Extent,
    TooLargeError,
    refuse_large,
    sheet_extent,
)
from shop_assets.sources.xls_parts import xls_extents

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_EXACT = 1 << 53
_ROWS = 8192
Row = list[Any]


def read_excel(raw: Any, stream: FileStream, where: str, limits: Limits) -> Iterator[Decoded]:
    """Yield the sheet's rows in order; their lines are the sheet's row numbers.

    `raw`: an open pyarrow file. `SourceError` where it is no workbook, damaged, protected by a
    password or too large, or lacks the sheet or a header.
    """
    content = _held(raw, where, limits)
    sheet, errors = _sheet(content, stream, where, limits)
    numbered = enumerate(_rows(sheet, where), start=1)
    names = _header(numbered, stream, where, limits)
    while rows := list(islice(numbered, _ROWS)):
        filled = [
            (line, row) for line, row in rows if line in errors or any(cell != "" for cell in row)
        ]
        if filled:
            yield _decoded(filled, names, errors, limits)


def _held(raw: Any, where: str, limits: Limits) -> bytes:
    size = raw.size()
    if size > limits.held:
        raise SourceError(
            f"{where} is a workbook of {size // MIB:,} MiB, which can only be read as a whole; "
            f"at most {limits.held // MIB:,} MiB are expected (or CSV, which may be of any size)"
        )
    content: bytes = raw.read()
    if not content.startswith((_OLE, _ZIP)):
        raise SourceError(f"{where} is no workbook; .xlsx, .xlsb, .xls or .ods is expected")
    if content.startswith(_OLE) and _ENCRYPTED in content:
        raise _protected(where)
    return content


def _protected(where: str) -> SourceError:
    return SourceError(f"{where} is protected by a password; a workbook without one is expected")


def _sheet(
    content: bytes, stream: FileStream, where: str, limits: Limits
) -> tuple[Any, dict[int, str]]:
    """The sheet, and its error cells by row."""
    with _understood(where):
        of_xls: list[Extent] = []
        if content.startswith(_ZIP):
            refuse_large(content, limits.workbook, limits.cells)
        else:
            of_xls = xls_extents(content, limits.cells)
        book = calamine.CalamineWorkbook.from_filelike(BytesIO(content))
        names = book.sheet_names
        if stream.sheet is not None and stream.sheet not in names:
            raise SourceError(
                f"{where} has no sheet {stream.sheet!r}; one of {', '.join(names)} is expected"
            )
        number = 0 if stream.sheet is None else names.index(stream.sheet)
        found = of_xls[number] if of_xls else sheet_extent(content, number, limits.cells)
        return book.get_sheet_by_index(number), found.errors


def _rows(sheet: Any, where: str) -> Iterator[Row]:
    with _understood(where):
        yield from sheet.iter_rows()


@contextmanager
def _understood(where: str) -> Iterator[None]:
    """Say in one sentence what the readers of a workbook say in many ways."""
    try:
        yield
    except SourceError:
        raise
    except calamine.PasswordError as error:
        raise _protected(where) from error
    except TooLargeError as error:
        raise SourceError(f"{where} {error}") from error
    except Exception as error:
        raise SourceError(f"{where} is damaged: {_reason(error)}") from error
    except BaseException as error:
        # What the Rust library gives up on is no `Exception`.
        if type(error).__name__ != "PanicException":
            raise
        raise SourceError(f"{where} is damaged: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    return (str(error).split("\n")[0].strip().rstrip(".") or type(error).__name__).strip("'\"")


def _header(
    numbered: Iterator[tuple[int, Row]], stream: FileStream, where: str, limits: Limits
) -> list[str]:
    """The columns' names, from the first row that may be the header."""
    looked_at = 0
    for _, row in numbered:
        found = [_text(cell) or "" for cell in row]
        while found and not found[-1].strip():
            found.pop()
        if not found:
            continue
        if is_header(found, stream.header, stream.rename):
            return column_names(found, stream.rename, where, limits.columns)
        looked_at += 1
        if looked_at >= limits.header:
            break
    if stream.header and looked_at:
        raise no_header(where, stream.header, limits.header)
    raise SourceError(f"{where} is empty; a row with the names of its columns is expected")


def _decoded(
    rows: list[tuple[int, Row]], names: list[str], errors: dict[int, str], limits: Limits
) -> Decoded:
    width = len(names)
    texts = [[_text(cell) for cell in row] for _, row in rows]
    reasons: dict[int, str] = {}
    for index, (line, row) in enumerate(rows):
        if line in errors:
            reasons[index] = errors[line]
        elif any(text is not None for text in texts[index][width:]):
            reasons[index] = f"a value stands beyond the header's {width} columns"
        elif (reason := _unusable(row, names, limits)) is not None:
            reasons[index] = reason
    good = np.array([index for index in range(len(rows)) if index not in reasons], np.int64)
    padded = [_padded(texts[index], width) for index in good.tolist()]
    table = pa.table(
        [pa.array([row[place] for row in padded], pa.string()) for place in range(width)],
        names=names,
    )

    def readable(index: int) -> str:
        return "\t".join(text or "" for text in texts[index])[: limits.line].replace("\0", "␀")

    def text_of(indexes: Lines) -> list[str]:
        return [readable(int(index)) for index in good[indexes]]

    lines = np.array([line for line, _ in rows], np.int64)
    broken = [
        Broken(int(lines[index]), reasons[index], readable(index)) for index in sorted(reasons)
    ]
    return Decoded(table, lines[good], text_of, broken)


def _padded(texts: list[str | None], width: int) -> list[str | None]:
    return [*texts[:width], *([None] * (width - len(texts)))]


def _unusable(row: Row, names: list[str], limits: Limits) -> str | None:
    for name, cell in zip(names, row, strict=False):
        if isinstance(cell, float) and abs(cell) > _EXACT and cell.is_integer():
            return f"{name} is a number of more digits than Excel keeps; text is expected in it"
        if isinstance(cell, str) and ("\0" in cell or len(cell) > limits.record):
            return f"{name} holds NUL" if "\0" in cell else f"{name} is too long"
    return None


def _text(cell: Any) -> str | None:
    """A cell in the words that a CSV would have; None of an empty one."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else f"{Decimal(repr(cell)):f}"
    if isinstance(cell, dt.datetime | dt.date | dt.time):
        return cell.isoformat()
    if isinstance(cell, dt.timedelta):
        return _duration(cell)
    return None if cell is None else str(cell)


def _duration(length: dt.timedelta) -> str:
    seconds = length.days * 86_400 + length.seconds
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}"
