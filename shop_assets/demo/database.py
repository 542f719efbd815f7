"""Writing to a source system's database: whole tables at once, the newest version winning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import adbc_driver_manager
import pyarrow as pa
import sqlalchemy as sa
from adbc_driver_postgresql import dbapi
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateTable, DropTable
from sqlalchemy.sql.elements import ColumnElement

from shop_assets.errors import UserError

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_MICROS = 1_000_000


def _text(clause: Any) -> str:
    return str(clause.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))


class Database:
    """One connection to a PostgreSQL database; what is written is visible after `commit`.

    Raises `UserError` where the database cannot be reached.
    """

    def __init__(self, url: str, name: str) -> None:
        plain = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url)
        try:
            self._connection = dbapi.connect(plain)
        except adbc_driver_manager.Error as error:
            reason = str(error).strip().splitlines()[-1]
            raise UserError(
                f"the simulated shop's {name} database cannot be reached: {reason}"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def create(self, tables: Sequence[sa.Table], *, fresh: bool) -> None:
        """Make the tables where they are missing; with `fresh`, make all of them anew."""
        with self._connection.cursor() as cursor:
            for table in tables:
                if table.schema:
                    cursor.execute(_text(CreateSchema(table.schema, if_not_exists=True)))
                if fresh:
                    cursor.execute(_text(DropTable(table, if_exists=True)))
                cursor.execute(_text(CreateTable(table, if_not_exists=True)))
                for index in sorted(table.indexes, key=lambda i: str(i.name)):
                    cursor.execute(_text(CreateIndex(index, if_not_exists=True)))
        self._connection.commit()

    def write(self, table: sa.Table, rows: pa.Table) -> None:
        """Insert the rows, or put them in the place of those with the same key.

        `rows`: the table's columns in any order, each key once, `numeric` ones as whole micros.
        """
        if rows.num_rows == 0:
            return
        stage = sa.table(f"stage_{table.name}", *(sa.column(n) for n in rows.column_names))
        insert = postgresql.insert(table)
        statement = insert.from_select(
            rows.column_names,
            sa.select(*(_converted(stage.c[n], table.c[n]) for n in rows.column_names)),
        )
        key = [c.name for c in table.primary_key]
        changes = {n: insert.excluded[n] for n in rows.column_names if n not in key}
        statement = statement.on_conflict_do_update(index_elements=key, set_=changes)
        with self._connection.cursor() as cursor:
            cursor.execute(_text(sa.text("DROP TABLE IF EXISTS pg_temp.")) + stage.name)
            cursor.adbc_ingest(stage.name, rows, mode="create", temporary=True)
            cursor.execute(_text(statement))

    def read(self, table: sa.Table) -> pa.Table:
        """All rows of a table."""
        with self._connection.cursor() as cursor:
            cursor.execute(_text(sa.select(table)))
            return cursor.fetch_arrow_table()

    def commit(self) -> None:
        """Make what was written visible."""
        self._connection.commit()

    def rollback(self) -> None:
        """Forget what was written since the last commit."""
        self._connection.rollback()

    def close(self) -> None:
        """Give the connection back; what was not committed is forgotten."""
        self._connection.close()


def _temporary(name: str) -> sa.Table:
    return sa.Table(name, sa.MetaData(), schema="pg_temp")


def _converted(staged: ColumnElement[Any], target: sa.Column[Any]) -> ColumnElement[Any]:
    if isinstance(target.type, sa.Numeric):
        return sa.cast(staged, sa.Numeric) / _MICROS
    return staged
