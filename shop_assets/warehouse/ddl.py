"""The DDL of every declared table, made from its declaration; `meta` has the platform's own.

Physical tables stand in `warehouse`, `marts_base` and `analytics_base`, with money in integer
micros. Analysts read the views in `marts` and `analytics` (and `marts.sales_ledger`), where money
is `numeric` in major units and columns of persons are left out.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Sequence

from shop_assets.entities import TABLES, Column, TableSpec
from shop_assets.warehouse.meta import META

SCHEMAS = ("meta", "warehouse", "marts_base", "analytics_base", "marts", "analytics")
LAKE_ONLY = frozenset({"web_events"})
"""Entities that stay in the lake; PostgreSQL gets what is made of them."""

HISTORIES = ("customers", "products")
"""Dimensions whose history analysts can read."""

CHANGE_HOUR = "change_hour"
"""In tables of versions: the hour of change that brought the version, its slice."""

RANGE_PAGES = 16
"""How many pages (of 8 KiB) make one range of those that an index by `time_ranges` knows: about as
many rows as a small shop has in an hour. Of a large one's month there are some ten thousands."""


def quoted(name: str) -> str:
    """An identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def schema_of(spec: TableSpec) -> str:
    """The schema of the table that holds the rows."""
    return "warehouse" if spec.layer == "warehouse" else f"{spec.layer}_base"


def physical(spec: TableSpec) -> str:
    """The qualified, quoted name of the table that holds the rows."""
    return f"{quoted(schema_of(spec))}.{quoted(spec.name)}"


def versions(spec: TableSpec) -> str:
    """The qualified, quoted name of the table that holds every version of each row."""
    return f"{quoted('warehouse')}.{quoted(spec.name + '_versions')}"


def column_list(spec: TableSpec, prefix: str = "") -> str:
    """The columns, quoted, each with `prefix` (as `s.`)."""
    return ", ".join(prefix + quoted(name) for name in spec.column_names)


def stored_tables() -> Iterator[TableSpec]:
    """The tables that stand in PostgreSQL."""
    return (spec for spec in TABLES.values() if spec.name not in LAKE_ONLY)


def create_all(reader: str | None) -> Iterator[str]:
    """Statements that make all schemas, tables and views; they change nothing that is there.

    `reader`: the role that may read the views, and nothing else.
    """
    for schema in SCHEMAS:
        yield f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}"
    yield from (part for part in META.split(";") if part.strip())
    for spec in stored_tables():
        yield from create_table(spec)
    for spec in stored_tables():
        if spec.layer != "warehouse":
            yield create_view(spec, spec.layer)
    yield create_view(TABLES["sales_ledger"], "marts")
    for name in HISTORIES:
        yield create_history(TABLES[name])
    if reader is not None:
        for schema in ("marts", "analytics"):
            yield f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {quoted(reader)}"
            yield f"GRANT SELECT ON ALL TABLES IN SCHEMA {quoted(schema)} TO {quoted(reader)}"


def fingerprint(reader: str | None) -> str:
    """What `create_all` makes, in a few characters: it changes with any declaration."""
    return hashlib.sha256("\0".join(create_all(reader)).encode()).hexdigest()


def create_table(spec: TableSpec) -> Iterator[str]:
    """The table, its table of versions, and their indexes."""
    name = physical(spec)
    key = list(found_by(spec))
    if spec.by_month and spec.time not in key:
        key.append(str(spec.time))
    partitioning = f" PARTITION BY RANGE ({quoted(str(spec.time))})" if spec.by_month else ""
    yield (
        f"CREATE TABLE IF NOT EXISTS {name} ({_columns(spec.columns)}, "
        f"PRIMARY KEY ({', '.join(map(quoted, key))})){partitioning}"
    )
    yield f"COMMENT ON TABLE {name} IS {literal(spec.description)}"
    for column in spec.columns:
        yield (f"COMMENT ON COLUMN {name}.{quoted(column.name)} IS {literal(column.description)}")
    yield from (_create_index(spec.name, name, index) for index in spec.indexes)
    if spec.time_ranges:
        yield (
            f"CREATE INDEX IF NOT EXISTS {quoted(f'{spec.name}_{spec.time}_ranges')} ON {name} "
            f"USING brin ({quoted(str(spec.time))} timestamptz_minmax_multi_ops) "
            f"WITH (pages_per_range = {RANGE_PAGES})"
        )
    if spec.versioned:
        yield (
            f"CREATE TABLE IF NOT EXISTS {versions(spec)} ({_columns(spec.columns)}, "
            f"{quoted(CHANGE_HOUR)} timestamp with time zone NOT NULL, "
            f"PRIMARY KEY ({', '.join(map(quoted, (*found_by(spec), 'version_at', CHANGE_HOUR)))}))"
        )
        yield (
            f"CREATE INDEX IF NOT EXISTS {quoted(spec.name + '_versions_change_hour')} "
            f"ON {versions(spec)} ({quoted(CHANGE_HOUR)})"
        )
        for index in spec.version_indexes:
            yield _create_index(f"{spec.name}_versions", versions(spec), index)


def _create_index(prefix: str, table: str, index: tuple[str, ...]) -> str:
    name = quoted("_".join((prefix, *index))[:60])
    return f"CREATE INDEX IF NOT EXISTS {name} ON {table} ({', '.join(map(quoted, index))})"


def create_view(spec: TableSpec, schema: str) -> str:
    """The view that analysts read."""
    shown = [_shown(column) for column in spec.columns if not column.pii]
    rows = f"SELECT {', '.join(shown)} FROM {physical(spec)}"
    if spec.name == "sales_ledger":
        rows += " WHERE NOT is_test"
    if spec.name == "customer_rfm":
        rows += f" UNION ALL {_prospects(spec)}"
    return f"CREATE OR REPLACE VIEW {quoted(schema)}.{quoted(spec.name)} AS {rows}"


def _prospects(segments: TableSpec) -> str:
    """A query for the customers who have not ordered yet, as the view of segments shows them.

    They are found when somebody looks: written down they would be most of the table, and compared
    with it each hour.
    """
    as_of = f"(SELECT as_of FROM {physical(segments)} LIMIT 1)"
    said = {
        "source": "c.source",
        "customer_id": "c.customer_id",
        "currency": "'XXX'",
        "as_of": f"coalesce({as_of}, current_date)",
        "frequency": "0",
        "monetary_micros": "0",
        "segment": "'PROSPECTS'",
    }
    shown = ", ".join(
        _in_major_units(column, f"{said.get(column.name, 'NULL')}::{column.postgres}")
        for column in segments.columns
        if not column.pii
    )
    return (
        f"SELECT {shown} FROM warehouse.customers c WHERE NOT c.deleted "
        f"AND NOT EXISTS (SELECT FROM {physical(segments)} t "
        "WHERE t.source = c.source AND t.customer_id = c.customer_id)"
    )


def create_history(spec: TableSpec) -> str:
    """The view of a dimension's history (type 2): one row per version, with its span of time."""
    shown = ", ".join(_shown(column) for column in spec.columns if not column.pii)
    # In the order of the index of the versions, which then need not be sorted whole.
    keys = ", ".join(map(quoted, sorted_by(spec.key)))
    version = f"{keys}, version_at"
    return (
        f"CREATE OR REPLACE VIEW {quoted('marts')}.{quoted(spec.name + '_history')} AS "
        f"SELECT {shown}, version_at AS valid_from, "
        f"lead(version_at) OVER (PARTITION BY {keys} ORDER BY version_at) AS valid_to FROM ("
        f"SELECT DISTINCT ON ({version}) * FROM {versions(spec)} "
        f"ORDER BY {version}, {quoted(CHANGE_HOUR)} DESC) v"
    )


def month_partition(spec: TableSpec, month: dt.date) -> tuple[str, list[str]]:
    """The name (unquoted) of a month's partition, and the statements that make and attach it.

    Made apart and then attached, since that lets readers of the parent go on.
    """
    name = f"{spec.name}_{month:%Y_%m}"
    following = (month.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    table = f"{quoted(schema_of(spec))}.{quoted(name)}"
    return name, [
        f"CREATE TABLE {table} (LIKE {physical(spec)} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
        (
            f"ALTER TABLE {physical(spec)} ATTACH PARTITION {table} FOR VALUES "
            f"FROM ('{month:%Y-%m-01} 00:00:00+00') TO ('{following:%Y-%m-01} 00:00:00+00')"
        ),
    ]


def _shown(column: Column) -> str:
    name = quoted(column.name)
    if not column.is_money:
        return name
    return f"{_in_major_units(column, name)} AS {quoted(column.name.removesuffix('_micros'))}"


def _in_major_units(column: Column, value: str) -> str:
    return f"{value} * 0.000001" if column.is_money else value


def _columns(columns: Iterable[Column]) -> str:
    return ", ".join(
        f"{quoted(c.name)} {c.postgres}{'' if c.nullable else ' NOT NULL'}" for c in columns
    )


def found_by(spec: TableSpec) -> tuple[str, ...]:
    """A table's key in the order of its index, where rows are put and looked up by the million.

    Going down to a row's place, the index compares some twenty others by the first column alone,
    as long as that differs: an id comes before `source`, of which there are few.
    """
    if spec.layer != "warehouse":
        return spec.key
    source, first, *others = spec.key
    return (first, source, *others)


def versions_of(
    spec: TableSpec, keys: str, by: Sequence[str] = (), where: str | None = None
) -> str:
    """What gives all versions of the rows that `keys` (as `c`) name, as `v`.

    `by`: the columns that name them, where they are not the whole key. `where`: a condition on the
    versions, where some are left out. Key by key (`OFFSET 0`): going by what is known of earlier
    hours, the planner may expect few versions, and would compare each with each key.
    """
    same = [f"v.{quoted(k)} = c.{quoted(k)}" for k in by or spec.key]
    meant = " AND ".join([*same, f"({where})"] if where else same)
    found = f"SELECT * FROM {versions(spec)} v WHERE {meant} OFFSET 0"
    return f"{keys} c CROSS JOIN LATERAL ({found}) v"


def sorted_by(key: Iterable[str]) -> tuple[str, ...]:
    """A key's columns in the order that rows are to be sorted by where any order will do.

    Rows are compared by the first one alone as long as it differs: `source`, of which there are
    few, comes last.
    """
    names = tuple(key)
    return (*(n for n in names if n != "source"), *(n for n in names if n == "source"))


def literal(text: str) -> str:
    """A text as an SQL literal, the same whatever the server takes a backslash for."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'" if "\\" not in text else "E'" + doubled.replace("\\", "\\\\") + "'"
