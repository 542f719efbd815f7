"""A late refund in a shop with years of history touches what it concerns, and nothing else."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.partitions import Calendar
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.mart_inputs import MARTS
from shop_assets.warehouse.marts import look, replace_slices
from shop_assets_tests.warehouse.loads import DAY, HOUR, ledger, load_of, merge, table_of

FIRST = dt.datetime(2024, 1, 1, 9, tzinfo=dt.UTC)
DAYS = 731
SALES = ("sales_hourly", "customer_orders", "sales_daily", "product_sales_daily")


def compute_what_is_stale(warehouse: Warehouse) -> dict[str, int]:
    """Each sales mart's stale slices, one by one; how many there were of each."""
    calendar = Calendar(FIRST.date(), ZoneInfo("UTC"))
    found = {}
    for mart in SALES:
        spec = TABLES[mart]
        daily = spec.column(str(spec.time)).kind == "date"
        requests = look(warehouse, mart).requests
        found[mart] = len(requests)
        for moment in requests["slice"]:
            start = moment.to_pydatetime()
            step = DAY if daily else HOUR
            window = (
                calendar.day_window(start.date(), start.date()) if daily else (start, start + HOUR)
            )
            seen = look(warehouse, mart, start, start + step)
            rows = MARTS[mart](warehouse, *window)
            load = load_of(f"marts/{mart}", start, step=step, epoch=10)
            replace_slices(warehouse, spec, rows, load, seen)
    return found


def test_its_rows_are_counted_and_few(warehouse: Warehouse) -> None:
    moments = pd.date_range(FIRST, periods=DAYS, freq="D").strftime("%Y-%m-%d %H:10")
    sold = [
        {"order_id": str(n), "placed_at": at, "version_at": at, "customer_id": f"c{n}"}
        for n, at in enumerate(moments)
    ]
    merge(warehouse, "orders", *sold)
    lines = [{k: v for k, v in row.items() if k != "customer_id"} for row in sold]
    merge(warehouse, "order_items", *lines)
    ledger(warehouse)
    with warehouse.transaction() as cursor:
        cursor.execute("DELETE FROM meta.stale_slices")
        cursor.execute("DELETE FROM meta.loads")

    refund = {"refund_id": "R", "order_id": "30", "item_id": "1"}
    at = "2026-01-02 15:30"
    merge(warehouse, "refunds", refund | {"refunded_at": at, "version_at": at})
    ledger(warehouse, load_id="ledger")
    assert compute_what_is_stale(warehouse) == {
        # The refund's own hour and day; and the order, whose sums are those of its whole life.
        "sales_hourly": 1,
        "customer_orders": 1,
        "sales_daily": 1,
        "product_sales_daily": 1,
    }
    counted = table_of(warehouse, "SELECT asset, rows_written, rows_changed FROM meta.loads")
    assert sorted(counted) == [
        ("marts/customer_orders", 1, 1),
        ("marts/product_sales_daily", 1, 1),
        ("marts/sales_daily", 1, 1),
        ("marts/sales_hourly", 1, 1),
        ("warehouse/refunds", 1, 1),
        # Of this order the ledger is computed anew, two rows; one of them is new.
        ("warehouse/sales_ledger", 2, 1),
    ]
