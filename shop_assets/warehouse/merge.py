"""Loading an entity: every version kept, the newest current, and the marts it touches asked for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from shop_assets.entities import TableSpec
from shop_assets.warehouse import compared_keys, ddl, ledger_orders, slices
from shop_assets.warehouse.connection import Cursor, Warehouse
from shop_assets.warehouse.current import current_of_fact
from shop_assets.warehouse.ddl import quoted
from shop_assets.warehouse.difference import Target, apply_difference, months
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
    cursor.execute(
        f"CREATE TEMP TABLE changed ON COMMIT DROP AS SELECT {keys} FROM pg_temp.gone "
        f"UNION SELECT {keys} FROM pg_temp.came"
    )
    cursor.execute("ANALYZE pg_temp.changed")
    if spec.by_month:
        _find_current_of_fact(cursor, spec)
        _take_out_by_month(cursor, spec)
    else:
        _find_current_of_dimension(cursor, spec)
        same_key = " AND ".join(f"v.{quoted(k)} = c.{quoted(k)}" for k in spec.key)
        cursor.execute(
            "CREATE TEMP TABLE replaced ON COMMIT DROP AS WITH went AS ("
            f"DELETE FROM {ddl.physical(spec)} v USING pg_temp.changed c WHERE {same_key} "
            f"RETURNING {ddl.column_list(spec, 'v.')}) SELECT * FROM went"
        )
    cursor.execute(
        f"INSERT INTO {ddl.physical(spec)} ({ddl.column_list(spec)}) "
        f"SELECT {ddl.column_list(spec)} FROM pg_temp.current ORDER BY {keys}"
    )


def _find_current_of_fact(cursor: Cursor, spec: TableSpec) -> None:
    """A fact has few versions: its current row is made of all of them."""
    cursor.execute(
        "CREATE TEMP TABLE current ON COMMIT DROP AS " + current_of_fact(spec, "pg_temp.changed")
    )


def _find_current_of_dimension(cursor: Cursor, spec: TableSpec) -> None:
    """A product may have a version for every hour: only the newest one is read.

    The earliest value of any version is that of the current row and of the versions that came;
    where one has gone, all versions of the key are asked.
    """
    earliest = [quoted(c.name) for c in spec.columns if c.merge == "earliest"]
    keys = ", ".join(map(quoted, spec.key))

    def same_key(table: str) -> str:
        return " AND ".join(f"{table}.{quoted(k)} = c.{quoted(k)}" for k in spec.key)

    shown = ", ".join(
        f"CASE WHEN m.went THEN (SELECT min(w.{name}) FROM {ddl.versions(spec)} w "
        f"WHERE {same_key('w')}) ELSE least(o.{name}, m.{name}) END AS {name}"
        if (name := quoted(c.name)) in earliest
        else f"v.{name}"
        for c in spec.columns
    )
    values = "".join(f", {name}" for name in earliest)
    least = "".join(f", min({name}) AS {name}" for name in earliest)
    cursor.execute(
        f"CREATE TEMP TABLE current ON COMMIT DROP AS SELECT {shown} FROM pg_temp.changed c "
        f"CROSS JOIN LATERAL (SELECT * FROM {ddl.versions(spec)} v WHERE {same_key('v')} "
        f"ORDER BY v.version_at DESC, v.{quoted(ddl.CHANGE_HOUR)} DESC LIMIT 1) v "
        f"LEFT JOIN {ddl.physical(spec)} o ON {same_key('o')} "
        f"JOIN (SELECT {keys}, bool_or(went) AS went{least} FROM ("
        f"SELECT {keys}, true AS went{values} FROM pg_temp.gone UNION ALL "
        f"SELECT {keys}, false{values} FROM pg_temp.came) either GROUP BY {keys}) m "
        f"ON {same_key('m')}"
    )


def _take_out_by_month(cursor: Cursor, spec: TableSpec) -> None:
    """Move the current rows of the changed keys to `pg_temp.replaced`.

    Such a row stands where a version of its key stands, or one that has just gone: only there it
    is looked for, month by month, since the months of all rows together may be many.
    """
    place = tuple(dict.fromkeys((*spec.key, str(spec.time))))
    versions_of_key = " AND ".join(f"v.{quoted(k)} = c.{quoted(k)}" for k in spec.key)
    cursor.execute(
        "CREATE TEMP TABLE stood ON COMMIT DROP AS "
        f"SELECT {', '.join('v.' + quoted(k) for k in place)} FROM {ddl.versions(spec)} v "
        f"JOIN pg_temp.changed c ON {versions_of_key} "
        f"UNION SELECT {', '.join(map(quoted, place))} FROM pg_temp.gone"
    )
    cursor.execute("ANALYZE pg_temp.stood")
    cursor.execute(f"CREATE TEMP TABLE replaced (LIKE {ddl.physical(spec)}) ON COMMIT DROP")
    same = " AND ".join(f"v.{quoted(k)} = s.{quoted(k)}" for k in place)
    columns = ddl.column_list(spec)
    for month in months(cursor, "pg_temp.stood", str(spec.time)):
        cursor.execute(
            f"WITH went AS (DELETE FROM {ddl.physical(spec)} v USING pg_temp.stood s "
            f"WHERE {same} AND {month.of('v', 's')} RETURNING {ddl.column_list(spec, 'v.')}) "
            f"INSERT INTO pg_temp.replaced ({columns}) SELECT {columns} FROM went"
        )


def _ask_for_marts(cursor: Cursor, spec: TableSpec, zone: str) -> None:
    """Ask for what the changed rows are seen in: mart slices, orders, comparisons."""
    if spec.name in ledger_orders.ENTITIES:
        ledger_orders.mark(cursor, spec)
    for mart, sql in _TOUCHED.get(spec.name, ()):
        slices.mark_stale(cursor, mart, sql.replace(_ZONE, ddl.literal(zone)))
    compared_keys.mark(cursor, spec)


_ZONE = "<zone>"

_TOUCHED: dict[str, tuple[tuple[str, str], ...]] = {
    # A reading holds until the next one of the same product and place that is not deleted, or to
    # the last hour of which the mart may have been computed: one whose readings are loaded.
    "inventory_levels": (
        (
            "inventory_hourly",
            """
            SELECT h FROM pg_temp.changed c
            LEFT JOIN LATERAL (
                SELECT v.measured_at AS next FROM warehouse.inventory_levels_versions v
                WHERE v.source = c.source AND v.product_id = c.product_id
                    AND v.location_id = c.location_id AND v.measured_at > c.measured_at
                    AND NOT v.deleted AND NOT EXISTS (
                        SELECT FROM warehouse.inventory_levels_versions w
                        WHERE w.source = v.source AND w.product_id = v.product_id
                            AND w.location_id = v.location_id AND w.measured_at = v.measured_at
                            AND (w.version_at, w.change_hour) > (v.version_at, v.change_hour)
                    )
                ORDER BY v.measured_at LIMIT 1
            ) following ON true
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
    # A product's category counts from its version on, its first one for the time before, too. Of
    # its versions only those from the one before the change on can differ by it.
    "products": (
        (
            "product_sales_daily",
            """
            WITH moved AS MATERIALIZED (
                SELECT source, product_id, min(version_at) AS since FROM (
                    SELECT source, product_id, version_at FROM pg_temp.gone
                    UNION ALL SELECT source, product_id, version_at FROM pg_temp.came
                ) either GROUP BY source, product_id
            ), before AS (
                SELECT m.source, m.product_id, v.category FROM moved m CROSS JOIN LATERAL (
                    SELECT category FROM warehouse.products_versions v
                    WHERE v.source = m.source AND v.product_id = m.product_id
                        AND v.version_at < m.since
                    ORDER BY v.version_at DESC, v.change_hour DESC LIMIT 1
                ) v
            ), told AS (
                SELECT source, product_id, category FROM before
                UNION ALL SELECT source, product_id, category FROM pg_temp.gone
                UNION ALL
                SELECT m.source, m.product_id, v.category FROM moved m CROSS JOIN LATERAL (
                    SELECT category FROM warehouse.products_versions v
                    WHERE v.source = m.source AND v.product_id = m.product_id
                        AND v.version_at >= m.since OFFSET 0
                ) v
            ), known AS MATERIALIZED (
                SELECT source, product_id, count(DISTINCT coalesce(category, '')) > 1 AS changes,
                    max(coalesce(category, '')) <> '' AS has_any
                FROM told GROUP BY source, product_id
            ), concerned AS MATERIALIZED (
                SELECT source, product_id, CASE WHEN b.product_id IS NULL THEN '-infinity'
                    ELSE m.since - interval '1 day' END AS since
                FROM moved m JOIN known k USING (source, product_id)
                LEFT JOIN before b USING (source, product_id)
                WHERE k.changes OR (k.has_any AND b.product_id IS NULL)
            )
            SELECT (l.happened_at AT TIME ZONE <zone>)::date::timestamp AT TIME ZONE 'UTC'
            FROM concerned c CROSS JOIN LATERAL (
                SELECT happened_at FROM warehouse.sales_ledger l WHERE l.source = c.source
                    AND l.product_id = c.product_id AND l.happened_at >= c.since OFFSET 0
            ) l
            """,
        ),
    ),
    "ad_spend": (
        ("ad_spend_daily", "SELECT c.day::timestamp AT TIME ZONE 'UTC' FROM pg_temp.changed c"),
    ),
    # The mart shows a campaign's name, on each of its days.
    "campaigns": (
        (
            "ad_spend_daily",
            """
            SELECT a.day::timestamp AT TIME ZONE 'UTC' FROM (
                (SELECT source, campaign_id, name FROM pg_temp.replaced
                EXCEPT SELECT source, campaign_id, name FROM pg_temp.current)
                UNION ALL
                (SELECT source, campaign_id, name FROM pg_temp.current
                EXCEPT SELECT source, campaign_id, name FROM pg_temp.replaced)
            ) c JOIN warehouse.ad_spend a USING (source, campaign_id)
            """,
        ),
    ),
}
"""For each entity, the marts that read it directly, and a query for the slices concerned."""
