"""Loading an entity: every version kept, the newest current, and the marts it touches asked for."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa

from shop_assets.entities import TableSpec
from shop_assets.warehouse import ddl, slices
from shop_assets.warehouse.connection import Cursor, Warehouse, fetch_one
from shop_assets.warehouse.ddl import quoted
from shop_assets.warehouse.slices import Load, Written

_TOLD = "_told"
"""The place of a staged row among all: of two tellings of a version the later one counts."""


def merge_entity(warehouse: Warehouse, spec: TableSpec, rows: pd.DataFrame, load: Load) -> Written:
    """Merge rows (the entity's columns) into its table: the newest version of each key wins.

    Loading the same rows again, or older ones after newer ones, changes nothing. A version that
    is told more than once counts as it was told last: by the hour (`_hour`, where the rows have
    it), else by their order. Raises `StaleWriterError`; see `slices`.
    """
    if "_hour" in rows.columns:
        rows = rows.sort_values("_hour", kind="stable")
    staged = slices.to_arrow(rows, spec)
    if spec.by_month:
        warehouse.ensure_months(spec, staged.column(str(spec.time)))
    with warehouse.transaction() as cursor, slices.publishing(cursor, load) as publication:
        if publication.before is not None:
            return publication.before
        changed = 0
        if staged.num_rows:
            told = pa.array(np.arange(staged.num_rows))
            slices.stage(cursor, "staged", staged.append_column(_TOLD, told))
            merge = _merge_versions if spec.versioned else _merge_current
            changed = merge(cursor, spec)
            if changed:
                _ask_for_marts(cursor, spec)
        return publication.note(staged.num_rows, changed)


def _newest_staged(spec: TableSpec, key: tuple[str, ...]) -> str:
    """Staged rows, the newest for each of `key`, with the least of what is kept earliest."""
    keys = ", ".join(map(quoted, key))
    shown = []
    for column in spec.columns:
        name = quoted(column.name)
        if column.merge == "earliest":
            shown.append(f"min({name}) OVER (PARTITION BY {keys}) AS {name}")
        else:
            shown.append(name)
    newest = "" if "version_at" in key else "version_at DESC, "
    return (
        f"SELECT DISTINCT ON ({keys}) {', '.join(shown)} FROM pg_temp.staged "
        f"ORDER BY {keys}, {newest}{_TOLD} DESC"
    )


def _merge_versions(cursor: Cursor, spec: TableSpec) -> int:
    """Add the staged versions, then make the current rows of the keys that got any."""
    key = (*spec.key, "version_at")
    kept = ddl.versions(spec)
    # Loads of other hours may bring versions of the same rows: each must see those before it.
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 4))", parameters=(spec.name,))
    # A version that is told again may move in time: its row stands where it stood before.
    same = " AND ".join(f"v.{quoted(k)} = s.{quoted(k)}" for k in key)
    latest = fetch_one(
        cursor,
        f"SELECT max(v.{quoted(str(spec.time))}) FROM {kept} v JOIN pg_temp.staged s ON {same}",
    )
    assignments, compared = [], []
    for column in spec.columns:
        if column.name in key:
            continue
        name = quoted(column.name)
        value = f"excluded.{name}"
        if column.merge == "earliest":
            value = f"least(t.{name}, excluded.{name})"
        assignments.append(f"{name} = {value}")
        compared.append((f"t.{name}", value))
    cursor.execute(
        "CREATE TEMP TABLE changed ON COMMIT DROP AS WITH put AS ("
        f"INSERT INTO {kept} AS t ({ddl.column_list(spec)}) "
        f"SELECT {ddl.column_list(spec)} FROM ({_newest_staged(spec, key)}) q "
        f"ON CONFLICT ({', '.join(map(quoted, key))}) DO UPDATE SET {', '.join(assignments)} "
        f"WHERE {_differ(compared)} RETURNING {', '.join('t.' + quoted(k) for k in spec.key)}) "
        "SELECT DISTINCT * FROM put"
    )
    changed = int(fetch_one(cursor, "SELECT count(*) FROM pg_temp.changed"))
    if changed:
        cursor.execute("ANALYZE pg_temp.changed")
        _refresh_current(cursor, spec, latest)
    return changed


def _differ(compared: list[tuple[str, str]]) -> str:
    """A condition: any of these pairs of expressions differs."""
    return (
        f"({', '.join(old for old, _ in compared)}) IS DISTINCT FROM "
        f"({', '.join(new for _, new in compared)})"
    )


def _refresh_current(cursor: Cursor, spec: TableSpec, latest: dt.datetime | None) -> None:
    """Make the current row of each changed key from all its versions.

    `latest`: a time that none of the rows that are to go stands after, unless one of the versions
    does. The times of the rows that went stand in `pg_temp.replaced`, the new ones in `current`.
    """
    keys = ", ".join(map(quoted, spec.key))
    same_key = " AND ".join(f"v.{quoted(k)} = c.{quoted(k)}" for k in spec.key)
    by_key = ", ".join("v." + quoted(k) for k in spec.key)
    shown = ", ".join(
        f"min(v.{quoted(c.name)}) OVER (PARTITION BY {by_key}) AS {quoted(c.name)}"
        if c.merge == "earliest"
        else f"v.{quoted(c.name)}"
        for c in spec.columns
    )
    cursor.execute(
        "CREATE TEMP TABLE current ON COMMIT DROP AS "
        f"SELECT DISTINCT ON ({by_key}) {shown} FROM {ddl.versions(spec)} v "
        f"JOIN pg_temp.changed c ON {same_key} ORDER BY {by_key}, v.version_at DESC"
    )
    # Old rows stand where any version of the key stood: the bounds let PostgreSQL skip the months
    # that none of them is in.
    time = quoted(str(spec.time))
    cursor.execute(
        f"SELECT min(v.{time}), max(v.{time}) FROM {ddl.versions(spec)} v "
        f"JOIN pg_temp.changed c ON {same_key}"
    )
    low, high = cursor.fetchone()
    high = high if latest is None else max(high, latest)
    # A literal, not a parameter, prunes partitions when planning.
    cursor.execute(
        "CREATE TEMP TABLE replaced ON COMMIT DROP AS WITH gone AS ("
        f"DELETE FROM {ddl.physical(spec)} v USING pg_temp.changed c WHERE {same_key} "
        f"AND v.{time} >= '{low.isoformat()}' AND v.{time} <= '{high.isoformat()}' "
        f"RETURNING v.{time} AS at) SELECT at FROM gone"
    )
    cursor.execute(
        f"INSERT INTO {ddl.physical(spec)} ({ddl.column_list(spec)}) "
        f"SELECT {ddl.column_list(spec)} FROM pg_temp.current ORDER BY {keys}"
    )


def _merge_current(cursor: Cursor, spec: TableSpec) -> int:
    """Upsert the staged rows where they are at least as new as what is there."""
    table = ddl.physical(spec)
    newer = "excluded.version_at >= t.version_at"
    assignments, compared = [], []
    for column in spec.columns:
        if column.key:
            continue
        name = quoted(column.name)
        if column.merge == "earliest":
            value = f"least(t.{name}, excluded.{name})"
        else:
            value = f"CASE WHEN {newer} THEN excluded.{name} ELSE t.{name} END"
        assignments.append(f"{name} = {value}")
        compared.append((f"t.{name}", value))
    cursor.execute(
        "CREATE TEMP TABLE changed ON COMMIT DROP AS WITH put AS ("
        f"INSERT INTO {table} AS t ({ddl.column_list(spec)}) "
        f"SELECT {ddl.column_list(spec)} FROM ({_newest_staged(spec, spec.key)}) q "
        f"ON CONFLICT ({', '.join(map(quoted, spec.key))}) DO UPDATE SET "
        f"{', '.join(assignments)} WHERE {_differ(compared)} "
        f"RETURNING {', '.join('t.' + quoted(k) for k in spec.key)}) "
        "SELECT * FROM put"
    )
    return int(fetch_one(cursor, "SELECT count(*) FROM pg_temp.changed"))


def _ask_for_marts(cursor: Cursor, spec: TableSpec) -> None:
    """Ask for the mart slices that the changed rows of this entity are seen in."""
    for mart, sql in _TOUCHED.get(spec.name, ()):
        slices.mark_stale(cursor, mart, sql)


_TOUCHED: dict[str, tuple[tuple[str, str], ...]] = {
    # A reading holds until the next one of the same product and place that is not deleted.
    "inventory_levels": (
        (
            "inventory_hourly",
            """
            SELECT h FROM pg_temp.changed c
            CROSS JOIN LATERAL (
                SELECT min(l.measured_at) AS next FROM warehouse.inventory_levels l
                WHERE l.source = c.source AND l.product_id = c.product_id
                  AND l.location_id = c.location_id AND l.measured_at > c.measured_at
                  AND NOT l.deleted
            ) following
            CROSS JOIN LATERAL generate_series(
                date_trunc('hour', c.measured_at, 'UTC'),
                date_trunc('hour', coalesce(
                    following.next,
                    (SELECT max(slice) FROM meta.slices WHERE asset = 'marts/inventory_hourly'),
                    c.measured_at
                ), 'UTC'),
                interval '1 hour'
            ) h
            """,
        ),
    ),
    # A movement that changes its time is gone from the hour that it stood in.
    "inventory_movements": (
        (
            "inventory_hourly",
            """
            SELECT date_trunc('hour', at, 'UTC') FROM pg_temp.replaced
            UNION SELECT date_trunc('hour', moved_at, 'UTC') FROM pg_temp.current
            """,
        ),
    ),
    "ad_spend": (
        ("ad_spend_daily", "SELECT c.day::timestamp AT TIME ZONE 'UTC' FROM pg_temp.changed c"),
    ),
    "campaigns": (
        (
            "ad_spend_daily",
            """
            SELECT a.day::timestamp AT TIME ZONE 'UTC' FROM pg_temp.changed c
            JOIN warehouse.ad_spend a USING (source, campaign_id)
            """,
        ),
    ),
}
"""For each entity, the marts that read it directly, and a query for the slices concerned."""
