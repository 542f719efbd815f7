"""Making a part of a table equal to freshly computed rows by writing only what differs.

A rerun that changes nothing writes nothing: no dead rows, no WAL, and nobody downstream is told.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from shop_assets.entities import TableSpec
from shop_assets.warehouse import ddl
from shop_assets.warehouse.connection import Cursor, fetch_one, read
from shop_assets.warehouse.ddl import quoted


@dataclass(frozen=True)
class Target:
    """A table to be made equal: its quoted name, its columns, and those that name a row.

    `month_of`: the column, one of the key, by whose months the table is partitioned.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    month_of: str | None = None

    @classmethod
    def of(cls, spec: TableSpec) -> Target:
        """A declared table."""
        month_of = spec.time if spec.by_month and spec.time in spec.key else None
        columns = tuple(spec.column_names)
        return cls(spec.name, ddl.physical(spec), columns, spec.key, month_of)

    @classmethod
    def versions_of(cls, spec: TableSpec) -> Target:
        """A declared entity's table of versions."""
        columns = (*spec.column_names, ddl.CHANGE_HOUR)
        key = (*spec.key, "version_at", ddl.CHANGE_HOUR)
        return cls(f"{spec.name}_versions", ddl.versions(spec), columns, key)


def apply_difference(
    cursor: Cursor, target: Target, scope: str, looked_up: str | None = None
) -> int:
    """Make the rows of the table that meet `scope` equal to those of `pg_temp.fresh`.

    `scope`: an SQL condition on the table's columns (as `t`), which all of `fresh` meets too.
    `looked_up`: what gives just those rows, as `t`, where the planner is not to choose how.
    Returns how many rows came, went or changed; they stand in `pg_temp.gone` and `pg_temp.came`.

    Raises:
        ValueError: rows of `fresh` lie outside of `scope`, where nothing would replace them.
    """
    columns = ", ".join(map(quoted, target.columns))
    of_table = ", ".join(f"t.{quoted(name)}" for name in target.columns)
    # Counted by what meets the scope: for rows that do not, a condition such as EXISTS is no join,
    # but tried for each row anew once there are too many to be hashed.
    outside = int(
        fetch_one(
            cursor,
            "SELECT (SELECT count(*) FROM pg_temp.fresh) - "
            f"(SELECT count(*) FROM pg_temp.fresh t WHERE {scope})",
        )
    )
    if outside:
        rows = "1 row lies" if outside == 1 else f"{outside} rows lie"
        raise ValueError(f"{target.name}: {rows} outside of the slice that is replaced")
    for name in ("gone", "came", "present"):
        cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
    cursor.execute(
        f"CREATE TEMP TABLE present ON COMMIT DROP AS "
        f"SELECT {of_table} FROM {looked_up or f'{target.table} t WHERE {scope}'}"
    )
    cursor.execute(
        f"CREATE TEMP TABLE gone ON COMMIT DROP AS SELECT {columns} FROM pg_temp.present "
        f"EXCEPT SELECT {columns} FROM pg_temp.fresh"
    )
    if fetch_one(cursor, "SELECT EXISTS (SELECT FROM pg_temp.present)"):
        came = f"SELECT {columns} FROM pg_temp.fresh EXCEPT SELECT {columns} FROM pg_temp.present"
    else:
        came = f"SELECT {columns} FROM pg_temp.fresh"
    cursor.execute(f"CREATE TEMP TABLE came ON COMMIT DROP AS {came}")
    gone = int(fetch_one(cursor, "SELECT count(*) FROM pg_temp.gone"))
    added = int(fetch_one(cursor, "SELECT count(*) FROM pg_temp.came"))
    if gone:
        cursor.execute("ANALYZE pg_temp.gone")
        same = " AND ".join(f"t.{quoted(k)} = g.{quoted(k)}" for k in target.key)
        wheres = [scope]
        if target.month_of is not None:
            spans = months(cursor, "pg_temp.gone", target.month_of)
            wheres = [span.of("t", "g") for span in spans]
        for where in wheres:
            cursor.execute(
                f"DELETE FROM {target.table} t USING pg_temp.gone g WHERE {same} AND {where}"
            )
    if added:
        keys = ", ".join(map(quoted, target.key))
        cursor.execute(
            f"INSERT INTO {target.table} ({columns}) "
            f"SELECT {columns} FROM pg_temp.came ORDER BY {keys}"
        )
    return gone + added


@dataclass(frozen=True)
class Month:
    """One month of a column of time, in UTC."""

    column: str
    start: dt.datetime

    def of(self, *tables: str) -> str:
        """A condition that the rows of these tables are of this month.

        In literals: they leave one partition to be planned for, which is costed as what it is.
        """
        following = (self.start + dt.timedelta(days=32)).replace(day=1)
        name = quoted(self.column)
        return " AND ".join(
            f"{t}.{name} >= '{self.start.isoformat()}' AND {t}.{name} < '{following.isoformat()}'"
            for t in tables
        )


def months(cursor: Cursor, table: str, column: str) -> list[Month]:
    """The months that rows of a table stand in."""
    found = read(
        cursor, f"SELECT DISTINCT date_trunc('month', {quoted(column)}, 'UTC') FROM {table}"
    )
    starts = sorted(found.iloc[:, 0].dropna())
    return [Month(column, start.to_pydatetime().astimezone(dt.UTC)) for start in starts]
