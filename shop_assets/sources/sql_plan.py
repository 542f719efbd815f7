"""What is to be read of a table or query: columns, the time's kind, the window in its terms."""

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
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    column,
    func,
    literal,
    select,
    table,
    text,
)
from sqlalchemy.sql import quoted_name

from shop_assets.settings.shop import SqlStream
from shop_assets.sources.clock import local_bounds
from shop_assets.sources.decoded import Broken
from shop_assets.sources.errors import SourceError
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

    def columns(self, relation: Relation) -> list[SourceColumn]:
        """The columns of the table or query; none where there is no such table."""
        ...

    def without_time(self, relation: Relation, cursor: SourceColumn, most: int) -> int:
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

    @property
    def label(self) -> str:
        """Its name in messages, and in the positions of rows."""
        return self.name if self.schema is None else f"{self.schema}.{self.name}"

    @property
    def words(self) -> str:
        """What it is, in a sentence."""
        return f"table {self.label}"

    def clause(self, names: Sequence[str] = ()) -> FromClause:
        """The table for SQLAlchemy, every identifier to be quoted."""
        schema = None if self.schema is None else quoted(self.schema)
        return table(quoted(self.name), *(column(quoted(n)) for n in names), schema=schema)


@dataclass(frozen=True)
class Query:
    """A SELECT that is read like a table. `label`: the stream's name."""

    text: str
    label: str

    @property
    def words(self) -> str:
        """What it is, in a sentence."""
        return f"the query of stream {self.label}"

    def clause(self, names: Sequence[str] = ()) -> FromClause:
        """The query as a subquery; its last line may be a comment."""
        written = text(self.text.replace(":", "\\:") + "\n")
        return written.columns(*(column(quoted(n)) for n in names)).subquery("shop_assets_rows")

    def refuse_repeated(self, names: Sequence[str]) -> None:
        """`SourceError` where two of its columns have the same name."""
        for name in names:
            if names.count(name) > 1:
                raise SourceError(
                    f"{self.words} has {names.count(name)} columns {name!r}; one is expected "
                    "(name the others by AS)"
                )


Relation = TableName | Query
"""What a stream reads."""


def relation_of(name: str, stream: SqlStream) -> Relation:
    """The table or query of a stream."""
    return (
        Query(stream.query, name)
        if stream.query is not None
        else TableName.parse(str(stream.table))
    )


def quoted(name: str) -> quoted_name:
    """An identifier that is quoted, and so means exactly what it says."""
    return quoted_name(name, quote=True)


def count_without_time(
    relation: Relation,
    cursor: SourceColumn,
    most: int,
    earliest: ColumnElement[Any] | None = None,
) -> Select[int]:
    """The query that counts, up to `most`, the rows whose cursor is null, or before `earliest`."""
    source = relation.clause([cursor.name])
    times = source.c[cursor.name]
    untimed = times.is_(None) if earliest is None else times.is_(None) | (times < earliest)
    missing = select(literal(1)).select_from(source).where(untimed).limit(most).subquery()
    return select(func.count()).select_from(missing)


@dataclass(frozen=True)
class KeyPlan:
    """The keys of one table or query; `columns` are those of the key, in its order."""

    relation: Relation
    columns: tuple[SourceColumn, ...]


@dataclass(frozen=True)
class ReadPlan:
    """One read of one table or query. Without `cursor`: of all its rows."""

    stream: SqlStream
    relation: Relation
    columns: tuple[SourceColumn, ...]
    cursor: SourceColumn | None
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
        source = self.relation.clause([c.name for c in self.columns])
        columns = [taken(c, source.c[c.name]).label(quoted(c.name)) for c in self.columns]
        order = [source.c[key] for key in self.stream.key]
        rows = select().add_columns(*columns).select_from(source)
        if self.cursor is None:
            return rows.order_by(*order)
        cursor = source.c[self.cursor.name]
        return rows.where(inside(cursor)).order_by(cursor, *(k for k in order if k is not cursor))

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
        cursor = () if self.cursor is None else (self.cursor.name,)
        for name in self.stream.key or cursor:
            value = rows[name].combine_chunks().cast(pa.string())
            pieces += [f",{name}=" if pieces else f"{self.relation.label}({name}=", value]
        joined = pc.binary_join_element_wise(
            *pieces, ")", "", null_handling="replace", null_replacement="null"
        )
        if isinstance(joined, pa.ChunkedArray):
            return (
                pa.concat_arrays(joined.chunks) if joined.num_chunks else pa.nulls(0, pa.string())
            )
        return joined
