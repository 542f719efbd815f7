"""Of hours of customers' orders that were published, the orders that have moved are computed."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from typing import Any

import pandas as pd
import pytest

from shop_assets.entities import TABLES
from shop_assets.warehouse import order_requests
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.mart_inputs import MARTS, some_customer_orders
from shop_assets.warehouse.marts import look, replace_slices, stale_slices
from shop_assets.warehouse.slices import Written
from shop_assets_tests.warehouse.loads import HOUR, NINE, ledger, load_of, merge, table_of

MART = "customer_orders"
ROWS = (
    "SELECT order_id, ordered_hour, customer_id, order_number, net_sales_micros "
    "FROM marts_base.customer_orders ORDER BY 1"
)
ASKED = "SELECT DISTINCT unnest(order_ids) FROM meta.moved_orders ORDER BY 1"
_TOLD = itertools.count()


def sell(warehouse: Warehouse, order: str, at: dt.datetime, **more: Any) -> None:
    told = NINE + (100 + next(_TOLD)) * HOUR
    row = {"order_id": order, "placed_at": at, "version_at": told}
    of_order = {k: more.pop(k) for k in ("customer_id", "is_test") if k in more}
    merge(warehouse, "orders", row | of_order)
    merge(warehouse, "order_items", row | more)
    ledger(warehouse, order)


def refund(warehouse: Warehouse, order: str) -> None:
    told = NINE + (100 + next(_TOLD)) * HOUR
    merge(
        warehouse, "refunds",
        {"refund_id": f"of {order}", "order_id": order, "refunded_at": told, "version_at": told},
    )  # fmt: skip
    ledger(warehouse, order)


def compute(warehouse: Warehouse, first: int, last: int, *, alone: bool, epoch: int = 1) -> Written:
    """Compute the mart of the hours from `first` to `last` after nine, or what has moved there."""
    start, end = NINE + first * HOUR, NINE + (last + 1) * HOUR
    seen = look(warehouse, MART, start, end)
    orders = order_requests.asked(warehouse, start, end, alone=alone)
    if alone:
        rows = some_customer_orders(warehouse, start, end, orders.asked)
    else:
        rows = MARTS[MART](warehouse, start, end)
    load = load_of(f"marts/{MART}", start, count=last - first + 1, epoch=epoch)
    return replace_slices(warehouse, TABLES[MART], rows, load, seen, orders)


def assert_whole(warehouse: Warehouse, first: int, last: int) -> None:
    """The mart is what computing all hours at once makes."""
    found = table_of(warehouse, ROWS)
    assert compute(warehouse, first, last, alone=False, epoch=99).changed == 0
    assert table_of(warehouse, ROWS) == found


def test_a_refund_moves_its_order_and_no_other(warehouse: Warehouse) -> None:
    for n, order in enumerate("ABC"):
        sell(warehouse, order, NINE + n * HOUR / 60, customer_id=f"c{n}")
    assert compute(warehouse, 0, 0, alone=False).changed == 3
    assert table_of(warehouse, ASKED) == []
    refund(warehouse, "B")
    assert table_of(warehouse, ASKED) == [("B",)]
    written = compute(warehouse, 0, 5, alone=True)
    assert (written.rows, written.changed) == (1, 2)
    assert table_of(warehouse, ASKED) == []
    assert stale_slices(warehouse, MART).empty
    assert [row[-1] for row in table_of(warehouse, ROWS)] == [10_000_000, 0, 10_000_000]
    assert_whole(warehouse, 0, 5)


def test_an_earlier_order_moves_the_later_ones_of_its_customer(warehouse: Warehouse) -> None:
    sell(warehouse, "B", NINE + HOUR)
    sell(warehouse, "C", NINE + 3 * HOUR)
    sell(warehouse, "of another", NINE + HOUR, customer_id="c2")
    compute(warehouse, 0, 5, alone=False)
    sell(warehouse, "A", NINE)
    assert table_of(warehouse, ASKED) == [("A",), ("B",), ("C",)]
    compute(warehouse, 0, 5, alone=True)
    assert [row[3] for row in table_of(warehouse, ROWS)] == [1, 2, 3, 1]
    assert_whole(warehouse, 0, 5)


def test_an_order_of_the_same_moment_is_moved_by_the_one_before_it(warehouse: Warehouse) -> None:
    sell(warehouse, "B", NINE)
    compute(warehouse, 0, 0, alone=False)
    sell(warehouse, "A", NINE)
    compute(warehouse, 0, 0, alone=True)
    assert [row[3] for row in table_of(warehouse, ROWS)] == [1, 2]


def test_an_order_that_changes_its_hour_leaves_the_one_it_stood_in(warehouse: Warehouse) -> None:
    sell(warehouse, "A", NINE + 2 * HOUR)
    compute(warehouse, 0, 5, alone=False)
    sell(warehouse, "A", NINE)  # the earliest time that was told counts
    compute(warehouse, 0, 2, alone=True)
    assert [row[1] for row in table_of(warehouse, ROWS)] == [pd.Timestamp(NINE)]
    sell(warehouse, "A", NINE, is_test=True)
    compute(warehouse, 0, 2, alone=True)
    assert table_of(warehouse, ROWS) == []
    assert stale_slices(warehouse, MART).empty


def test_an_hour_never_published_is_computed_whole(warehouse: Warehouse) -> None:
    for n, order in enumerate("ABC"):
        sell(warehouse, order, NINE + n * HOUR, customer_id=order)
    with warehouse.transaction() as cursor:  # as if the requests were lost
        cursor.execute("DELETE FROM meta.moved_orders")
    compute(warehouse, 0, 0, alone=False)
    assert compute(warehouse, 0, 2, alone=True).changed == 2
    assert_whole(warehouse, 0, 2)


def test_what_is_asked_for_while_it_is_computed_stays(warehouse: Warehouse) -> None:
    sell(warehouse, "A", NINE)
    sell(warehouse, "B", NINE, customer_id="c2")
    compute(warehouse, 0, 0, alone=False)
    refund(warehouse, "A")
    seen = look(warehouse, MART)
    orders = order_requests.asked(warehouse, NINE, NINE + HOUR, alone=True)
    rows = some_customer_orders(warehouse, NINE, NINE + HOUR, orders.asked)
    refund(warehouse, "B")
    load = load_of(f"marts/{MART}", epoch=2)
    replace_slices(warehouse, TABLES[MART], rows, load, seen, orders)
    assert table_of(warehouse, ASKED) == [("B",)]
    assert len(stale_slices(warehouse, MART)) == 1
    compute(warehouse, 0, 0, alone=True, epoch=3)
    assert_whole(warehouse, 0, 0)


def test_an_order_that_moves_between_asking_and_reading_is_left_to_its_own_request(
    warehouse: Warehouse,
) -> None:
    sell(warehouse, "A", NINE + HOUR)
    compute(warehouse, 0, 2, alone=False)
    refund(warehouse, "A")
    orders = order_requests.asked(warehouse, NINE, NINE + 3 * HOUR, alone=True)
    sell(warehouse, "A", NINE)
    assert some_customer_orders(warehouse, NINE, NINE + 3 * HOUR, orders.asked).empty
    compute(warehouse, 0, 2, alone=True)
    assert_whole(warehouse, 0, 2)


@pytest.mark.parametrize("seed", range(3))
def test_after_any_changes_it_is_what_whole_hours_are(warehouse: Warehouse, seed: int) -> None:
    chance = random.Random(seed)
    for n in range(12):
        order, hour = chance.choice("ABCDE"), chance.randrange(4)
        if chance.random() < 0.3:
            refund(warehouse, order)
        else:
            customer, test = chance.choice(["c1", "c1", "c2", None]), chance.random() < 0.1
            at = NINE + hour * HOUR + chance.randrange(3) * HOUR / 60
            sell(warehouse, order, at, customer_id=customer, is_test=test)
        if chance.random() < 0.3:
            compute(warehouse, hour, hour, alone=False, epoch=n)
        elif chance.random() < 0.5:
            compute(warehouse, 0, 3, alone=True, epoch=n)
    last = 100 + next(_TOLD)  # a refund of nothing that was sold stands where it was told
    compute(warehouse, 0, last, alone=True, epoch=50)
    assert table_of(warehouse, ASKED) == []
    assert_whole(warehouse, 0, last)
