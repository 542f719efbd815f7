"""JSON lines, every value as the text that stands there, so that no change of type breaks a read.

`12.10` stays `12.10`, `true` stays `true`, null and an absent key are null, and what is nested
stays JSON. A line is broken that is no JSON object, holds NUL or half a surrogate pair, is longer
than `Limits.record`, or brings a name that the platform keeps for itself. Blank lines are no rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from shop_assets.settings.file_streams import FileStream
from shop_assets.sources.csv_files import NO_LINE_END
from shop_assets.sources.decoded import Broken, Decoded, Lines
from shop_assets.sources.decompression import CutShortError
from shop_assets.sources.encoding import as_utf8, readable
from shop_assets.sources.jsonl_blocks import LinesOfText, Refused, parse
from shop_assets.sources.jsonl_values import decoded
from shop_assets.sources.limits import Limits
from shop_assets.sources.protocol import RESERVED

_TOGETHER = 16
_FEW_BARE = 2
_WORDS: dict[Any, str] = {True: "true", False: "false"}


def read_jsonl(
    pieces: Iterator[bytes],
    stream: FileStream,
    where: str,
    limits: Limits,
    *,
    together: int = _TOGETHER,
) -> Iterator[Decoded]:
    """Yield the file's rows in order, some MiB at a time; each part has the columns it needs.

    `pieces`: the file's bytes, unpacked. `where` is for errors' sake only: no line of a file stops
    the others. Fewer than `together` lines are decoded one by one; the rows are the same.
    """
    file = _JsonlFile(stream, limits, together)
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
class _Found:
    """What lines hold: rows found one by one, rows found together, and what is broken.

    `kept`, and the lines of each table, are indexes of lines, ascending.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    tables: list[tuple[Lines, pa.Table]] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


@dataclass
class _JsonlFile:
    stream: FileStream
    limits: Limits
    together: int
    names: dict[str, str] = field(default_factory=dict)
    aliased: bool = False
    waiting: list[bytes] = field(default_factory=list)
    size: int = 0
    line: int = 1
    skipping: bool = False
    bare: int = 0
    nested: bool = False
    hopeless: bool = False

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
        required = self.stream.final_newline == "required"
        lines, rest = LinesOfText.split(text, final=final and not required)
        broken: list[Broken] = []
        if final and rest:
            broken = [Broken(self.line + len(lines), NO_LINE_END, self._readable(rest))]
        elif len(rest) > self.limits.record:
            broken = [Broken(self.line + len(lines), self._too_long(), self._readable(rest))]
            self.skipping = True
            rest = b""
        first = self.line
        self.line += len(lines)
        if len(lines) or broken:
            yield self._decode(lines, first, broken)
        self.waiting = [b"" if final else rest]
        self.size = 0

    def cut(self, reason: str) -> Decoded:
        """What is left of a file that ends too early, as one broken row."""
        nothing, rest = LinesOfText.split(b"".join(self.waiting), final=False)
        return self._decode(nothing, self.line, [Broken(self.line, reason, self._readable(rest))])

    def _decode(self, lines: LinesOfText, first: int, last_broken: list[Broken]) -> Decoded:
        found = _Found()
        plain = lines.plain(self.limits.record, flat=self.nested)
        # Each refusal costs a look at the lines before the one that is refused.
        patience = 1 if self.hopeless else 8 + len(lines) // 256
        todo = [(0, len(lines))]
        while todo:
            start, stop = todo.pop()
            chosen = plain[slice(*np.searchsorted(plain, [start, stop]))]
            if not patience or self.aliased or len(chosen) < self.together:
                self._one_by_one(lines, range(start, stop), first, found)
                continue
            if not self.names:
                self._one_by_one(lines, range(start, start + 1), first, found)
                todo.append((start + 1, stop))
                continue
            answer = parse(
                lines.joined(chosen), len(chosen), list(self.names), quoting=self.bare > _FEW_BARE
            )
            if isinstance(answer, Refused):
                patience -= 1
                if self._wiser(answer):
                    plain = lines.plain(self.limits.record, flat=self.nested)
                    todo.append((start, stop))
                else:
                    todo += _parts(start, stop, chosen, answer)
                continue
            found.tables.append((chosen, answer.rename_columns(list(self.names.values()))))
            others = np.setdiff1d(np.arange(start, stop), chosen, assume_unique=True)
            self._one_by_one(lines, others.tolist(), first, found)
        self.hopeless = sum(len(chosen) for chosen, _ in found.tables) * 2 < len(lines)
        rows, kept = self._in_order(found)

        def text_of(indexes: Lines) -> list[str]:
            return [self._readable(lines[line]) for line in kept[indexes].tolist()]

        return Decoded(_by_row(rows), kept + first, text_of, found.broken + last_broken)

    def _wiser(self, refused: Refused) -> bool:
        """Whether the same lines, after that answer, are better asked for in another way."""
        self.bare += refused.bare
        if refused.nested and not self.nested:
            self.nested = True
            return True
        return refused.bare and self.bare == _FEW_BARE + 1

    def _one_by_one(
        self, lines: LinesOfText, chosen: Iterable[int], first: int, found: _Found
    ) -> None:
        for index in chosen:
            line = lines[index]
            try:
                row = self._parse(line)
            except (ValueError, RecursionError) as error:
                found.broken.append(Broken(first + index, _reason(error), self._readable(line)))
            else:
                if row is not None:
                    found.rows.append(row)
                    found.kept.append(index)

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
        row = decoded(text)
        if not isinstance(row, dict):
            raise ValueError(f"{_kind(row)} stands where a JSON object is expected")
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

    def _in_order(self, found: _Found) -> tuple[pa.Table, Lines]:
        """All rows by the order of their lines, and the indexes of these."""
        kept = np.array(found.kept, np.int64)
        if not found.tables:
            return self._table(found.rows), kept
        tables = [self._widened(table) for _, table in found.tables]
        places = [chosen for chosen, _ in found.tables]
        if found.rows:
            tables.append(self._table(found.rows))
            places.append(kept)
        rows, kept = pa.concat_tables(tables).combine_chunks(), np.concatenate(places)
        if found.rows:
            order = np.argsort(kept)
            rows, kept = rows.take(pa.array(order)), kept[order]
        return rows, kept

    def _widened(self, table: pa.Table) -> pa.Table:
        """The table with all columns that are known by now."""
        absent = pa.nulls(table.num_rows, pa.string())
        have = set(table.column_names)
        names = dict.fromkeys(self.names.values())
        return pa.table({name: table[name] if name in have else absent for name in names})

    def _table(self, rows: list[dict[str, Any]]) -> pa.Table:
        columns: dict[str, pa.Array] = {}
        for key, name in self.names.items():
            values = [row.get(key) for row in rows]
            try:
                column = pa.array(values, pa.string())
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                column = pa.array([_WORDS.get(value, value) for value in values], pa.string())
            known = columns.get(name)
            # Two spellings of one name are one column: no row has both.
            columns[name] = column if known is None else known.fill_null(column)
        return pa.table(columns)

    def _readable(self, line: bytes) -> str:
        return readable(line.rstrip(b"\r"), self.limits.line)

    def _too_long(self) -> str:
        return f"the row is longer than {self.limits.record:,} bytes"


def _parts(start: int, stop: int, chosen: Lines, refused: Refused) -> list[tuple[int, int]]:
    """What to look at instead of lines that were refused; the last part first.

    Names are learned in the order of the lines.
    """
    if refused.row is None or refused.row >= len(chosen):
        middle = int(chosen[len(chosen) // 2])
        return [(middle, stop), (start, middle)]
    bad = int(chosen[refused.row])
    return [(bad + 1, stop), (bad, bad + 1), (start, bad)]


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
