"""Making a part of a table equal to freshly computed rows by writing only what differs.

A rerun that changes nothing writes nothing: no dead rows, no WAL, and nobody downstream is told.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pyarrow as pa

from shop_assets.entities import TableSpec
from shop_assets.warehouse import ddl, slices
from shop_assets.warehouse.connection import Cursor, fetch_one, in_batches, read
from shop_assets.warehouse.ddl import quoted


@dataclass(frozen=True)
class Target:
    """A table to be made equal: where it stands, its columns, and those that name a row.

    `month_of`: the column, one of the key, by whose months the table is partitioned.
    """

    schema: str
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    month_of: str | None = None

    @classmethod
    def of(cls, spec: TableSpec) -> Target:
        """A declared table."""
        month_of = spec.time if spec.by_month and spec.time in spec.key else None
        columns = tuple(spec.column_names)
        return cls(ddl.schema_of(spec), spec.name, columns, spec.key, month_of)

    @classmethod
    def versions_of(cls, spec: TableSpec) -> Target:
        """A declared entity's table of versions."""
        columns = (*spec.column_names, ddl.CHANGE_HOUR)
        key = (*spec.key, "version_at", ddl.CHANGE_HOUR)
        return cls(ddl.schema_of(spec), f"{spec.name}_versions", columns, key)

    @property
    def table(self) -> str:
        """The qualified, quoted name."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"


@dataclass(frozen=True)
class Difference:
    """How many rows went and came; and whether all of `fresh` came, since none was there before."""

    gone: int
    came: int
    all_came: bool

    @property
    def rows(self) -> int:
        """How many rows came, went or changed, the last ones counted twice."""
        return self.gone + self.came


def replace_rows(
    cursor: Cursor, target: Target, scope: str, looked_up: str | None = None
) -> Difference:
    """Make the rows of the table that meet `scope` equal to those of `pg_temp.fresh`.

    As `compare` and `write` do one after the other.
    """
    found = compare(cursor, target, scope, looked_up)
    write(cursor, target, scope, found)
    return found


def replace_slice(
    cursor: Cursor, target: Target, scope: str, rows: pa.Table, looked_up: str | None = None
) -> Difference:
    """Make the rows of the table that meet `scope` equal to `rows`.

    `looked_up`: as `compare` has it. The rows that went and came stand in `pg_temp.gone` and
    `pg_temp.came`.

    Raises:
        ValueError: some of `rows` lie outside of `scope`, where nothing would replace them.
    """
    if looked_up is not None or stands(cursor, target, scope):
        slices.stage(cursor, "fresh", rows)
        return replace_rows(cursor, target, scope, looked_up)
    append(cursor, target, scope, rows)
    return Difference(0, rows.num_rows, all_came=True)


def stands(cursor: Cursor, target: Target, scope: str) -> bool:
    """Whether any row of the table meets `scope`."""
    # Counted, not asked for the first one: looking for that, the planner may go through all there
    # is in whichever order it stands, and find out only at the end that there is none.
    return bool(fetch_one(cursor, f"SELECT count(*) FROM {target.table} t WHERE {scope}"))


def append(cursor: Cursor, target: Target, scope: str, rows: pa.Table) -> None:
    """Put in rows where none stands to compare them with: by COPY into the table itself.

    As `replace_slice` does it, with the same tables and the same error.
    """
    cursor.adbc_ingest(target.name, in_batches(rows), mode="append", db_schema_name=target.schema)
    columns = ", ".join(map(quoted, target.columns))
    cursor.execute(f"CREATE TEMP VIEW came AS SELECT {columns} FROM {target.table} t WHERE {scope}")
    cursor.execute("CREATE TEMP TABLE gone (LIKE pg_temp.came) ON COMMIT DROP")
    all_within(target, rows.num_rows, int(fetch_one(cursor, "SELECT count(*) FROM pg_temp.came")))


def all_within(target: Target, count: int, within: int) -> None:
    """Raise `ValueError` where not all of the rows that a load brings lie within its scope."""
    if count > within:
        rows = "1 row lies" if count == within + 1 else f"{count - within} rows lie"
        raise ValueError(f"{target.name}: {rows} outside of the slice that is replaced")


def compare(cursor: Cursor, target: Target, scope: str, looked_up: str | None = None) -> Difference:
    """Find what makes the rows of the table that meet `scope` equal to those of `pg_temp.fresh`.

    `scope`: an SQL condition on the table's columns (as `t`), which all of `fresh` meets too.
    `looked_up`: what gives just those rows, as `t`, where the planner is not to choose how.
    The rows that go and come stand in `pg_temp.gone` and `pg_temp.came`, and all of those that
    are there in `pg_temp.present`.

    Raises:
        ValueError: rows of `fresh` lie outside of `scope`, where nothing would replace them.
    """
    # Counted by what meets the scope: for rows that do not, a condition such as EXISTS is no join,
    # but tried for each row anew once there are too many to be hashed.
    count, within = _figures(
        cursor,
        "SELECT (SELECT count(*) FROM pg_temp.fresh), "
        f"(SELECT count(*) FROM pg_temp.fresh t WHERE {scope})",
    )
    all_within(target, count, within)
    return _compare(cursor, target, count, looked_up or f"{target.table} t WHERE {scope}")


def write(cursor: Cursor, target: Target, scope: str, found: Difference) -> None:
    """Take out and put in what `compare` has found of these rows."""
    if found.gone:
        slices.analyze(cursor, "gone")
        same = " AND ".join(f"t.{quoted(k)} = g.{quoted(k)}" for k in target.key)
        wheres = [scope]
        if target.month_of is not None:
            spans = months(cursor, "pg_temp.gone", target.month_of)
            wheres = [span.of("t", "g") for span in spans]
        for where in wheres:
            cursor.execute(
                f"DELETE FROM {target.table} t USING pg_temp.gone g WHERE {same} AND {where}"
            )
    if found.came:
        columns = ", ".join(map(quoted, target.columns))
        keys = ", ".join(map(quoted, ddl.sorted_by(target.key)))
        cursor.execute(
            f"INSERT INTO {target.table} ({columns}) "
            f"SELECT {columns} FROM pg_temp.came ORDER BY {keys}"
        )


def _compare(cursor: Cursor, target: Target, count: int, present: str) -> Difference:
    """Make `pg_temp.gone` and `pg_temp.came`. `present`: what gives the rows that are there."""
    columns = ", ".join(map(quoted, target.columns))
    of_table = ", ".join(f"t.{quoted(name)}" for name in target.columns)
    for name in ("gone", "came", "present", "unequal"):
        cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
    cursor.execute(f"CREATE TEMP TABLE present ON COMMIT DROP AS SELECT {of_table} FROM {present}")
    if not fetch_one(cursor, "SELECT EXISTS (SELECT FROM pg_temp.present)"):
        cursor.execute("CREATE TEMP TABLE gone (LIKE pg_temp.present) ON COMMIT DROP")
        # What never was there is all there is to come: it need not be copied.
        cursor.execute(f"CREATE TEMP VIEW came AS SELECT {columns} FROM pg_temp.fresh")
        return Difference(0, count, all_came=True)
    sides = ", ".join(
        f"p.{quoted(name)} AS p{n}, f.{quoted(name)} AS f{n}"
        for n, name in enumerate(target.columns)
    )
    same_key = " AND ".join(f"p.{quoted(k)} = f.{quoted(k)}" for k in target.key)
    differs = " OR ".join(
        f"p.{quoted(name)} IS DISTINCT FROM f.{quoted(name)}" for name in target.columns
    )
    # Neither side is read twice, and what is equal, which is nearly all, is nowhere written.
    cursor.execute(
        f"CREATE TEMP TABLE unequal ON COMMIT DROP AS SELECT {sides} "
        f"FROM pg_temp.present p FULL JOIN pg_temp.fresh f ON {same_key} WHERE {differs}"
    )
    # A key is never null in the table.
    there = f"p{target.columns.index(target.key[0])} IS NOT NULL"
    told = f"f{target.columns.index(target.key[0])} IS NOT NULL"
    for name, side, where in (("gone", "p", there), ("came", "f", f"{told} OR NOT ({there})")):
        shown = ", ".join(f"{side}{n} AS {quoted(c)}" for n, c in enumerate(target.columns))
        cursor.execute(
            f"CREATE TEMP TABLE {name} ON COMMIT DROP AS "
            f"SELECT {shown} FROM pg_temp.unequal WHERE {where}"
        )
    gone, came = _figures(
        cursor, "SELECT (SELECT count(*) FROM pg_temp.gone), (SELECT count(*) FROM pg_temp.came)"
    )
    return Difference(gone, came, all_came=False)


def _figures(cursor: Cursor, sql: str) -> tuple[int, int]:
    """Two figures that a query gives."""
    cursor.execute(sql)
    first, second = cursor.fetchone()
    return int(first), int(second)


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
