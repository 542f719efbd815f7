"""What an upgrade asks for: what was asked for before it, and what a release had left out."""

from __future__ import annotations

import datetime as dt

from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse import compared_units, ledger_orders
from shop_assets.warehouse.connection import Warehouse, read
from shop_assets_tests.warehouse.databases import of_version, rows, session

OLD_VERSION = "2026-01-31 09:10:00.000001+00"


def test_orders_and_comparisons_that_were_asked_for_are_still_asked_for(stack: Endpoints) -> None:
    url = of_version(stack, "0013")
    with session(url) as cursor:
        cursor.execute(
            "INSERT INTO meta.stale_orders (source, order_id, since) SELECT s, n::text, %s "
            "FROM generate_series(1, 12000) n, unnest('{a,b}'::text[]) s",
            (OLD_VERSION,),
        )
        cursor.execute(
            "INSERT INTO meta.stale_comparisons (name, kind, source, key) "
            "SELECT 'charge_differences', 'order', '', key FROM unnest('{A,B}'::text[]) key"
        )
    warehouse = Warehouse(url)
    warehouse.create()
    with warehouse.transaction() as cursor:
        cursor.execute("CREATE TEMP TABLE affected (source text, order_id text) ON COMMIT DROP")
        ledger_orders.take(cursor)
        affected = read(
            cursor,
            "SELECT a.source, count(*), min(since)::text FROM pg_temp.affected "
            "JOIN pg_temp.asked a USING (source, order_id) GROUP BY 1 ORDER BY 1",
        )
        compared_units.take(cursor, ["charge_differences"])
        units = read(cursor, "SELECT * FROM pg_temp.units ORDER BY 3")
    assert affected.to_numpy().tolist() == [[s, 12_000, OLD_VERSION] for s in ("a", "b")]
    assert units.to_numpy().tolist() == [["order", "", key] for key in ("A", "B")]


def test_of_hours_of_orders_that_were_asked_for_all_orders_are(stack: Endpoints) -> None:
    url = of_version(stack, "0014")
    at = dt.datetime.fromisoformat(OLD_VERSION)
    with session(url) as cursor:
        cursor.execute(
            "CREATE TABLE marts_base.customer_orders_all "
            "PARTITION OF marts_base.customer_orders DEFAULT"
        )
        for order, back in [("A", 0), ("B", 1)]:
            cursor.execute(
                "INSERT INTO meta.sold_orders VALUES ('s', %s, 'c', %s, '{GBP}', %s)",
                (order, at - dt.timedelta(hours=back), [at]),
            )
        cursor.execute(
            "INSERT INTO marts_base.customer_orders (ordered_hour, source, order_id, customer_id, "
            "ordered_at, currency, gross_sales_micros, discounts_micros, returns_micros, "
            "net_sales_micros, units_sold) VALUES (date_trunc('hour', %s, 'UTC'), 's', 'moved "
            "away', 'c', %s, 'GBP', 0, 0, 0, 0, 1)",
            (at, at),
        )
        for mart, back in [("customer_orders", 0), ("sales_hourly", 1)]:
            cursor.execute(
                "INSERT INTO meta.stale_slices (mart, slice) "
                "VALUES (%s, date_trunc('hour', %s, 'UTC'))",
                (mart, at - dt.timedelta(hours=back)),
            )
    Warehouse(url).create()
    asked = rows(url, "SELECT source, unnest(order_ids) FROM meta.moved_orders ORDER BY 2")
    assert asked == [("s", "A"), ("s", "moved away")]


def test_orders_that_a_refund_has_left_are_made_again(stack: Endpoints) -> None:
    url = of_version(stack, "0020")
    with session(url) as cursor:
        cursor.execute(
            "INSERT INTO warehouse.refunds_versions (source, refund_id, order_id, refunded_at, "
            "quantity, amount_micros, shipping_micros, tax_micros, currency, version_at, deleted, "
            "change_hour) SELECT 's', refund_id, order_id, at, 1, 1, 0, 0, 'GBP', at, false, "
            "date_trunc('hour', at, 'UTC') FROM (VALUES ('moved', 'A', '2026-01-02 09:00+00'), "
            "('moved', 'B', '2026-01-01 09:00+00'::timestamptz), "
            "('told again', 'C', '2026-01-02 09:00+00'), "
            "('told again', 'C', '2026-01-03 09:00+00')) v (refund_id, order_id, at)"
        )
    Warehouse(url).create()
    asked = rows(
        url,
        "SELECT source, o.order_id, o.since::text FROM meta.stale_orders, "
        "unnest(order_ids, since) o (order_id, since) ORDER BY 2",
    )
    earliest = "2026-01-01 09:00:00+00"
    assert asked == [("s", "A", earliest), ("s", "B", earliest)]


def test_hours_of_stock_that_nobody_had_asked_for_are_asked_for(stack: Endpoints) -> None:
    url = of_version(stack, "0021")
    with session(url) as cursor:
        cursor.execute(
            "INSERT INTO warehouse.inventory_levels_versions (source, product_id, location_id, "
            "measured_at, available, committed, unavailable, version_at, deleted, change_hour) "
            "SELECT 's', 'p', 'l', at, 1, 0, 0, at, false, '2026-01-31 09:00+00' "
            "FROM unnest('{2026-01-31 04:30+00, 2026-01-31 06:30+00}'::timestamptz[]) at"
        )
        cursor.execute(
            "INSERT INTO meta.slices (asset, slice, epoch, load_id) VALUES "
            "('warehouse/inventory_levels', '2026-01-31 09:00+00', 1, 'a'), "
            "('marts/inventory_hourly', '2026-01-31 04:00+00', 1, 'b'), "
            "('marts/inventory_hourly', '2026-01-31 09:00+00', 1, 'c')"
        )
        cursor.execute(
            "INSERT INTO meta.stale_slices (mart, slice) "
            "VALUES ('inventory_hourly', '2026-01-31 06:00+00')"
        )
    Warehouse(url).create()
    asked = rows(url, "SELECT mart, to_char(slice, 'HH24:MI') FROM meta.stale_slices ORDER BY 2")
    assert asked == [("inventory_hourly", f"0{hour}:00") for hour in (5, 6, 7, 8)]
