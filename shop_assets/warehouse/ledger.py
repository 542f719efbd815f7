"""Loading the sales ledger: for the orders that a load touched, from all versions of their rows."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pyarrow as pa

from shop_assets.entities import ENTITIES, TABLES
from shop_assets.warehouse import ddl, ledger_orders, slices
from shop_assets.warehouse.connection import Cursor, Warehouse, fetch_one, read
from shop_assets.warehouse.difference import Target, apply_difference
from shop_assets.warehouse.slices import Load, Written

LedgerOf = Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame], pd.DataFrame]
"""From all versions of some orders, of their items and of their refunds, to their ledger rows."""

_ORDER_KEYS = pa.schema([("source", pa.string()), ("order_id", pa.string())])


def load_ledger(
    warehouse: Warehouse, orders: pd.DataFrame, load: Load, ledger_of: LedgerOf
) -> Written:
    """Bring the ledger rows of `orders` (columns source, order_id) up to date.

    Reads the versions, computes and writes under one lock on the whole ledger, in one transaction,
    so that of two loads that touch the same order the second sees what the first did.
    """
    spec = TABLES["sales_ledger"]
    keys = pa.Table.from_pandas(
        orders[["source", "order_id"]].drop_duplicates(), schema=_ORDER_KEYS, preserve_index=False
    )
    with warehouse.transaction() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('sales_ledger.orders', 2))")
        with slices.publishing(cursor, load) as publication:
            if publication.before is not None:
                return publication.before
            changed = rows = 0
            slices.stage(cursor, "affected", keys)
            ledger_orders.take(cursor)
            if fetch_one(cursor, "SELECT EXISTS (SELECT FROM pg_temp.affected)"):
                versions = [
                    _versions(cursor, name) for name in ("orders", "order_items", "refunds")
                ]
                fresh = slices.to_arrow(ledger_of(*versions), spec)
                rows = fresh.num_rows
                warehouse.ensure_months(spec, fresh.column("happened_at"))
                slices.stage(cursor, "fresh", fresh)
                changed = apply_difference(cursor, Target.of(spec), _scope(cursor))
                if changed:
                    _ask_for_marts(cursor, warehouse.zone)
            return publication.note(rows, changed)


def _versions(cursor: Cursor, entity: str) -> pd.DataFrame:
    """Every version of the affected orders' rows; one told by several hours as told last."""
    spec = ENTITIES[entity]
    version = ", ".join(f"v.{ddl.quoted(name)}" for name in (*spec.key, "version_at"))
    frame = read(
        cursor,
        f"SELECT DISTINCT ON ({version}) {ddl.column_list(spec, 'v.')} "
        f"FROM {ddl.versions(spec)} v "
        "JOIN pg_temp.affected a ON a.source = v.source AND a.order_id = v.order_id "
        f"ORDER BY {version}, v.{ddl.quoted(ddl.CHANGE_HOUR)} DESC",
    )
    return spec.conform(frame)


def _scope(cursor: Cursor) -> str:
    """The ledger rows of the affected orders; the bound spares the months before all of them."""
    earliest = fetch_one(
        cursor,
        "SELECT min(at) FROM ("
        "SELECT min(v.placed_at) AS at FROM warehouse.orders_versions v "
        "JOIN pg_temp.affected a USING (source, order_id) UNION ALL "
        "SELECT min(v.placed_at) FROM warehouse.order_items_versions v "
        "JOIN pg_temp.affected a USING (source, order_id) UNION ALL "
        "SELECT min(v.refunded_at) FROM warehouse.refunds_versions v "
        "JOIN pg_temp.affected a USING (source, order_id) UNION ALL "
        # What versions that have gone since then had made.
        "SELECT min(since) FROM pg_temp.asked) earliest",
    )
    owned = (
        "EXISTS (SELECT FROM pg_temp.affected a "
        "WHERE a.source = t.source AND a.order_id = t.order_id)"
    )
    return owned if earliest is None else f"{owned} AND t.happened_at >= '{earliest.isoformat()}'"


def _ask_for_marts(cursor: Cursor, zone: str) -> None:
    cursor.execute(
        "CREATE TEMP TABLE moved ON COMMIT DROP AS "
        "SELECT * FROM pg_temp.gone UNION ALL SELECT * FROM pg_temp.came"
    )
    # An order that came, went or changed its customer moves the place of every later order of the
    # same customer; a refund does not.
    cursor.execute(
        "CREATE TEMP TABLE moved_orders ON COMMIT DROP AS "
        "SELECT DISTINCT ordered_at AS at, kind = 'sale' AS is_sale FROM pg_temp.moved UNION "
        "SELECT l.ordered_at, true FROM (SELECT source, customer_id, min(ordered_at) AS since "
        "FROM pg_temp.moved WHERE kind = 'sale' AND customer_id IS NOT NULL GROUP BY 1, 2) c "
        "JOIN warehouse.sales_ledger l ON l.source = c.source AND l.customer_id = c.customer_id "
        "AND l.ordered_at > c.since AND l.happened_at >= c.since WHERE l.kind = 'sale'"
    )
    hour = "SELECT date_trunc('hour', happened_at, 'UTC') FROM pg_temp.moved"
    day = _day("happened_at", "pg_temp.moved", zone)
    order_day = f"{_day('at', 'pg_temp.moved_orders', zone)} WHERE is_sale"
    slices.mark_stale(cursor, "sales_hourly", hour)
    slices.mark_stale(cursor, "product_sales_daily", day)
    slices.mark_stale(cursor, "sales_daily", f"{day} UNION {order_day}")
    slices.mark_stale(
        cursor,
        "customer_orders",
        "SELECT date_trunc('hour', at, 'UTC') FROM pg_temp.moved_orders",
    )


def _day(column: str, table: str, zone: str) -> str:
    """A query for the shop's days of a column, each as its midnight in UTC."""
    quoted_zone = zone.replace("'", "''")
    return (
        f"SELECT ({column} AT TIME ZONE '{quoted_zone}')::date::timestamp AT TIME ZONE 'UTC' "
        f"FROM {table}"
    )
