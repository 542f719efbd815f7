"""Loading an entity: every version kept, the newest current, and the marts it touches asked for."""

from __future__ import annotations

import pandas as pd

from shop_assets.entities import TableSpec
from shop_assets.warehouse import ddl, slices
from shop_assets.warehouse.connection import Cursor, Warehouse, fetch_one
from shop_assets.warehouse.ddl import quoted
from shop_assets.warehouse.slices import Load, Written


def merge_entity(warehouse: Warehouse, spec: TableSpec, rows: pd.DataFrame, load: Load) -> Written:
    """Merge rows (the entity's columns) into its table: the newest version of each key wins.

    Loading the same rows again, or older ones after newer ones, changes nothing. Raises
    `StaleWriterError`; see `slices`.
    """
    staged = slices.to_arrow(rows, spec)
    if spec.by_month:
        warehouse.ensure_months(spec, staged.column(str(spec.time)))
    with warehouse.transaction() as cursor:
        before = slices.find_load(cursor, load.load_id)
        if before is not None:
            return before
        with slices.publishing(cursor, load):
            changed = 0
            if staged.num_rows:
                slices.stage(cursor, "staged", staged)
                if spec.versioned:
                    changed = _merge_versions(cursor, spec)
                else:
                    changed = _merge_current(cursor, spec)
                if changed:
                    _ask_for_marts(cursor, spec, warehouse.zone)
        written = Written(staged.num_rows, changed)
        slices.note_load(cursor, load, written)
    return written


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
    order = keys if "version_at" in key else f"{keys}, version_at DESC"
    return f"SELECT DISTINCT ON ({keys}) {', '.join(shown)} FROM pg_temp.staged ORDER BY {order}"


def _merge_versions(cursor: Cursor, spec: TableSpec) -> int:
    """Add the staged versions, then make the current rows of the keys that got any."""
    key = (*spec.key, "version_at")
    kept = ddl.versions(spec)
    others = [name for name in spec.column_names if name not in key]
    assignments = ", ".join(f"{quoted(n)} = excluded.{quoted(n)}" for n in others)
    differs = (
        f"({', '.join('t.' + quoted(n) for n in others)}) IS DISTINCT FROM "
        f"({', '.join('excluded.' + quoted(n) for n in others)})"
    )
    cursor.execute(
        "CREATE TEMP TABLE changed ON COMMIT DROP AS WITH put AS ("
        f"INSERT INTO {kept} AS t ({ddl.column_list(spec)}) "
        f"SELECT {ddl.column_list(spec)} FROM ({_newest_staged_exact(spec, key)}) q "
        f"ON CONFLICT ({', '.join(map(quoted, key))}) DO UPDATE SET {assignments} WHERE {differs} "
        f"RETURNING {', '.join(map(quoted, spec.key))}, {quoted(str(spec.time))}) "
        f"SELECT {', '.join(map(quoted, spec.key))}, min({quoted(str(spec.time))}) AS at "
        f"FROM put GROUP BY {', '.join(map(quoted, spec.key))}"
    )
    changed = int(fetch_one(cursor, "SELECT count(*) FROM pg_temp.changed"))
    if changed:
        cursor.execute("ANALYZE pg_temp.changed")
        _refresh_current(cursor, spec)
    return changed


def _newest_staged_exact(spec: TableSpec, key: tuple[str, ...]) -> str:
    keys = ", ".join(map(quoted, key))
    return (
        f"SELECT DISTINCT ON ({keys}) {ddl.column_list(spec)} FROM pg_temp.staged ORDER BY {keys}"
    )


def _refresh_current(cursor: Cursor, spec: TableSpec) -> None:
    """Make the current row of each changed key from all its versions."""
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
    low, high = _bounds(
        cursor,
        f"SELECT min(v.{time}), max(v.{time}) FROM {ddl.versions(spec)} v "
        f"JOIN pg_temp.changed c ON {same_key}",
    )
    cursor.execute(
        f"DELETE FROM {ddl.physical(spec)} v USING pg_temp.changed c WHERE {same_key} "
        f"AND v.{time} >= '{low}' AND v.{time} <= '{high}'"
    )
    cursor.execute(
        f"INSERT INTO {ddl.physical(spec)} ({ddl.column_list(spec)}) "
        f"SELECT {ddl.column_list(spec)} FROM pg_temp.current ORDER BY {keys}"
    )


def _bounds(cursor: Cursor, sql: str) -> tuple[str, str]:
    """Two moments as literals; a literal, not a parameter, prunes partitions when planning."""
    cursor.execute(sql)
    low, high = cursor.fetchone()
    return low.isoformat(), high.isoformat()


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
    differs = (
        f"({', '.join(old for old, _ in compared)}) IS DISTINCT FROM "
        f"({', '.join(new for _, new in compared)})"
    )
    cursor.execute(
        "CREATE TEMP TABLE changed ON COMMIT DROP AS WITH put AS ("
        f"INSERT INTO {table} AS t ({ddl.column_list(spec)}) "
        f"SELECT {ddl.column_list(spec)} FROM ({_newest_staged(spec, spec.key)}) q "
        f"ON CONFLICT ({', '.join(map(quoted, spec.key))}) DO UPDATE SET "
        f"{', '.join(assignments)} WHERE {differs} "
        f"RETURNING {', '.join('t.' + quoted(k) for k in spec.key)}) "
        "SELECT * FROM put"
    )
    return int(fetch_one(cursor, "SELECT count(*) FROM pg_temp.changed"))


def _ask_for_marts(cursor: Cursor, spec: TableSpec, zone: str) -> None:
    """Ask for the mart slices that the changed rows of this entity are seen in."""
    for mart, sql in _TOUCHED.get(spec.name, ()):
        slices.mark_stale(cursor, mart, sql)


_TOUCHED: dict[str, tuple[tuple[str, str], ...]] = {
    # A reading holds until the next one of the same product and place.
    "inventory_levels": (
        (
            "inventory_hourly",
            """
            SELECT h FROM pg_temp.changed c
            CROSS JOIN LATERAL (
                SELECT min(l.measured_at) AS next FROM warehouse.inventory_levels l
                WHERE l.source = c.source AND l.product_id = c.product_id
                  AND l.location_id = c.location_id AND l.measured_at > c.measured_at
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
    # A movement that changes its time is gone from the hour that an older version named.
    "inventory_movements": (
        (
            "inventory_hourly",
            """
            SELECT date_trunc('hour', v.moved_at, 'UTC') FROM pg_temp.changed c
            JOIN warehouse.inventory_movements_versions v USING (source, movement_id)
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
