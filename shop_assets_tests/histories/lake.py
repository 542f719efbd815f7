"""A lake in memory, with the contract of `DeltaStore`: raw appends attempts, clean replaces."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.transforms.parts import Parts

_TIME = pa.timestamp("us", "UTC")


class MemoryLake:
    """Tables of rows by hour; a commit of a `load_id` that is known is not made again."""

    def __init__(self) -> None:
        self._tables: dict[str, pa.Table] = {}
        self._known: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def append(self, table: str, data: pa.Table, *, load_id: str) -> bool:
        with self._lock:
            if not data.num_rows or not self._fresh(table, load_id):
                return False
            self._add(table, data)
            return True

    def replace(
        self, table: str, rows: Parts, start: dt.datetime, end: dt.datetime, *, load_id: str
    ) -> bool:
        data = rows.whole()
        with self._lock:
            if not self._fresh(table, load_id):
                return False
            if table in self._tables:
                held = self._tables[table]
                self._tables[table] = held.filter(pc.invert(_within(held, start, end)))
            if data.num_rows:
                self._add(table, data)
            return True

    def read(
        self,
        table: str,
        start: dt.datetime,
        end: dt.datetime,
        columns: Sequence[str] | None = None,
    ) -> pa.Table | None:
        with self._lock:
            held = self._tables.get(table)
        if held is None:
            return None
        found = held.filter(_within(held, start, end))
        return found if columns is None else found.select(list(columns))

    def table(self, name: str) -> pa.Table | None:
        """All rows of a table; None where it was never written."""
        return self._tables.get(name)

    def copy_of_raw(self) -> MemoryLake:
        """A lake with the same raw attempts, and nothing made of them."""
        copy = MemoryLake()
        copy._tables = {n: t for n, t in self._tables.items() if n.startswith("raw/")}
        return copy

    def hours(self, prefix: str) -> set[dt.datetime]:
        """The hours of which any table of that prefix has rows."""
        return {
            hour
            for name, table in self._tables.items()
            if name.startswith(prefix)
            for hour in pc.unique(table["_hour"]).to_pylist()
        }

    def _fresh(self, table: str, load_id: str) -> bool:
        if (table, load_id) in self._known:
            return False
        self._known.add((table, load_id))
        return True

    def _add(self, table: str, data: pa.Table) -> None:
        held = self._tables.get(table)
        parts = [data] if held is None else [held, data]
        joined = pa.concat_tables(parts, promote_options="permissive")
        self._tables[table] = joined.combine_chunks()


def _within(table: pa.Table, start: dt.datetime, end: dt.datetime) -> pa.ChunkedArray:
    hour = table["_hour"]
    return pc.and_(
        pc.greater_equal(hour, pa.scalar(start, _TIME)), pc.less(hour, pa.scalar(end, _TIME))
    )
