"""CSV, every column as text, never guessed: good rows by pyarrow, broken ones set apart.

A row is broken whose fields are too many or too few, whose quotes do not close, which holds NUL or
bytes that its encoding does not know, or which is longer than `Limits.record`. Blank lines are no
rows. A last line without a line end is a row if its fields are complete, unless the stream says
that every line must end (`final_newline: required`) or the archive is cut short.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from pyarrow import csv

from shop_assets.settings.file_streams import AUTO, FileStream
from shop_assets.sources.csv_records import Records, split
from shop_assets.sources.decoded import Broken, Decoded, Lines, column_names, is_header, no_header
from shop_assets.sources.decompression import CutShortError
from shop_assets.sources.encoding import as_utf8, readable
from shop_assets.sources.errors import SourceError
from shop_assets.sources.limits import Limits

_DELIMITERS = (",", "\t", ";")
NO_LINE_END = "the file's last line is cut: it has no line end"


def read_csv(
    pieces: Iterator[bytes], stream: FileStream, where: str, limits: Limits
) -> Iterator[Decoded]:
    """Yield the file's rows in order, some MiB at a time.

    `pieces`: the file's bytes, unpacked. `SourceError` where there is no header.
    """
    file = _CsvFile(stream, where, limits)
    try:
        for piece in as_utf8(pieces, stream.encoding):
            file.waiting.append(piece)
            file.size += len(piece)
            if file.size >= limits.chunk:
                yield from file.take(final=False)
    except CutShortError as cut:
        yield from file.take(final=False)
        yield from file.cut(str(cut))
        return
    yield from file.take(final=True)
    if not file.names:
        if file.passed:
            raise no_header(where, stream.header, limits.header)
        raise SourceError(f"{where} is empty; a line with the names of its columns is expected")


@dataclass
class _CsvFile:
    stream: FileStream
    where: str
    limits: Limits
    names: list[str] = field(default_factory=list)
    waiting: list[bytes] = field(default_factory=list)
    size: int = 0
    line: int = 1
    skipping: bool = False
    passed: int = 0

    def __post_init__(self) -> None:
        self.delimiter = self.stream.delimiter

    def take(self, *, final: bool) -> Iterator[Decoded]:
        """The complete rows of the text that waits; with `final`, all of it."""
        text = b"".join(self.waiting)
        if self.skipping:
            text = self._skip(text)
        missing_end = final and self.stream.final_newline == "required"
        if missing_end and text and not text.endswith((b"\n", b"\r")):
            last = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
            yield from self._parse(text[:last], final=True)
            yield self._only(Broken(self.line, NO_LINE_END, self._readable(text[last:])))
            self.waiting, self.size = [], 0
            return
        yield from self._parse(text, final=final)

    def cut(self, reason: str) -> Iterator[Decoded]:
        """What is left of a file that ends too early, as one broken row."""
        yield self._only(Broken(self.line, reason, self._readable(b"".join(self.waiting))))

    def _parse(self, text: bytes, *, final: bool) -> Iterator[Decoded]:
        limits = self.limits
        if self.delimiter == AUTO:
            self.delimiter = self._known_by_header(text, final=final)
        records = split(text, self.delimiter, final=final, longest=limits.record)
        first = self.line
        self.line += records.line_count
        rest = text[records.consumed :]
        if not self.names and len(records.starts):
            records = self._from_header(text, records)
        if len(records.starts):
            yield self._decode(text, records, first)
        if len(rest) > limits.record and not _opens_quote(rest):
            if not self.names:
                raise SourceError(
                    f"{self.where} is not CSV: its first line is longer than {limits.record:,} "
                    f"bytes; a line with the names of its columns is expected"
                )
            yield self._only(Broken(self.line, self._too_long(), self._readable(rest)))
            self.skipping = True
            rest = b""
        self.waiting = [rest]
        self.size = 0  # a chunk more is read before the rest is looked at again

    def _skip(self, text: bytes) -> bytes:
        """Drop the rest of a line that was too long."""
        ends = [place for place in (text.find(b"\n"), text.find(b"\r")) if place >= 0]
        if not ends:
            return b""
        self.skipping = False
        stop = min(ends)
        stop += 2 if text[stop : stop + 2] == b"\r\n" else 1
        self.line += 1
        return text[stop:]

    def _known_by_header(self, text: bytes, *, final: bool) -> str:
        """The delimiter by which the header is found."""
        for delimiter in _DELIMITERS:
            records = split(text, delimiter, final=final, longest=self.limits.record)
            if self._place_of_header(text, records, delimiter) is not None:
                return delimiter
        raise no_header(self.where, self.stream.header, self.limits.header)

    def _place_of_header(self, text: bytes, records: Records, delimiter: str) -> int | None:
        most = self.limits.header - self.passed
        for index in range(min(len(records.starts), most)):
            line = text[records.starts[index] : records.ends[index]]
            if index in records.malformed or b"\0" in line or not _is_text(line):
                continue
            found = _fields(line, delimiter, int(records.fields[index]))
            if is_header(found, self.stream.header, self.stream.rename):
                return index
        return None

    def _from_header(self, text: bytes, records: Records) -> Records:
        """The records below the header; none as long as it is not found."""
        place: int | None = 0
        if self.stream.header:
            place = self._place_of_header(text, records, self.delimiter)
            if place is None:
                self.passed += len(records.starts)
                if self.passed >= self.limits.header:
                    raise no_header(self.where, self.stream.header, self.limits.header)
                return records.after(len(records.starts))
            records = records.after(place)
        self._header(text, records)
        return records.after(1)

    def _header(self, text: bytes, records: Records) -> None:
        start, end = int(records.starts[0]), int(records.ends[0])
        head = text[start:end]
        try:
            head.decode("utf-8")
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{self.where}: its first line is not valid {self.stream.encoding}; "
                f"a line with the names of its columns is expected"
            ) from error
        if 0 in records.malformed or b"\0" in head:
            raise SourceError(
                f"{self.where} is not CSV: its first line is "
                f"{readable(head, 60)!r}; a line with the names of its columns is expected"
            )
        found = _fields(head, self.delimiter, int(records.fields[0]))
        self.names = column_names(found, self.stream.rename, self.where, self.limits.columns)

    def _decode(self, text: bytes, records: Records, first: int) -> Decoded:
        reasons = dict(records.malformed)
        width = len(self.names)
        lengths = records.ends - records.starts
        for index in np.flatnonzero(lengths > self.limits.record).tolist():
            reasons.setdefault(index, self._too_long())
        for index in _holding_nul(text, records):
            reasons.setdefault(index, "a NUL character stands in the row")
        for index in _undecodable(text, records):
            reasons.setdefault(index, f"the row is not valid {self.stream.encoding}")
        for index in np.flatnonzero(records.fields != width).tolist():
            reasons.setdefault(index, f"{records.fields[index]} fields; {width} are expected")
        good = np.ones(len(records.starts), bool)
        good[list(reasons)] = False
        kept = np.flatnonzero(good)
        rows = _arrow(_joined(text, records, good), self.delimiter, width, records.quoted)
        if rows.num_rows != len(kept):
            raise SourceError(
                f"{self.where} could not be read as CSV: {rows.num_rows} rows were parsed "
                f"where {len(kept)} were counted, after line {first}"
            )
        numbers = records.lines + first

        def text_of(indexes: Lines) -> list[str]:
            chosen = kept[indexes]
            spans = zip(records.starts[chosen].tolist(), records.ends[chosen].tolist(), strict=True)
            return [self._readable(text[start:end]) for start, end in spans]

        broken = [
            Broken(
                int(numbers[index]),
                reasons[index],
                self._readable(text[records.starts[index] : records.ends[index]]),
            )
            for index in sorted(reasons)
        ]
        return Decoded(rows.rename_columns(self.names), numbers[kept], text_of, broken)

    def _only(self, broken: Broken) -> Decoded:
        empty = pa.table({name: pa.array([], pa.string()) for name in self.names})
        return Decoded(empty, np.array([], np.int64), lambda _: [], [broken])

    def _readable(self, text: bytes) -> str:
        return readable(text, self.limits.line)

    def _too_long(self) -> str:
        return f"the row is longer than {self.limits.record:,} bytes"


def _opens_quote(rest: bytes) -> bool:
    """Whether the rest waits for a quote to close: `split` deals with those itself."""
    return rest.count(b'"') % 2 == 1 and (b"\n" in rest or b"\r" in rest)


def _is_text(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _fields(line: bytes, delimiter: str, width: int) -> list[str]:
    table = _arrow(line, delimiter, width, quoted=True)
    return [str(column[0]) for column in table.to_pydict().values()]


def _holding_nul(text: bytes, records: Records) -> list[int]:
    if b"\0" not in text:
        return []
    places = np.flatnonzero(np.frombuffer(text, np.uint8) == 0)
    return _records_at(places[places >= records.starts[0]], records)


def _undecodable(text: bytes, records: Records) -> list[int]:
    if text.isascii():
        return []
    places: list[int] = []
    at = int(records.starts[0])
    while at < records.consumed:
        try:
            str(memoryview(text)[at : records.consumed], "utf-8")
        except UnicodeDecodeError as error:
            place = at + error.start
            places.append(place)
            following = int(np.searchsorted(records.stops, place, side="right"))
            if following >= len(records.stops):
                break
            at = int(records.stops[following])
        else:
            break
    return _records_at(np.array(places, np.int64), records)


def _records_at(places: Lines, records: Records) -> list[int]:
    indexes = np.unique(np.searchsorted(records.stops, places, side="right"))
    found: list[int] = indexes[indexes < len(records.starts)].tolist()
    return found


def _joined(text: bytes, records: Records, good: np.ndarray) -> bytes | memoryview:
    """The text of the good records alone."""
    if good.all():
        return memoryview(text)[records.starts[0] : records.stops[-1]]
    if not good.any():
        return b""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    runs = zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True)
    return b"\n".join(text[records.starts[a] : records.ends[b - 1]] for a, b in runs)


def _arrow(text: bytes | memoryview, delimiter: str, width: int, quoted: bool) -> pa.Table:
    names = [str(number) for number in range(width)]
    if not len(text):
        return pa.table({name: pa.array([], pa.string()) for name in names})
    return csv.read_csv(
        pa.BufferReader(pa.py_buffer(text)),
        read_options=csv.ReadOptions(column_names=names, block_size=len(text) + 1),
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=quoted),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=False,
            null_values=[],
            check_utf8=False,
        ),
    )
