"""JSON lines, every value as the text that stands there, so that no change of type breaks a read.

`12.10` stays `12.10`, `true` stays `true`, null and an absent key are null, and what is nested
stays JSON. A line is broken that is no JSON object, holds NUL or half a surrogate pair, is longer
than `Limits.record`, or brings a name that the platform keeps for itself. Blank lines are no rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa

from shop_assets.settings.file_streams import FileStream
from shop_assets.sources.csv_files import NO_LINE_END
from shop_assets.sources.decoded import Broken, Decoded, Lines
from shop_assets.sources.decompression import CutShortError
from shop_assets.sources.encoding import as_utf8, readable
from shop_assets.sources.limits import Limits
from shop_assets.sources.protocol import RESERVED


class _Number(str):
    """A number as it is written, told apart from text."""

    __slots__ = ()


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


_FLAT = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse)
_NESTED = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_refuse)


def read_jsonl(
    pieces: Iterator[bytes], stream: FileStream, where: str, limits: Limits
) -> Iterator[Decoded]:
    """Yield the file's rows in order, some MiB at a time; each part has the columns it needs.

    `pieces`: the file's bytes, unpacked. `where` is for errors' sake only: no line of a file stops
    the others.
    """
    file = _JsonlFile(stream, limits)
    try:
        for piece in as_utf8(pieces, stream.encoding):
            file.waiting.append(piece)
            file.size += len(piece)
            if file.size >= limits.chunk:
                yield from file.take(final=False)
    except CutShortError as cut:
        yield from file.take(final=False)
        yield file.cut(str(cut))
        return
    yield from file.take(final=True)


@dataclass
class _JsonlFile:
    stream: FileStream
    limits: Limits
    names: dict[str, str] = field(default_factory=dict)
    aliased: bool = False
    waiting: list[bytes] = field(default_factory=list)
    size: int = 0
    line: int = 1
    skipping: bool = False

    def take(self, *, final: bool) -> Iterator[Decoded]:
        """The complete lines of the text that waits; with `final`, all of it."""
        text = b"".join(self.waiting)
        if self.skipping:
            _, end, text = text.partition(b"\n")
            if not end:
                text = b""
            else:
                self.skipping = False
                self.line += 1
        lines = text.split(b"\n")
        rest = lines.pop()
        broken: list[Broken] = []
        if final and rest and self.stream.final_newline == "required":
            broken = [Broken(self.line + len(lines), NO_LINE_END, self._readable(rest))]
        elif final and rest:
            lines.append(rest)
        elif len(rest) > self.limits.record:
            broken = [Broken(self.line + len(lines), self._too_long(), self._readable(rest))]
            self.skipping = True
            rest = b""
        first = self.line
        self.line += len(lines)
        if lines or broken:
            yield self._decode(lines, first, broken)
        self.waiting = [b"" if final else rest]
        self.size = 0

    def cut(self, reason: str) -> Decoded:
        """What is left of a file that ends too early, as one broken row."""
        return self._decode(
            [], self.line, [Broken(self.line, reason, self._readable(b"".join(self.waiting)))]
        )

    def _decode(self, lines: list[bytes], first: int, last_broken: list[Broken]) -> Decoded:
        rows: list[dict[str, Any]] = []
        kept: list[int] = []
        broken: list[Broken] = []
        for index, line in enumerate(lines):
            try:
                row = self._parse(line)
            except (ValueError, RecursionError) as error:
                broken.append(Broken(first + index, _reason(error), self._readable(line)))
            else:
                if row is not None:
                    rows.append(row)
                    kept.append(index)
        numbers = np.array(kept, np.int64) + first

        def text_of(indexes: Lines) -> list[str]:
            return [self._readable(lines[kept[index]]) for index in indexes.tolist()]

        return Decoded(_by_row(self._table(rows)), numbers, text_of, broken + last_broken)

    def _parse(self, line: bytes) -> dict[str, Any] | None:
        if len(line) > self.limits.record:
            raise ValueError(self._too_long())
        try:
            text = str(line, "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"the row is not valid {self.stream.encoding}") from error
        text = text.strip(" \t\r")
        if not text:
            return None
        nested = "[" in text or text.count("{") > 1
        row = (_NESTED if nested else _FLAT).decode(text)
        if not isinstance(row, dict):
            raise ValueError(f"{_kind(row)} stands where a JSON object is expected")
        if "\\u" in text:
            _refuse_unstorable(row)
        if not row.keys() <= self.names.keys():
            self._learn(row)
        if self.aliased and len({self.names[key] for key in row}) < len(row):
            raise ValueError("two keys of the row are names of the same column")
        return row

    def _learn(self, row: dict[str, Any]) -> None:
        fresh = {key: self.stream.rename.get(key.strip(), key.strip()) for key in row}
        for key, name in fresh.items():
            if not name:
                raise ValueError("a key has no name")
            if name in RESERVED:
                raise ValueError(f"{key!r} is a name kept for the platform's own column")
        if len(self.names | fresh) > self.limits.columns:
            raise ValueError(f"the file has more than {self.limits.columns} names in its rows")
        self.names.update(fresh)
        self.aliased = len(set(self.names.values())) < len(self.names)

    def _table(self, rows: list[dict[str, Any]]) -> pa.Table:
        columns: dict[str, pa.Array] = {}
        for key, name in self.names.items():
            values = [row.get(key) for row in rows]
            try:
                column = pa.array(values, pa.string())
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                column = pa.array([_text(value) for value in values], pa.string())
            known = columns.get(name)
            # Two spellings of one name are one column: no row has both.
            columns[name] = column if known is None else known.fill_null(column)
        return pa.table(columns)

    def _readable(self, line: bytes) -> str:
        return readable(line.rstrip(b"\r"), self.limits.line)

    def _too_long(self) -> str:
        return f"the row is longer than {self.limits.record:,} bytes"


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return _json(value)


def _json(value: Any) -> str:
    """The JSON text of a parsed value, with its numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        inner = ",".join(f"{encode_basestring(key)}:{_json(item)}" for key, item in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    return {True: "true", False: "false", None: "null"}[value]


def _refuse_unstorable(value: Any) -> None:
    """`ValueError` for text that no database keeps."""
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a NUL character stands in the row")
        if not value.isascii() and any("\ud800" <= mark <= "\udfff" for mark in value):
            raise ValueError("half a surrogate pair stands in the row")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_unstorable(key)
            _refuse_unstorable(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_unstorable(item)


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "a number or text"
    return "null" if value is None else "true or false"


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg.lower()} at character {error.pos + 1}"
    if isinstance(error, RecursionError):
        return "the row is nested too deeply"
    return str(error)


def _by_row(table: pa.Table) -> pa.Table:
    """Say that a name missing here may stand in other rows of the file."""
    return table.replace_schema_metadata({"names": "by row"})
