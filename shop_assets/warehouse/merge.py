"""Loading an entity: every version kept, the newest current, and the marts it touches asked for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from shop_assets.entities import TableSpec
from shop_assets.warehouse import (
    compared_keys,
    ddl,
    ledger_orders,
    product_days,
    slices,
    version_locks,
)
from shop_assets.warehouse.connection import Cursor, Warehouse
from shop_assets.warehouse.current import of_load, refresh_current
from shop_assets.warehouse.difference import Difference, Target, replace_rows, replace_slice
from shop_assets.warehouse.marts import note_change
from shop_assets.warehouse.slices import Load, Written

_TOLD = "_told"
"""The place of a staged row among all: of two tellings of a version the later one counts."""

_FOLLOWS = {"campaigns": "ad_spend", "payouts": "payout_transactions"}
"""Entities whose changes ask for what rows of another one are seen in. Loads of both follow each
other: a row that comes meanwhile is found, or finds the change."""


def merge_entity(warehouse: Warehouse, spec: TableSpec, rows: pd.DataFrame, load: Load) -> Written:
    """Make the versions that the load's change hours brought equal to `rows`, and what follows.

    `rows`: the entity's columns and `_hour`, the hour of change that each was published in. The
    current row of a key is its newest version; of equals, the one of the later hour. So the table
    is a function of what is published, in whichever order hours are loaded, and a row that is no
    longer published leaves. Loading the same rows again changes nothing. Raises
    `StaleWriterError`; see `slices`.
    """
    told = slices.to_arrow(rows, spec)
    hours = pa.Array.from_pandas(rows["_hour"], type=pa.timestamp("us", "UTC"))
    told = told.append_column(ddl.CHANGE_HOUR, hours)
    target = Target.versions_of(spec)
    fresh, one_each = _told_last(told, spec.key, target.key)
    if spec.by_month:
        warehouse.ensure_months(spec, told.column(str(spec.time)))
        # In the order of the index, by which a row's place is near that of the one before.
        fresh = fresh.sort_by([(name, "ascending") for name in ddl.sorted_by(spec.key)])
    with warehouse.transaction() as cursor, slices.publishing(cursor, load) as publication:
        if publication.before is not None:
            return publication.before
        version_locks.lock(cursor, _FOLLOWS.get(spec.name, spec.name))
        found = _replace(cursor, spec, target, load, fresh)
        if found.rows:
            refresh_current(cursor, spec, load, found, one_each=one_each)
            _ask_for_marts(cursor, spec, warehouse.zone)
            note_change(cursor, spec.name)
        return publication.note(told.num_rows, found.rows)


def _replace(
    cursor: Cursor, spec: TableSpec, target: Target, load: Load, fresh: pa.Table
) -> Difference:
    """Make the versions of the load's hours equal to `fresh`."""
    scope = of_load("t", load)
    if spec.by_month:
        return replace_slice(cursor, target, scope, fresh)
    # What came of a dimension is joined with what stands: by a table of which is known how many.
    slices.stage(cursor, "fresh", fresh)
    return replace_rows(cursor, target, scope)


def _told_last(
    rows: pa.Table, key: tuple[str, ...], version: tuple[str, ...]
) -> tuple[pa.Table, bool]:
    """The rows, a version that is told twice as told last; and whether each key has one version."""
    keys = rows.select(key).group_by(key, use_threads=False).aggregate([])
    if keys.num_rows == rows.num_rows:
        return rows, True
    place = pa.array(np.arange(rows.num_rows))
    told = rows.select(version).append_column(_TOLD, place)
    last = told.group_by(version, use_threads=False).aggregate([(_TOLD, "max")])
    if last.num_rows == rows.num_rows:
        return rows, False
    return rows.take(
        np.sort(last.column(f"{_TOLD}_max").to_numpy())
    ), last.num_rows == keys.num_rows


def _ask_for_marts(cursor: Cursor, spec: TableSpec, zone: str) -> None:
    """Ask for what the changed rows are seen in: mart slices, orders, comparisons."""
    if spec.name in ledger_orders.ENTITIES:
        ledger_orders.mark(cursor, spec)
    if spec.name == "products":
        product_days.mark(cursor, zone)
    for mart, sql in _TOUCHED.get(spec.name, ()):
        slices.mark_stale(cursor, mart, sql)
    compared_keys.mark(cursor, spec)


_TOUCHED: dict[str, tuple[tuple[str, str], ...]] = {
    # A reading holds until the next one of the same product and place that is not deleted, or to
    # the last hour of which the mart may have been computed: one whose readings are loaded. Of the
    # changed readings of an hour the last one's span, deleted or not, is as long as any other's.
    "inventory_levels": (
        (
            "inventory_hourly",
            """
            SELECT h FROM (
                SELECT source, product_id, location_id, max(measured_at) AS measured_at
                FROM pg_temp.changed
                GROUP BY source, product_id, location_id, date_trunc('hour', measured_at, 'UTC')
            ) c LEFT JOIN LATERAL (
                SELECT v.measured_at AS next FROM warehouse.inventory_levels_versions v
                WHERE v.source = c.source AND v.product_id = c.product_id
                    AND v.location_id = c.location_id AND v.measured_at > c.measured_at
                    AND NOT v.deleted AND NOT EXISTS (
                        SELECT FROM warehouse.inventory_levels_versions w
                        WHERE w.source = v.source AND w.product_id = v.product_id
                            AND w.location_id = v.location_id AND w.measured_at = v.measured_at
                            AND w.measured_at > c.measured_at
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
