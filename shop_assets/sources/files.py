"""Files in a folder or S3 bucket as a source: CSV, JSON lines (plain, gzip, zstd), Parquet, Excel.

The rows of one file come in the file's order, the files in the order of their names. Time is in
the file's name, the file's own, or in a column; in the last case a small file is decoded once and
kept, since a backfill asks for the same file again and again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.settings.file_streams import FilesSource, FileStream
from shop_assets.sources.csv_files import read_csv
from shop_assets.sources.decoded import Decoded
from shop_assets.sources.decompression import unpacked
from shop_assets.sources.errors import SourceError
from shop_assets.sources.excel_files import read_excel
from shop_assets.sources.file_cache import FileCache, Key, TimedFile, bounds, key_of
from shop_assets.sources.jsonl_files import read_jsonl
from shop_assets.sources.limits import Limits
from shop_assets.sources.locations import FileEntry, Location, named_time
from shop_assets.sources.parquet_files import read_parquet
from shop_assets.sources.protocol import PROVENANCE, Batch, ReadRequest, StreamCheck, Window
from shop_assets.sources.restated import Export, Exports, Told, ended, told
from shop_assets.sources.timing import LINE_NUMBER, with_column_times, with_time
from shop_assets.sources.units import with_units

_TEXT = {"csv": read_csv, "jsonl": read_jsonl}
_HELD = {"parquet": read_parquet, "excel": read_excel}


class FilesConnector:
    """Reads the streams of a `files` source.

    `base`: the folder that a relative url is relative to. Not to be shared by processes; threads
    may share it.
    """

    def __init__(
        self, name: str, source: FilesSource, *, base: Path, limits: Limits | None = None
    ) -> None:
        self._name = name
        self._source = source
        self._limits = limits or Limits()
        self._location = Location(name, source, base)
        self._cache = FileCache(self._limits.cache)
        self._exports = Exports(self._limits.cache)

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        """Yield the rows of the window, file by file.

        Columns are what each file has, so batches of different files may differ in them; those of
        JSON lines may differ from batch to batch. Where files restate days, tombstones follow a
        file's rows, with `_deleted` and the `_hour` that they belong to: their change time, from
        which on a row is gone, is that of a later file. See `Connector.read`.
        """
        stream = self._stream(request.stream)
        entries = self._location.list(stream.files)
        for entry in entries:
            if stream.time.column is None:
                start = self._file_time(stream, entry)
                if request.window.start <= start < request.window.end:
                    tables = with_time(self._decode(stream, entry), start)
                    yield from self._batches(tables, entry)
                    self._location.expect_unchanged(entry)
                    yield from self._ended(request.stream, stream, entry, entries)
            else:
                tables = self._between(request.stream, stream, entry, request.window)
                yield from self._batches(tables, entry)

    def check(self, stream: str) -> StreamCheck:
        """Look at the newest file's first rows; see `Connector.check`."""
        settings = self._stream(stream)
        entries = self._location.list(settings.files)
        if not entries:
            missing = f"{self._name}: no file of {self._location.url} is named {settings.files}"
            return StreamCheck(stream, {}, [missing])
        entry = entries[-1]
        columns: Mapping[str, str] = {}
        problems: list[str] = []
        if settings.time.column is None:
            for each in entries:
                self._file_time(settings, each)
            tables = with_time(self._decode(settings, entry), entry.modified)
        else:
            tables = self._timed(settings, entry)
        for table in tables:
            own = [field for field in table.schema if field.name not in _ADDED]
            columns = {field.name: str(field.type) for field in own}
            broken = table.filter(pc.is_valid(table["_error"])).slice(0, 1)
            if broken.num_rows:
                line, reason = broken[LINE_NUMBER][0].as_py(), broken["_error"][0].as_py()
                problems.append(f"{self._location.where(entry)}, line {line}: {reason}")
            break
        return StreamCheck(stream, columns, problems)

    def close(self) -> None:
        """Forget what was kept of files."""
        self._cache.clear()
        self._exports.clear()

    def _ended(
        self, name: str, stream: FileStream, entry: FileEntry, entries: list[FileEntry]
    ) -> Iterator[Batch]:
        """The tombstones that belong to the load of a file."""
        restates = stream.restates
        if restates is None:
            return
        exports = [Export(self._file_time(stream, each), each) for each in entries]
        (here,) = (each for each in exports if each.entry == entry)

        def tell(export: Export) -> Told | None:
            where = self._location.where(export.entry)

            def make() -> Told:
                made = told(self._decode(stream, export.entry), restates, where)
                self._location.expect_unchanged(export.entry)
                return made

            try:
                return self._exports.get(key_of(name, export.entry), make)
            except SourceError as error:
                if error.transient or export == here:
                    raise
                return None

        for table in ended(here, exports, restates, tell):
            yield Batch(table)

    def _stream(self, name: str) -> FileStream:
        try:
            return self._source.streams[name]
        except KeyError:
            raise SourceError(
                f"{self._name} has no stream {name!r}; "
                f"one of {', '.join(self._source.streams)} is expected"
            ) from None

    def _zone(self, stream: FileStream) -> ZoneInfo:
        return ZoneInfo(stream.time.timezone or self._source.timezone)

    def _file_time(self, stream: FileStream, entry: FileEntry) -> datetime:
        if stream.time.modified:
            return entry.modified
        base_name = entry.relative.rsplit("/", maxsplit=1)[-1]
        start = named_time(base_name, stream.time, self._zone(stream))
        if start is None:
            raise SourceError(
                f"{self._location.where(entry)}: its name says no time; "
                f"one like {stream.time.name} is expected"
            )
        return start

    def _decode(self, stream: FileStream, entry: FileEntry) -> Iterator[Decoded]:
        where = self._location.where(entry)
        with self._location.open(entry) as raw:
            try:
                yield from with_units(self._parts(raw, stream, entry), stream.units, where)
            except OSError as error:
                raise SourceError(
                    f"{where} cannot be read to its end: {str(error).splitlines()[0]}",
                    transient=True,
                ) from error

    def _parts(self, raw: Any, stream: FileStream, entry: FileEntry) -> Iterator[Decoded]:
        where = self._location.where(entry)
        if stream.format in _HELD:
            yield from _HELD[stream.format](raw, stream, where, self._limits)
        else:
            pieces = unpacked(raw, where, entry.relative, self._limits)
            yield from _TEXT[stream.format](pieces, stream, where, self._limits)

    def _timed(self, stream: FileStream, entry: FileEntry) -> Iterator[pa.Table]:
        where = self._location.where(entry)
        parts = self._decode(stream, entry)
        zone = self._zone(stream)
        yield from with_column_times(parts, stream.time, zone, where, entry.modified)

    def _between(
        self, name: str, stream: FileStream, entry: FileEntry, window: Window
    ) -> Iterator[pa.Table]:
        """The file's rows in the window: from memory, or decoded, and then kept if small."""
        key = key_of(name, entry)
        if self._cache.is_outside(key, window):
            return
        kept = self._cache.get(key)
        if kept is not None:
            yield kept.between(window)
            return
        yield from self._decoded_between(key, stream, entry, window)

    def _decoded_between(
        self, key: Key, stream: FileStream, entry: FileEntry, window: Window
    ) -> Iterator[pa.Table]:
        start, end = bounds(window)
        gathered: list[pa.Table] = []
        size = 0
        small = True
        low: int | None = None
        high: int | None = None
        for table in self._timed(stream, entry):
            micros = table["_change_time"].cast(pa.int64()).to_numpy()
            if len(micros):
                low = int(micros.min()) if low is None else min(low, int(micros.min()))
                high = int(micros.max()) if high is None else max(high, int(micros.max()))
            size += table.nbytes
            if small and size <= self._limits.cached_file:
                gathered.append(table)
                continue
            small = False
            for each in [*gathered, table]:
                yield _within(each, start, end)
            gathered = []
        self._location.expect_unchanged(entry)
        span = None if low is None or high is None else (low, high)
        if small and gathered:
            file = TimedFile.of(pa.concat_tables(gathered, promote_options="default"))
            self._cache.put(key, file)
            yield file.between(window)
        self._cache.remember_span(key, span)

    def _batches(self, tables: Iterator[pa.Table], entry: FileEntry) -> Iterator[Batch]:
        for table in tables:
            for first in range(0, table.num_rows, self._limits.batch_rows):
                part = table.slice(first, self._limits.batch_rows)
                yield Batch(_with_provenance(part, entry.relative))


_ADDED = {*PROVENANCE.names, LINE_NUMBER}


def _within(table: pa.Table, start: int, end: int) -> pa.Table:
    micros = table["_change_time"].cast(pa.int64()).to_numpy()
    inside = np.flatnonzero((micros >= start) & (micros < end))
    return table if len(inside) == len(micros) else table.take(pa.array(inside))


def _with_provenance(table: pa.Table, relative: str) -> pa.Table:
    numbers = table[LINE_NUMBER].cast(pa.string())
    positions = pc.binary_join_element_wise(relative, numbers, ":")
    deliveries = pa.repeat(pa.scalar(relative), table.num_rows)
    own = [name for name in table.column_names if name not in _ADDED]
    result = table.select([*own, "_change_time"])
    result = result.append_column(PROVENANCE.field("_position"), positions)
    result = result.append_column(PROVENANCE.field("_delivery"), [deliveries])
    for name in ("_error", "_line"):
        result = result.append_column(PROVENANCE.field(name), table[name])
    return result
