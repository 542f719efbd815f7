"""Loading an entity: every version kept, the newest current, and the marts it touches asked for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from shop_assets.entities import TableSpec
from shop_assets.warehouse import ddl, ledger_orders, slices
from shop_assets.warehouse.connection import Cursor, Warehouse
from shop_assets.warehouse.ddl import quoted
from shop_assets.warehouse.difference import Target, apply_difference
from shop_assets.warehouse.marts import note_change
from shop_assets.warehouse.slices import Load, Written

_TOLD = "_told"
"""The place of a staged row among all: of two tellings of a version the later one counts."""


def merge_entity(warehouse: Warehouse, spec: TableSpec, rows: pd.DataFrame, load: Load) -> Written:
    """Make the versions that the load's change hours brought equal to `rows`, and what follows.

    `rows`: the entity's columns and `_hour`, the hour of change that each was published in. The
    current row of a key is its newest version; of equals, the one of the later hour. So the table
    is a function of what is published, in whichever order hours are loaded, and a row that is no
    longer published leaves. Loading the same rows again changes nothing. Raises
    `StaleWriterError`; see `slices`.
    """
    staged = slices.to_arrow(rows, spec)
    hours = pa.Array.from_pandas(rows["_hour"], type=pa.timestamp("us", "UTC"))
    staged = staged.append_column(ddl.CHANGE_HOUR, hours)
    if spec.by_month:
        warehouse.ensure_months(spec, staged.column(str(spec.time)))
    with warehouse.transaction() as cursor, slices.publishing(cursor, load) as publication:
        if publication.before is not None:
            return publication.before
        # Loads of other hours may bring versions of the same rows: each must see those before it.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 4))", parameters=(spec.name,)
        )
        _stage(cursor, spec, staged)
        changed = apply_difference(
            cursor,
            Target.versions_of(spec),
            f"t.{quoted(ddl.CHANGE_HOUR)} >= '{load.start.isoformat()}' "
            f"AND t.{quoted(ddl.CHANGE_HOUR)} < '{load.end.isoformat()}'",
        )
        if changed:
            _refresh_current(cursor, spec)
            _ask_for_marts(cursor, spec, warehouse.zone)
            note_change(cursor, spec.name)
        return publication.note(staged.num_rows, changed)


def _stage(cursor: Cursor, spec: TableSpec, rows: pa.Table) -> None:
    """Put the rows into `pg_temp.fresh`; a version that an hour tells twice as told last."""
    target = Target.versions_of(spec)
    told = pa.array(np.arange(rows.num_rows))
    slices.stage(cursor, "staged", rows.append_column(_TOLD, told))
    keys = ", ".join(map(quoted, target.key))
    columns = ", ".join(map(quoted, target.columns))
    cursor.execute("DROP TABLE IF EXISTS pg_temp.fresh")
    cursor.execute(
        f"CREATE TEMP TABLE fresh ON COMMIT DROP AS SELECT DISTINCT ON ({keys}) {columns} "
        f"FROM pg_temp.staged ORDER BY {keys}, {_TOLD} DESC"
    )


def _refresh_current(cursor: Cursor, spec: TableSpec) -> None:
    """Make the current row of each key whose versions have changed from all that there are.

    The keys stand in `pg_temp.changed`, their new rows in `pg_temp.current`, and those that went
    in `pg_temp.replaced`.
    """
    keys = ", ".join(map(quoted, spec.key))
    same_key = " AND ".join(f"v.{quoted(k)} = c.{quoted(k)}" for k in spec.key)
    by_key = ", ".join("v." + quoted(k) for k in spec.key)
    cursor.execute(
        f"CREATE TEMP TABLE changed ON COMMIT DROP AS SELECT {keys} FROM pg_temp.gone "
        f"UNION SELECT {keys} FROM pg_temp.came"
    )
    cursor.execute("ANALYZE pg_temp.changed")
    shown = ", ".join(
        f"min(v.{quoted(c.name)}) OVER (PARTITION BY {by_key}) AS {quoted(c.name)}"
        if c.merge == "earliest"
        else f"v.{quoted(c.name)}"
        for c in spec.columns
    )
    cursor.execute(
        "CREATE TEMP TABLE current ON COMMIT DROP AS "
        f"SELECT DISTINCT ON ({by_key}) {shown} FROM {ddl.versions(spec)} v "
        f"JOIN pg_temp.changed c ON {same_key} "
        f"ORDER BY {by_key}, v.version_at DESC, v.{quoted(ddl.CHANGE_HOUR)} DESC"
    )
    cursor.execute(
        "CREATE TEMP TABLE replaced ON COMMIT DROP AS WITH went AS ("
        f"DELETE FROM {ddl.physical(spec)} v USING pg_temp.changed c WHERE {same_key}"
        f"{_where_they_stood(cursor, spec, same_key)} RETURNING {ddl.column_list(spec, 'v.')}) "
        "SELECT * FROM went"
    )
    cursor.execute(
        f"INSERT INTO {ddl.physical(spec)} ({ddl.column_list(spec)}) "
        f"SELECT {ddl.column_list(spec)} FROM pg_temp.current ORDER BY {keys}"
    )


def _where_they_stood(cursor: Cursor, spec: TableSpec, same_key: str) -> str:
    """A condition that spares the months in which no current row of the changed keys can stand.

    Such a row stands where a version of its key stands, or one that has just gone.
    """
    if not spec.by_month:
        return ""
    time = quoted(str(spec.time))
    cursor.execute(
        f"SELECT min(at), max(at) FROM (SELECT v.{time} AS at FROM {ddl.versions(spec)} v "
        f"JOIN pg_temp.changed c ON {same_key} UNION ALL SELECT {time} FROM pg_temp.gone) stood"
    )
    low, high = cursor.fetchone()
    # Literals, not parameters, prune partitions when planning.
    return f" AND v.{time} >= '{low.isoformat()}' AND v.{time} <= '{high.isoformat()}'"


def _ask_for_marts(cursor: Cursor, spec: TableSpec, zone: str) -> None:
    """Ask for the mart slices, and the orders, that the changed rows of this entity are seen in."""
    if spec.name in ledger_orders.ENTITIES:
        ledger_orders.mark(cursor, spec)
    for mart, sql in _TOUCHED.get(spec.name, ()):
        slices.mark_stale(cursor, mart, sql.replace(_ZONE, ddl.literal(zone)))


_ZONE = "<zone>"

_TOUCHED: dict[str, tuple[tuple[str, str], ...]] = {
    # A reading holds until the next one of the same product and place that is not deleted, or to
    # the last hour of which the mart may have been computed: one whose readings are loaded.
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
                    greatest(
                        (SELECT max(slice) FROM meta.slices
                         WHERE asset = 'marts/inventory_hourly'),
                        (SELECT max(slice) FROM meta.slices
                         WHERE asset = 'warehouse/inventory_levels')
                    ),
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
            SELECT date_trunc('hour', moved_at, 'UTC') FROM pg_temp.replaced
            UNION SELECT date_trunc('hour', moved_at, 'UTC') FROM pg_temp.current
            """,
        ),
    ),
    # A product's category counts from its version on, its first one for the time before, too.
    "products": (
        (
            "product_sales_daily",
            """
            WITH told AS (
                SELECT v.source, v.product_id, v.version_at, coalesce(v.category, '') AS category
                FROM warehouse.products_versions v
                JOIN pg_temp.changed c USING (source, product_id)
                UNION ALL
                SELECT source, product_id, version_at, coalesce(category, '') FROM pg_temp.gone
            ), known AS (
                SELECT source, product_id, min(version_at) AS first,
                    count(DISTINCT category) > 1 AS changes, max(category) <> '' AS has_any
                FROM told GROUP BY source, product_id
            ), moved AS (
                SELECT source, product_id, min(version_at) AS since FROM (
                    SELECT source, product_id, version_at FROM pg_temp.gone
                    UNION ALL SELECT source, product_id, version_at FROM pg_temp.came
                ) either GROUP BY source, product_id
            )
            SELECT (l.happened_at AT TIME ZONE <zone>)::date::timestamp AT TIME ZONE 'UTC'
            FROM known k JOIN moved m USING (source, product_id)
            JOIN warehouse.sales_ledger l USING (source, product_id)
            WHERE (k.changes OR (k.has_any AND k.first = m.since))
                AND (l.happened_at >= m.since - interval '1 day' OR k.first = m.since)
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
