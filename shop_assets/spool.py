"""Arrow tables in the order in which they came: in memory up to a size, on disk beyond it."""

from __future__ import annotations

import datetime as dt
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

from shop_assets.transforms.parts import ROWS, Parts, in_one_schema

MIB = 2**20
IN_MEMORY = 128 * MIB
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")
_HOUR = "_hour"
_BUCKETS = 16


@dataclass(frozen=True)
class _Kept:
    """A table: in memory, or where it begins in the file; and its rows by their `_hour`."""

    schema: pa.Schema
    rows: int
    size: int
    hours: Counter[dt.datetime]
    table: pa.Table | None = None
    begin: int = 0


class Spool:
    """Tables that are added, taken back from the end, and gone through as often as is wanted.

    `limit`: the bytes that are kept in memory; what comes beyond is in a file without a name in the
    folder for temporary files (`TMPDIR`), which goes when the spool does. Tables with a column
    `_hour` are gone through in the order of their first hours. Columns may differ from table to
    table; empty tables are left out. Not to be shared by threads.
    """

    def __init__(self, limit: int = IN_MEMORY) -> None:
        self._limit = limit
        self._in_memory = 0
        self._kept: list[_Kept] = []
        self._file: IO[bytes] | None = None

    def append(self, table: pa.Table) -> None:
        """Add a table."""
        if not table.num_rows:
            return
        known = table.schema, table.num_rows, table.nbytes, _hours(table)
        if self._in_memory + table.nbytes <= self._limit:
            self._in_memory += table.nbytes
            self._kept.append(_Kept(*known, table=table))
        else:
            self._kept.append(_Kept(*known, begin=self._write(table)))

    def __delitem__(self, which: slice) -> None:
        """Take back tables, counted as they came."""
        self._in_memory -= sum(k.size for k in self._kept[which] if k.table is not None)
        del self._kept[which]

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[pa.Table]:
        for kept in self._ordered():
            yield self._table(kept)

    @property
    def num_rows(self) -> int:
        """How many rows all tables have."""
        return sum(kept.rows for kept in self._kept)

    @property
    def size(self) -> int:
        """How many bytes all tables have in memory, or had."""
        return sum(kept.size for kept in self._kept)

    @property
    def hours(self) -> Counter[dt.datetime]:
        """How many rows there are of each `_hour`."""
        return sum((kept.hours for kept in self._kept), Counter[dt.datetime]())

    def parts(self) -> Parts:
        """All tables as one."""
        return in_one_schema([kept.schema for kept in self._ordered()], lambda: iter(self))

    def _ordered(self) -> list[_Kept]:
        never = dt.datetime.max.replace(tzinfo=dt.UTC)
        return sorted(self._kept, key=lambda kept: min(kept.hours, default=never))

    def _write(self, table: pa.Table) -> int:
        if self._file is None:
            # Not closed by `with`: it lives as long as the spool.
            self._file = tempfile.TemporaryFile(prefix="shop-assets-")  # noqa: SIM115
            weakref.finalize(self, self._file.close)
        begin = self._file.seek(0, 2)
        with pa.ipc.new_stream(self._file, table.schema, options=_OPTIONS) as writer:
            writer.write_table(table)
        return begin

    def _table(self, kept: _Kept) -> pa.Table:
        if kept.table is not None:
            return kept.table
        if self._file is None:
            raise ValueError("a table of the spool is in no file")
        self._file.seek(kept.begin)
        return pa.ipc.open_stream(self._file).read_all()


def _hours(table: pa.Table) -> Counter[dt.datetime]:
    if _HOUR not in table.column_names:
        return Counter()
    found = pc.value_counts(table[_HOUR])
    return Counter(dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)))


class Buckets:
    """Tables of several kinds, of which rows with the same key come out together.

    `key`: the columns that name a row, the same in all kinds. Up to so many `rows` and bytes
    (`size`) in all are in one bucket. More are shared out among several, on disk where they are
    too many for memory.
    """

    def __init__(
        self, kinds: int, key: tuple[str, ...], rows: int = 4 * ROWS, size: int = IN_MEMORY
    ) -> None:
        self._key = key
        self._rows, self._size = rows, size
        self._whole = [Spool() for _ in range(kinds)]
        self._shares: list[list[Spool]] | None = None

    def add(self, kind: int, table: pa.Table) -> None:
        """Add rows of a kind."""
        self._whole[kind].append(table)
        rows = sum(spool.num_rows for spool in self._whole)
        size = sum(spool.size for spool in self._whole)
        if self._shares is None and (rows > self._rows or size > self._size):
            held = IN_MEMORY // _BUCKETS
            self._shares = [[Spool(held) for _ in range(_BUCKETS)] for _ in self._whole]
        if self._shares is not None:
            for each, shares in zip(self._whole, self._shares, strict=True):
                for waiting in each:
                    self._share(waiting, shares)
                del each[:]

    def __iter__(self) -> Iterator[list[pa.Table]]:
        """The rows of each bucket: one table for each kind."""
        if self._shares is None:
            yield [spool.parts().whole() for spool in self._whole]
            return
        for number in range(_BUCKETS):
            yield [shares[number].parts().whole() for shares in self._shares]

    def _share(self, table: pa.Table, shares: list[Spool]) -> None:
        numbers = _numbers(table, self._key)
        order = np.argsort(numbers, kind="stable")
        ordered = table.take(pa.array(order))
        ends = np.cumsum(np.bincount(numbers, minlength=_BUCKETS))
        for number, end in enumerate(ends):
            first = ends[number - 1] if number else 0
            shares[number].append(ordered.slice(first, end - first))


def _numbers(table: pa.Table, key: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """A bucket for each row, the same for the same key: by the bytes of its text."""
    total = np.zeros(table.num_rows, np.int64)
    for name in key:
        text = pc.fill_null(table[name].cast(pa.large_string()), "").combine_chunks()
        if isinstance(text, pa.ChunkedArray):
            text = pa.concat_arrays(text.chunks)
        ends = np.frombuffer(text.buffers()[1], np.int64)[text.offset :][: len(text) + 1]
        data = text.buffers()[2]
        written = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
        sums = np.concatenate([[0], np.cumsum(written[ends[0] : ends[-1]], dtype=np.int64)])
        total += np.diff(sums[ends - ends[0]])
    return total % _BUCKETS
