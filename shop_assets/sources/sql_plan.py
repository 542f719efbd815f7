"""What is to be read of a table: its columns, the time's kind, the window in the table's terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Select, TableClause, column, func, literal, select, table
from sqlalchemy.sql import quoted_name

from shop_assets.settings.shop import SqlStream
from shop_assets.sources.clock import local_bounds
from shop_assets.sources.decoded import Broken
from shop_assets.sources.protocol import PROVENANCE, Window

CursorKind = Literal["instant", "local", "date", "text"]
"""With a time zone; without one; a day; text that says one of these."""


@dataclass(frozen=True)
class SourceColumn:
    """A column of a source's table. `kind`: what it is as a cursor, if it can be one."""

    name: str
    type: str
    kind: CursorKind | None
    code: str = ""


@dataclass(frozen=True)
class Part:
    """Some rows as the database gave them; and those that could not be taken, by their index.

    `rows` holds a row for every broken one too, with nulls.
    """

    rows: pa.Table
    broken: Sequence[Broken] = ()


class TableReader(Protocol):
    """One kind of database driver."""

    where: str

    def opened(self) -> AbstractContextManager[Snapshot]:
        """The database as it is now, seen through one connection; `SourceError` if it can't be."""
        ...


class Snapshot(Protocol):
    """The database at one moment. Whatever it raises inside `opened` becomes a `SourceError`."""

    def columns(self, named: TableName) -> list[SourceColumn]:
        """The table's columns; none where there is no such table."""
        ...

    def without_time(self, named: TableName, cursor: SourceColumn, most: int) -> int:
        """How many rows have no time in their cursor, counted up to `most`."""
        ...

    def rows(self, plan: ReadPlan) -> Iterator[Part]:
        """The rows that may be in the plan's window, in its order."""
        ...

    def moment(self) -> datetime:
        """Which moment it shows, by the database's own clock."""
        ...

    def key_ranges(self, plan: KeyPlan, ranges: int) -> pa.Table | None:
        """`range`, `keys` and `checksum` of each range of keys; None where it cannot compute it.

        `ranges`: how many there are, a power of two. See `shop_assets.warehouse.source_keys`.
        """
        ...

    def keys(self, plan: KeyPlan, ranges: int, chosen: Sequence[int]) -> Iterator[pa.ChunkedArray]:
        """The keys of the chosen ranges as `key_text`; of all, where it cannot tell ranges."""
        ...


@dataclass(frozen=True)
class TableName:
    """`table` or `schema.table`."""

    schema: str | None
    name: str

    @classmethod
    def parse(cls, text: str) -> TableName:
        """The parts of a table's name; only the first dot parts them."""
        schema, dot, name = text.partition(".")
        return cls(schema, name) if dot else cls(None, text)

    def clause(self, names: Sequence[str] = ()) -> TableClause:
        """The table for SQLAlchemy, every identifier to be quoted."""
        schema = None if self.schema is None else quoted(self.schema)
        return table(quoted(self.name), *(column(quoted(n)) for n in names), schema=schema)


def quoted(name: str) -> quoted_name:
    """An identifier that is quoted, and so means exactly what it says."""
    return quoted_name(name, quote=True)


def count_without_time(named: TableName, cursor: SourceColumn, most: int) -> Select[int]:
    """The query that counts, up to `most`, the rows whose cursor is null."""
    source = named.clause([cursor.name])
    missing = select(literal(1)).where(source.c[cursor.name].is_(None)).limit(most).subquery()
    return select(func.count()).select_from(missing)


@dataclass(frozen=True)
class KeyPlan:
    """The keys of one table; `columns` are those of the key, in its order."""

    named: TableName
    columns: tuple[SourceColumn, ...]


@dataclass(frozen=True)
class ReadPlan:
    """One read of one table."""

    stream: SqlStream
    named: TableName
    columns: tuple[SourceColumn, ...]
    cursor: SourceColumn
    window: Window
    zone: ZoneInfo

    @property
    def local(self) -> tuple[datetime, datetime]:
        """Local times that hold the window, and at changes of the clock a little more."""
        return local_bounds(self.window.start, self.window.end, self.zone)

    @property
    def days(self) -> tuple[date, date]:
        """The first and last local day that may have its midnight in the window."""
        low, high = self.local
        return low.date(), high.date()

    def query(
        self,
        taken: Callable[[SourceColumn, ColumnElement[object]], ColumnElement[object]],
        inside: Callable[[ColumnElement[object]], ColumnElement[bool]],
    ) -> Select[Any]:
        """The SELECT: columns as `taken` says, rows where `inside` holds of the cursor."""
        source = self.named.clause([c.name for c in self.columns])
        columns = [taken(c, source.c[c.name]).label(quoted(c.name)) for c in self.columns]
        order = [self.cursor.name, *(k for k in self.stream.key if k != self.cursor.name)]
        return (
            select()
            .add_columns(*columns)
            .select_from(source)
            .where(inside(source.c[self.cursor.name]))
            .order_by(*(source.c[name] for name in order))
        )

    def provided(self, part: Part, times: pa.Array) -> pa.Table:
        """The rows of the window alone, with provenance."""
        rows = part.rows
        count = rows.num_rows
        errors: list[str | None] = [None] * count if part.broken else []
        texts: list[str | None] = [None] * count if part.broken else []
        for broken in part.broken:
            errors[broken.line], texts[broken.line] = broken.reason, broken.text
        added = {
            "_change_time": times,
            "_position": self._positions(rows),
            "_delivery": pa.repeat(pa.scalar(""), count),
            "_error": pa.array(errors, pa.string()) if errors else pa.nulls(count, pa.string()),
            "_line": pa.array(texts, pa.string()) if texts else pa.nulls(count, pa.string()),
        }
        for name, values in added.items():
            rows = rows.append_column(PROVENANCE.field(name), [values])
        start = pa.scalar(self.window.start, PROVENANCE.field("_change_time").type)
        end = pa.scalar(self.window.end, PROVENANCE.field("_change_time").type)
        within = pc.and_(pc.greater_equal(times, start), pc.less(times, end))
        if bool(np.asarray(within.to_numpy(zero_copy_only=False), bool).all()):
            return rows
        return rows.filter(within)

    def _positions(self, rows: pa.Table) -> pa.Array:
        pieces: list[object] = []
        for name in self.stream.key or (self.cursor.name,):
            value = rows[name].combine_chunks().cast(pa.string())
            pieces += [f",{name}=" if pieces else f"{self.stream.table}({name}=", value]
        joined = pc.binary_join_element_wise(
            *pieces, ")", "", null_handling="replace", null_replacement="null"
        )
        if isinstance(joined, pa.ChunkedArray):
            return (
                pa.concat_arrays(joined.chunks) if joined.num_chunks else pa.nulls(0, pa.string())
            )
        return joined
