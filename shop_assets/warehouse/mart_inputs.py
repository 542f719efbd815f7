"""What each mart reads of the warehouse, and how it is computed from that.

One function per mart: from the warehouse and a half-open span of time (UTC, on the borders of the
mart's hours or of the shop's days) to the mart's rows. Each reads only the columns and the months
that it needs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pandas as pd

from shop_assets.entities import ENTITIES
from shop_assets.transforms import customers, inventory, marketing, quality, sales, sessions
from shop_assets.warehouse import ddl, funnel_sums, order_requests, rows, sales_sums
from shop_assets.warehouse.connection import Cursor, Readable, read

Compute = Callable[[Readable, dt.datetime, dt.datetime], pd.DataFrame]


def sales_hourly(warehouse: Readable, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """`marts.sales_hourly`."""
    return sales.sales_hourly(sales_sums.read_hours(warehouse, start, end))


def sales_daily(warehouse: Readable, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """`marts.sales_daily`."""
    return sales.sales_daily(sales_sums.read_days(warehouse, sales_sums.DAYS, start, end))


def product_sales_daily(warehouse: Readable, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """`marts.product_sales_daily`."""
    sums = sales_sums.read_days(warehouse, sales_sums.PRODUCTS, start, end)
    # The version before the span, those within, and should there be none, the first one after.
    versions_of = (
        f"FROM {ddl.versions(ENTITIES['products'])} v WHERE v.source = sold.source "
        "AND v.product_id = sold.product_id AND v.version_at"
    )
    products = warehouse.read(
        "SELECT DISTINCT ON (source, product_id, version_at) source, product_id, version_at, "
        "category FROM (SELECT DISTINCT source, product_id FROM meta.product_sums "
        "WHERE day >= $3::text::date AND day < $4::text::date AND product_id <> '' "
        "AND ledger_rows > 0) sold "
        "CROSS JOIN LATERAL ("
        f"(SELECT version_at, category, change_hour {versions_of} < $1 "
        "ORDER BY version_at DESC, change_hour DESC LIMIT 1) UNION ALL "
        f"(SELECT version_at, category, change_hour {versions_of} >= $1 AND v.version_at < $2) "
        "UNION ALL "
        f"(SELECT version_at, category, change_hour {versions_of} >= $2 AND v.version_at = "
        f"(SELECT min(version_at) {versions_of} >= $2))"
        ") v ORDER BY source, product_id, version_at, change_hour DESC",
        (start, end, *sales_sums.days_between(warehouse, start, end)),
    )
    versions = ENTITIES["products"].conform(products)
    return sales.product_sales_daily(sums, versions, ZoneInfo(warehouse.zone))


def customer_orders(warehouse: Readable, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """`marts.customer_orders`."""
    with warehouse.transaction() as cursor:
        return _customer_orders(cursor, "meta.sold_orders w", start, end)


def some_customer_orders(
    warehouse: Readable, start: dt.datetime, end: dt.datetime, orders: pd.DataFrame
) -> pd.DataFrame:
    """The same of some orders (columns hour, source, order_id); those that have sales, in the hour
    that they are asked for."""
    with warehouse.transaction() as cursor:
        order_requests.stage(cursor, orders)
        chosen = (
            "(SELECT o.* FROM pg_temp.asked_orders a CROSS JOIN LATERAL ("
            "SELECT * FROM meta.sold_orders o WHERE o.source = a.source "
            "AND o.order_id = a.order_id OFFSET 0) o "
            "WHERE a.hour = date_trunc('hour', o.ordered_at, 'UTC')) w"
        )
        return _customer_orders(cursor, chosen, start, end)


def _customer_orders(
    cursor: Cursor, chosen: str, start: dt.datetime, end: dt.datetime
) -> pd.DataFrame:
    # An order's rows never stand before it was placed. Orders, and customers, are looked up one by
    # one (`OFFSET 0`), so that their number and not that of the months decides; customers in the
    # order of their index.
    columns = ", ".join(f"l.{ddl.quoted(name)}" for name in customers.LEDGER_READS)
    kinds = ", ".join(map(ddl.literal, customers.KINDS_READ))
    ledger = read(
        cursor,
        f"SELECT {columns} FROM {chosen} CROSS JOIN LATERAL ("
        f"SELECT {columns} FROM warehouse.sales_ledger l WHERE l.source = w.source "
        "AND l.order_id = w.order_id AND l.happened_at >= $1 AND NOT l.is_test "
        f"AND l.kind IN ({kinds}) OFFSET 0) l "
        "WHERE w.ordered_at >= $1 AND w.ordered_at < $2",
        (start, end),
    )
    history = read(
        cursor,
        "SELECT o.source, o.customer_id, o.order_id, o.ordered_at "
        f"FROM (SELECT DISTINCT w.source, w.customer_id FROM {chosen} "
        "WHERE w.ordered_at >= $1 AND w.ordered_at < $2 AND w.customer_id IS NOT NULL "
        "ORDER BY w.customer_id) c "
        "CROSS JOIN LATERAL (SELECT * FROM meta.sold_orders o "
        "WHERE o.source = c.source AND o.customer_id = c.customer_id OFFSET 0) o",
        (start, end),
    )
    return customers.customer_orders(ledger, history)


def funnel_hourly(warehouse: Readable, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """`marts.funnel_hourly`."""
    return sessions.funnel_hourly(funnel_sums.read_hours(warehouse, start, end))


def inventory_hourly(warehouse: Readable, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """`marts.inventory_hourly`."""
    levels = ENTITIES["inventory_levels"]
    columns = ddl.column_list(levels, "l.")
    # Which products lie where is found by going from one to the next in the versions' index; what
    # each had last is then one look into the same index, however many months ago that was.
    readings = warehouse.read(
        f"WITH RECURSIVE places AS ({_next_place('')} UNION ALL "
        f"SELECT n.* FROM places p CROSS JOIN LATERAL {_next_place(_AFTER)} n) "
        f"SELECT {columns} FROM warehouse.inventory_levels l "
        "WHERE l.measured_at >= $1 AND l.measured_at < $2 UNION ALL "
        f"SELECT {columns} FROM places p "
        "CROSS JOIN LATERAL (SELECT * FROM warehouse.inventory_levels_versions i "
        "WHERE i.source = p.source AND i.product_id = p.product_id "
        "AND i.location_id = p.location_id AND i.measured_at < $1 AND NOT i.deleted "
        "AND NOT EXISTS (SELECT FROM warehouse.inventory_levels_versions w "
        "WHERE w.source = i.source AND w.product_id = i.product_id "
        "AND w.location_id = i.location_id AND w.measured_at = i.measured_at "
        "AND w.measured_at < $1 AND (w.version_at, w.change_hour) > (i.version_at, i.change_hour)) "
        "ORDER BY i.measured_at DESC LIMIT 1) l",
        (start, end),
    )
    movements_spec = ENTITIES["inventory_movements"]
    movements = warehouse.read(
        f"SELECT {ddl.column_list(movements_spec)} FROM warehouse.inventory_movements "
        "WHERE moved_at >= $1 AND moved_at < $2",
        (start, end),
    )
    hours = pd.date_range(start, end, freq="h", inclusive="left").as_unit("us")
    return inventory.inventory_hourly(
        levels.conform(readings), movements_spec.conform(movements), hours
    )


_AFTER = "WHERE (v.product_id, v.source, v.location_id) > (p.product_id, p.source, p.location_id) "


def _next_place(where: str) -> str:
    """A query for the first product and location that a reading was ever told of, or the next.

    In the order of the index (`ddl.found_by`), of which it reads one entry.
    """
    return (
        "(SELECT v.source, v.product_id, v.location_id FROM warehouse.inventory_levels_versions v "
        f"{where}ORDER BY v.product_id, v.source, v.location_id LIMIT 1)"
    )


def ad_spend_daily(warehouse: Readable, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """`marts.ad_spend_daily`: the days are the platform's, so their dates are taken as they are."""
    zone = ZoneInfo(warehouse.zone)
    first = start.astimezone(zone).date()
    last = (end - dt.timedelta(microseconds=1)).astimezone(zone).date()
    spend = ENTITIES["ad_spend"]
    frame = warehouse.read(
        f"SELECT {ddl.column_list(spend)} FROM warehouse.ad_spend "
        "WHERE day >= $1::text::date AND day <= $2::text::date",
        (first.isoformat(), last.isoformat()),
    )
    campaigns = ENTITIES["campaigns"]
    named = warehouse.read(f"SELECT {ddl.column_list(campaigns)} FROM warehouse.campaigns")
    return marketing.ad_spend_daily(spend.conform(frame), campaigns.conform(named))


def data_quality_hourly(warehouse: Readable, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """`marts.data_quality_hourly`."""
    return quality.data_quality_hourly(rows.read_counts(warehouse, start, end))


MARTS: dict[str, Compute] = {
    "sales_hourly": sales_hourly,
    "sales_daily": sales_daily,
    "product_sales_daily": product_sales_daily,
    "customer_orders": customer_orders,
    "funnel_hourly": funnel_hourly,
    "inventory_hourly": inventory_hourly,
    "ad_spend_daily": ad_spend_daily,
    "data_quality_hourly": data_quality_hourly,
}
"""Each mart's computation, by name."""

_KEPT: dict[str, Callable[[Cursor, str], None]] = {
    "sales_hourly": sales_sums.ensure,
    "sales_daily": sales_sums.ensure,
    "product_sales_daily": sales_sums.ensure,
    "funnel_hourly": lambda cursor, _: funnel_sums.ensure(cursor),
}
"""What the marts are made of that are made of sums that are kept."""


def prepare(warehouse: Readable, mart: str) -> None:
    """Make the sums that a mart is made of, where they were never made.

    Before a snapshot is taken: within it, what others make meanwhile is not to be seen.
    """
    if mart in _KEPT:
        with warehouse.transaction() as cursor:
            _KEPT[mart](cursor, warehouse.zone)
