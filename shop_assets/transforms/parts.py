"""A table in parts, of which one is in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from shop_assets.transforms.retyped import unified

ROWS, SIZE = 131_072, 64 * 2**20
"""How many rows and bytes a part has at most, if it has several rows."""


@dataclass(frozen=True)
class Parts:
    """Tables of one schema, which together are one table; none of them is empty.

    `each`: gives them, each time from the first on.
    """

    schema: pa.Schema
    each: Callable[[], Iterator[pa.Table]]

    @classmethod
    def of(cls, table: pa.Table) -> Parts:
        """A table that is in memory, in parts."""

        return cls(table.schema, lambda: gathered([table]))

    def map(self, change: Callable[[pa.Table], pa.Table]) -> Parts:
        """Parts that are changed one by one, all in the same way; no row is taken out."""
        return Parts(
            change(self.schema.empty_table()).schema, lambda: (change(part) for part in self.each())
        )

    def whole(self) -> pa.Table:
        """All of it in memory."""
        parts = list(self.each())
        if not self.schema.names:
            # Put together, tables without columns forget how many rows they have.
            rows = sum(part.num_rows for part in parts)
            return pa.table({"none": pa.nulls(rows)}).select([])
        return pa.concat_tables(parts) if parts else self.schema.empty_table()

    def described(self, metadata: dict[bytes | str, bytes | str]) -> Parts:
        """The same with this metadata of its schema."""
        return self.map(lambda part: part.replace_schema_metadata(metadata))


def in_one_schema(schemas: Iterable[pa.Schema], tables: Callable[[], Iterable[pa.Table]]) -> Parts:
    """Tables that may differ in their columns, as parts of one table.

    `schemas`: of the tables, in their order. A column that a table lacks is null there. Of one that
    comes in types that do not fit together, the later ones have names of their own.
    """
    names, schema = unified(list(schemas))

    def each() -> Iterator[pa.Table]:
        renamed = (t.rename_columns(own) for t, own in zip(tables(), names, strict=True))
        return gathered(fitted(table, schema) for table in renamed if table.num_rows)

    return Parts(schema, each)


def fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the columns and types of a schema; null where it lacks one."""
    if table.schema.equals(schema):
        return table
    known = set(table.column_names)
    return pa.Table.from_arrays(
        [
            table[field.name].cast(field.type)
            if field.name in known
            else pa.nulls(table.num_rows, field.type)
            for field in schema
        ],
        schema=schema,
    )


def gathered(tables: Iterable[pa.Table], rows: int = ROWS, size: int = SIZE) -> Iterator[pa.Table]:
    """Tables of one schema, put together and cut to at most so many rows and bytes."""
    waiting: list[pa.Table] = []
    count = held = 0
    for table in tables:
        for part in _cut(table, rows, size):
            if waiting and (count + part.num_rows > rows or held + part.nbytes > size):
                yield _together(waiting)
                waiting, count, held = [], 0, 0
            waiting.append(part)
            count, held = count + part.num_rows, held + part.nbytes
    if waiting:
        yield _together(waiting)


def _cut(table: pa.Table, rows: int, size: int) -> Iterator[pa.Table]:
    most = max(1, min(rows, table.num_rows * size // max(1, table.nbytes)))
    for first in range(0, table.num_rows, most):
        yield table.slice(first, most)


def _together(tables: Sequence[pa.Table]) -> pa.Table:
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables)
