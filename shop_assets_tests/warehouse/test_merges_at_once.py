"""Hours are loaded side by side, and may bring versions of the same rows."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg2
import pytest

from shop_assets.warehouse import sales_sums
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.warehouse.loads import (
    HOUR,
    NINE,
    ledger,
    merge,
    stale,
    table_of,
    wait_for_waiter,
)

OPEN = {"version_at": "2026-01-31 09:10", "status": "open"}
PAID = {"version_at": "2026-01-31 10:10", "status": "paid"}
DONE = {"version_at": "2026-01-31 11:10", "status": "fulfilled"}


@pytest.mark.parametrize("there", [[], [OPEN]], ids=["a new order", "a known order"])
@pytest.mark.parametrize("placed", ["2026-01-31 09:10", "2025-12-31 09:10"])
@pytest.mark.parametrize("newest_first", [False, True])
def test_two_hours_that_change_one_order_at_once_leave_its_newest_version(
    warehouse: Warehouse, url: str, there: list[dict[str, Any]], placed: str, newest_first: bool
) -> None:
    merge(warehouse, "orders", *there, {"order_id": "B", "version_at": placed, "placed_at": placed})
    pair = [PAID, DONE | {"placed_at": placed}]
    first, second = pair[::-1] if newest_first else pair
    gate = psycopg2.connect(url)
    with ThreadPoolExecutor(2) as pool:
        with gate, gate.cursor() as cursor:
            # Both come as far as the current rows, and wait there.
            cursor.execute("LOCK TABLE warehouse.orders IN EXCLUSIVE MODE")
            one = pool.submit(merge, warehouse, "orders", first, start=NINE + HOUR)
            wait_for_waiter(warehouse, 1)
            two = pool.submit(merge, warehouse, "orders", second, start=NINE + 2 * HOUR)
            wait_for_waiter(warehouse, 2)
        gate.close()
        assert (one.result().changed, two.result().changed) == (1, 1)
    current = table_of(warehouse, "SELECT status FROM warehouse.orders WHERE order_id = 'A'")
    assert current == [("fulfilled",)]


@pytest.mark.parametrize("table", ["customers", "orders"])
def test_many_hours_at_once_leave_the_newest_version_of_every_row(
    warehouse: Warehouse, table: str
) -> None:
    key = {"customers": "customer_id", "orders": "order_id"}[table]

    def load(hour: int) -> None:
        version = {"version_at": NINE + hour * HOUR, "country": str(hour)}
        names = itertools.islice(itertools.cycle("ABCDE"), hour, hour + 4)
        given = [version | {key: name} for name in names]
        merge(warehouse, table, *given, start=NINE + hour * HOUR)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(load, range(8)))
    found = table_of(warehouse, f"SELECT {key}, country FROM warehouse.{table} ORDER BY 1")
    assert found == [("A", "7"), ("B", "6"), ("C", "7"), ("D", "7"), ("E", "7")]


def test_months_are_made_once_by_however_many_loads(own_url: str) -> None:
    loads = [Warehouse(own_url) for _ in range(4)]
    years = [f"{year}-0{month}-03 04:00" for year in (2024, 2025) for month in range(1, 4)]
    given = [{"order_id": at, "placed_at": at, "version_at": at} for at in years]

    def load(number: int) -> None:
        merge(loads[number], "orders", *given, start=NINE + number * HOUR)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(load, range(4)))
    found = table_of(
        loads[0],
        "SELECT count(*), count(DISTINCT tableoid), (SELECT count(*) FROM pg_inherits "
        "WHERE inhparent = 'warehouse.orders'::regclass) FROM warehouse.orders",
    )
    assert found == [(6, 6, 6)]


def test_a_category_asks_for_the_days_of_a_load_of_the_ledger_that_is_under_way(
    warehouse: Warehouse, url: str
) -> None:
    garden = {"source": "shop", "version_at": "2026-01-31 08:00", "category": "Garden"}
    merge(warehouse, "products", garden)
    merge(warehouse, "order_items", {"version_at": "2026-02-03 09:10", "placed_at": NINE})
    ledger(warehouse)
    under_way = psycopg2.connect(url)
    with ThreadPoolExecutor(1) as pool:
        with under_way, under_way.cursor() as cursor:
            cursor.execute(sales_sums.LOCK)
            cursor.execute("UPDATE meta.product_sums SET day = '2026-02-05'")
            home = garden | {"version_at": "2026-02-02 10:00", "category": "Home"}
            change = pool.submit(merge, warehouse, "products", home)
            wait_for_waiter(warehouse)
            # What the load asks for is computed as soon as it is over.
            cursor.execute("DELETE FROM meta.stale_slices")
        under_way.close()
        change.result()
    assert stale(warehouse, "product_sales_daily") == ["02-05 00:00"]
