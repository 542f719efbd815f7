"""The sales ledger follows the versions of its orders, and asks for what it is seen in."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pandas as pd
import pytest

from shop_assets.transforms.ledger import sales_ledger
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.ledger import load_ledger
from shop_assets_tests.warehouse.loads import (
    DAY,
    HOUR,
    NINE,
    ledger,
    load_of,
    merge,
    settle_all,
    stale,
    table_of,
)

SUMS = (
    "SELECT order_id, kind, sum(quantity)::bigint, sum(amount_micros)::bigint "
    "FROM warehouse.sales_ledger GROUP BY 1, 2 ORDER BY 1, 2"
)
ORDER = {"version_at": "2026-01-31 09:10"}
ITEM = {"version_at": "2026-01-31 09:10"}
REFUND = {"refunded_at": "2026-02-14 15:30", "version_at": "2026-02-14 15:30"}


def sell(warehouse: Warehouse, order_id: str, placed: str, **more: Any) -> None:
    """Sell one unit; each order is told in an hour of its own."""
    moment = {"order_id": order_id, "placed_at": placed, "version_at": placed}
    told = NINE + (ord(order_id) - ord("A")) * HOUR
    merge(warehouse, "orders", moment | more, start=told)
    merge(warehouse, "order_items", moment, start=told)
    ledger(warehouse, order_id)


def test_a_sale_and_its_late_refund_stand_each_in_its_own_hour(warehouse: Warehouse) -> None:
    sell(warehouse, "A", "2026-01-31 09:10")
    settle_all(warehouse)
    merge(warehouse, "refunds", REFUND)
    assert ledger(warehouse, "A").changed == 1
    assert table_of(warehouse, SUMS) == [
        ("A", "return", 1, 10_000_000),
        ("A", "sale", 1, 10_000_000),
    ]
    assert stale(warehouse, "sales_hourly") == ["02-14 15:00"]
    assert "02-14 00:00" in stale(warehouse, "sales_daily")
    assert stale(warehouse, "product_sales_daily") == ["02-14 00:00"]
    assert stale(warehouse, "customer_orders") == ["01-31 09:00"]


def test_making_the_same_orders_again_changes_nothing_and_asks_for_nothing(
    warehouse: Warehouse,
) -> None:
    sell(warehouse, "A", "2026-01-31 09:10")
    settle_all(warehouse)
    assert ledger(warehouse, "A").changed == 0
    assert table_of(warehouse, "SELECT count(*) FROM meta.stale_slices") == [(0,)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
def test_the_ledger_does_not_depend_on_the_order_of_loads(
    warehouse: Warehouse, order: tuple[int, ...]
) -> None:
    changes: list[tuple[str, dict[str, Any]]] = [
        ("orders", ORDER | {"shipping_micros": 3_000_000}),
        ("order_items", ITEM),
        ("order_items", ITEM | {"version_at": "2026-02-02 12:00", "quantity": 3}),
        ("refunds", REFUND),
    ]
    for position in order:
        merge(warehouse, changes[position][0], changes[position][1])
        ledger(warehouse, "A")
    rows = table_of(
        warehouse,
        "SELECT kind, happened_at::text, quantity, amount_micros FROM warehouse.sales_ledger "
        "ORDER BY happened_at, kind",
    )
    assert rows == [
        ("sale", "2026-01-31 09:10:00+00", 1, 10_000_000),
        ("shipping", "2026-01-31 09:10:00+00", 0, 3_000_000),
        ("sale", "2026-02-02 12:00:00+00", 2, 20_000_000),
        ("return", "2026-02-14 15:30:00+00", 1, 10_000_000),
    ]


def test_an_order_that_moves_in_time_leaves_nothing_behind(warehouse: Warehouse) -> None:
    sell(warehouse, "A", "2026-02-02 09:10")
    settle_all(warehouse)
    moved = {"placed_at": "2026-01-05 07:00", "version_at": "2026-02-02 09:10"}
    merge(warehouse, "orders", moved)
    merge(warehouse, "order_items", moved)
    ledger(warehouse, "A")
    found = table_of(warehouse, "SELECT kind, happened_at::text FROM warehouse.sales_ledger")
    assert found == [("sale", "2026-01-05 07:00:00+00")]
    assert stale(warehouse, "sales_hourly") == ["01-05 07:00", "02-02 09:00"]
    assert stale(warehouse, "sales_daily") == ["01-05 00:00", "02-02 00:00"]


def test_a_version_that_is_told_again_for_a_later_time_leaves_nothing_at_the_earlier_one(
    warehouse: Warehouse,
) -> None:
    sell(warehouse, "A", "2026-01-05 07:00")
    again = {"placed_at": "2026-02-02 09:10", "version_at": "2026-01-05 07:00"}
    merge(warehouse, "orders", again, start=NINE + DAY)
    merge(warehouse, "order_items", again, start=NINE + DAY)
    ledger(warehouse, "A")
    found = table_of(warehouse, "SELECT kind, happened_at::text FROM warehouse.sales_ledger")
    assert found == [("sale", "2026-02-02 09:10:00+00")]


RETURNS = (
    "SELECT order_id, sum(amount_micros)::bigint FROM warehouse.sales_ledger "
    "WHERE kind = 'return' GROUP BY 1 HAVING sum(amount_micros) <> 0"
)
ANOTHERS = REFUND | {"order_id": "B", "version_at": "2026-02-14 17:30"}
"""The refund, told again as that of another order."""


@pytest.mark.parametrize("made_in_between", [True, False])
def test_a_refund_that_turns_out_to_be_of_another_order_counts_there_alone(
    warehouse: Warehouse, made_in_between: bool
) -> None:
    sell(warehouse, "A", "2026-01-31 09:10")
    sell(warehouse, "B", "2026-01-31 09:10")
    merge(warehouse, "refunds", REFUND)
    if made_in_between:
        ledger(warehouse)
        assert table_of(warehouse, RETURNS) == [("A", 10_000_000)]
    merge(warehouse, "refunds", ANOTHERS, start=NINE + DAY)
    ledger(warehouse)
    assert table_of(warehouse, RETURNS) == [("B", 10_000_000)]


def test_an_order_that_a_refund_has_left_does_not_get_it_back(warehouse: Warehouse) -> None:
    sell(warehouse, "A", "2026-01-31 09:10")
    sell(warehouse, "B", "2026-01-31 09:10")
    merge(warehouse, "refunds", REFUND)
    merge(warehouse, "refunds", ANOTHERS, start=NINE + DAY)
    ledger(warehouse)
    merge(warehouse, "orders", {"version_at": "2026-03-01 08:00", "shipping_micros": 1})
    assert ledger(warehouse).changed == 1
    assert table_of(warehouse, RETURNS) == [("B", 10_000_000)]


def test_a_refund_goes_back_to_its_order_when_the_correction_is_gone(warehouse: Warehouse) -> None:
    sell(warehouse, "A", "2026-01-31 09:10")
    merge(warehouse, "refunds", REFUND)
    # In the other order, of which nothing else is known, it stands where its first version said.
    later = ANOTHERS | {"refunded_at": "2026-03-14 15:30"}
    merge(warehouse, "refunds", later, start=NINE + DAY)
    ledger(warehouse)
    assert table_of(warehouse, RETURNS) == [("B", 10_000_000)]
    merge(warehouse, "refunds", start=NINE + DAY)
    ledger(warehouse)
    assert table_of(warehouse, RETURNS) == [("A", 10_000_000)]


def test_rows_of_an_order_that_is_not_made_are_refused(warehouse: Warehouse) -> None:
    def of_another(*versions: pd.DataFrame) -> pd.DataFrame:
        return sales_ledger(*versions).assign(order_id="Z")

    sell(warehouse, "A", "2026-01-31 09:10")
    orders = pd.DataFrame({"source": ["shop"], "order_id": pd.Series(["A"], dtype="str")})
    with pytest.raises(ValueError, match="sales_ledger: 1 row lies outside"):
        load_ledger(warehouse, orders, load_of("warehouse/sales_ledger"), of_another)
    assert table_of(warehouse, "SELECT order_id FROM warehouse.sales_ledger") == [("A",)]


def test_a_deleted_order_is_taken_back(warehouse: Warehouse) -> None:
    sell(warehouse, "A", "2026-01-31 09:10")
    merge(warehouse, "orders", {"version_at": "2026-02-01 10:00", "deleted": True})
    ledger(warehouse, "A")
    assert table_of(warehouse, SUMS) == [("A", "sale", 0, 0)]


def test_every_order_whose_versions_have_changed_is_made_again(warehouse: Warehouse) -> None:
    sell(warehouse, "A", "2026-01-31 09:10")
    sell(warehouse, "B", "2026-01-31 09:20")
    later = {"version_at": "2026-02-02 12:00", "quantity": 5}
    merge(warehouse, "order_items", ITEM | later, ITEM | later | {"order_id": "B"})
    ledger(warehouse, "B")
    found = {row[0]: row[2] for row in table_of(warehouse, SUMS)}
    assert found == {"A": 5, "B": 5}
    assert table_of(warehouse, "SELECT order_ids FROM meta.stale_orders") == []


def test_an_order_that_is_published_no_more_leaves_the_ledger(warehouse: Warehouse) -> None:
    sell(warehouse, "A", "2026-01-31 09:10")
    settle_all(warehouse)
    merge(warehouse, "order_items")
    ledger(warehouse)
    assert table_of(warehouse, SUMS) == []
    assert stale(warehouse, "sales_hourly") == ["01-31 09:00"]


def test_an_order_of_the_same_id_at_another_source_is_another_order(warehouse: Warehouse) -> None:
    sell(warehouse, "A", "2026-01-31 09:10")
    merge(warehouse, "orders", ORDER | {"source": "outlet"}, start=NINE + HOUR)
    merge(warehouse, "order_items", ITEM | {"source": "outlet"}, start=NINE + HOUR)
    ledger(warehouse, "A", source="outlet")
    sources = "SELECT source FROM warehouse.sales_ledger ORDER BY 1"
    assert table_of(warehouse, sources) == [("outlet",), ("shop",)]


def test_no_orders_make_no_rows_but_the_hour_is_noted(warehouse: Warehouse) -> None:
    assert ledger(warehouse).rows == 0
    assert table_of(warehouse, "SELECT slice::text FROM meta.slices") == [
        ("2026-01-31 09:00:00+00",)
    ]


def test_an_earlier_order_of_a_customer_moves_the_place_of_every_later_one(
    warehouse: Warehouse,
) -> None:
    sell(warehouse, "B", "2026-02-02 10:00")
    sell(warehouse, "C", "2026-03-03 11:00")
    sell(warehouse, "D", "2026-03-03 12:00", customer_id="another")
    settle_all(warehouse)
    sell(warehouse, "A", "2026-01-31 09:10")
    assert stale(warehouse, "customer_orders") == ["01-31 09:00", "02-02 10:00", "03-03 11:00"]
    assert stale(warehouse, "sales_daily") == ["01-31 00:00", "02-02 00:00", "03-03 00:00"]
    assert stale(warehouse, "sales_hourly") == ["01-31 09:00"]
    assert stale(warehouse, "product_sales_daily") == ["01-31 00:00"]


def test_an_order_given_to_another_customer_moves_the_orders_of_both(warehouse: Warehouse) -> None:
    sell(warehouse, "A", "2026-01-31 09:10")
    sell(warehouse, "B", "2026-02-02 10:00")
    sell(warehouse, "C", "2026-03-03 11:00", customer_id="c2")
    settle_all(warehouse)
    merge(warehouse, "orders", ORDER | {"version_at": "2026-03-05", "customer_id": "c2"})
    ledger(warehouse, "A")
    assert stale(warehouse, "customer_orders") == ["01-31 09:00", "02-02 10:00", "03-03 11:00"]


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/London", "01-31 00:00"),
        ("America/New_York", "01-30 00:00"),
        ("Pacific/Auckland", "01-31 00:00"),
    ],
)
def test_days_are_those_of_the_shops_time_zone(url: str, zone: str, day: str) -> None:
    warehouse = Warehouse(url, zone=zone)
    sell(warehouse, "A", "2026-01-31 03:10")
    assert stale(warehouse, "sales_daily") == [day]
    assert stale(warehouse, "sales_hourly") == ["01-31 03:00"]


def test_of_two_loads_that_touch_one_order_the_second_sees_what_the_first_did(
    warehouse: Warehouse,
) -> None:
    merge(warehouse, "orders", ORDER)
    lines = [ITEM | {"item_id": str(n)} for n in range(8)]

    def load(hour: int) -> None:
        merge(warehouse, "order_items", lines[hour], start=NINE.replace(hour=hour))
        ledger(warehouse, "A", start=NINE.replace(hour=hour))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(load, range(8)))
    assert table_of(warehouse, SUMS) == [("A", "sale", 8, 80_000_000)]


def test_the_ledger_is_made_under_one_lock(warehouse: Warehouse) -> None:
    sell(warehouse, "A", "2026-01-31 09:10")
    with ThreadPoolExecutor(1) as pool, warehouse.transaction() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('sales_ledger.orders', 2))")
        waiting = pool.submit(partial(ledger, warehouse, "A", start=NINE.replace(hour=1)))
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.3)
        cursor.execute("SELECT 1")
    assert waiting.result().changed == 0


SOLD = "SELECT order_id, customer_id, ordered_at::text FROM meta.sold_orders ORDER BY 1"


def test_the_orders_sold_are_known_by_customer_and_time(warehouse: Warehouse) -> None:
    sell(warehouse, "A", "2026-01-31 09:10")
    sell(warehouse, "B", "2026-02-01 09:10", customer_id=None)
    sell(warehouse, "C", "2026-02-02 09:10", is_test=True)
    first = ("A", "c1", "2026-01-31 09:10:00+00")
    assert table_of(warehouse, SOLD) == [first, ("B", None, "2026-02-01 09:10:00+00")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"customer_id": "c2"}, [("A", "c2", "2026-01-31 09:10:00+00")]),
        ({"customer_id": None}, [("A", None, "2026-01-31 09:10:00+00")]),
        ({"placed_at": "2025-12-31 07:00"}, [("A", "c1", "2025-12-31 07:00:00+00")]),
        ({"is_test": True}, []),
        ({"status": "shipped"}, [("A", "c1", "2026-01-31 09:10:00+00")]),
    ],
    ids=["another customer", "a guest's", "earlier", "a test", "the same"],
)
def test_an_order_that_changes_is_sold_as_it_is_now(
    warehouse: Warehouse, change: dict[str, Any], expected: list[tuple[Any, ...]]
) -> None:
    sell(warehouse, "A", "2026-01-31 09:10")
    merge(warehouse, "orders", {"version_at": "2026-02-01 12:00"} | change)
    ledger(warehouse, "A")
    assert table_of(warehouse, SOLD) == expected


def test_an_order_without_versions_is_sold_no_more(warehouse: Warehouse) -> None:
    sell(warehouse, "A", "2026-01-31 09:10")
    merge(warehouse, "orders")
    merge(warehouse, "order_items")
    ledger(warehouse)
    assert table_of(warehouse, SOLD) == []


def test_a_new_order_moves_the_places_of_later_ones_of_whichever_month(
    warehouse: Warehouse,
) -> None:
    sell(warehouse, "B", "2026-01-31 09:10")
    sell(warehouse, "C", "2026-03-31 09:10")
    sell(warehouse, "D", "2026-02-28 09:10", customer_id="c2")
    settle_all(warehouse)
    sell(warehouse, "A", "2025-12-31 09:10")
    moved = ["12-31 09:00", "01-31 09:00", "03-31 09:00"]
    assert stale(warehouse, "customer_orders") == moved
