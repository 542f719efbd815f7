"""What each customer has ordered is what the mart of their orders says, whatever becomes of it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg2
import pytest
from adbc_driver_manager import Error

from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.customer_totals import read_totals
from shop_assets.warehouse.slices import Written
from shop_assets_tests.warehouse.loads import HOUR, NINE, publish, table_of, wait_for_waiter

SUMMED = (
    "SELECT customer_id, currency, count(*), sum(net_sales_micros)::bigint, "
    "to_char(max(ordered_at), 'HH24:MI') FROM marts_base.customer_orders "
    "WHERE customer_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
)


def order(key: str, customer: str | None, net: int, minute: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "source": "shop", "order_id": key, "customer_id": customer, "minute": minute,
        "order_number": 1, "is_first_order": True, "currency": "GBP", "gross_sales_micros": net,
        "discounts_micros": 0, "returns_micros": 0, "net_sales_micros": net, "units_sold": 1,
    } | more  # fmt: skip


def totals(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """What is read, which is what is kept from then on."""
    read = read_totals(warehouse).drop(columns="source")
    read["last_order_at"] = read["last_order_at"].dt.strftime("%H:%M")
    found = sorted(read.itertuples(index=False, name=None))
    assert found == table_of(
        warehouse,
        "SELECT customer_id, currency, orders, net_sales_micros, to_char(last_order_at, 'HH24:MI') "
        "FROM meta.customer_sums ORDER BY 1, 2",
    )
    return found


def hour(warehouse: Warehouse, number: int, *orders: dict[str, Any]) -> Written:
    """Replace the orders of an hour after nine."""
    start = NINE + number * HOUR
    given = [
        {name: value for name, value in placed.items() if name != "minute"}
        | {"ordered_hour": start, "ordered_at": start.replace(minute=placed["minute"])}
        for placed in orders
    ]
    return publish(warehouse, *given, mart="customer_orders", start=start)


def test_orders_add_up_by_customer_and_currency(warehouse: Warehouse) -> None:
    hour(warehouse, 0, order("A", "c1", 5), order("B", "c1", 7, 30), order("C", "c2", 1))
    hour(warehouse, 1, order("D", "c1", -2, 10), order("E", "c1", 9, 20, currency="EUR"))
    expected = [
        ("c1", "EUR", 1, 9, "10:20"), ("c1", "GBP", 3, 10, "10:10"), ("c2", "GBP", 1, 1, "09:00"),
    ]  # fmt: skip
    assert totals(warehouse) == expected


def test_guests_are_nobody_s(warehouse: Warehouse) -> None:
    hour(warehouse, 0, order("A", None, 5))
    assert totals(warehouse) == []


def test_what_is_taken_out_is_taken_off_and_who_has_no_order_left_goes(
    warehouse: Warehouse,
) -> None:
    hour(warehouse, 0, order("A", "c1", 5), order("B", "c2", 7))
    hour(warehouse, 1, order("C", "c1", 2))
    hour(warehouse, 0)
    assert totals(warehouse) == [("c1", "GBP", 1, 2, "10:00")]


def test_without_the_newest_order_the_one_before_is_the_last(warehouse: Warehouse) -> None:
    hour(warehouse, 0, order("A", "c1", 5, 10), order("B", "c1", 5, 20))
    hour(warehouse, 1, order("C", "c1", 2))
    hour(warehouse, 1)
    assert totals(warehouse) == [("c1", "GBP", 2, 10, "09:20")]
    hour(warehouse, 0, order("A", "c1", 5, 10), order("B", "c2", 5, 20))
    assert totals(warehouse) == [
        ("c1", "GBP", 1, 5, "09:10"), ("c2", "GBP", 1, 5, "09:20"),
    ]  # fmt: skip


def test_a_load_that_comes_twice_counts_once(warehouse: Warehouse) -> None:
    for _ in range(2):
        start = NINE.replace(minute=5)
        row = order("A", "c1", 5) | {"ordered_hour": NINE, "ordered_at": start}
        del row["minute"]
        publish(warehouse, row, mart="customer_orders", load_id="the same")
    assert totals(warehouse) == [("c1", "GBP", 1, 5, "09:05")]


def test_orders_that_came_and_went_before_anybody_read_leave_nothing(warehouse: Warehouse) -> None:
    hour(warehouse, 0, order("A", "c1", 5, 10))
    hour(warehouse, 1, order("B", "c1", 7), order("C", "c2", 1))
    hour(warehouse, 1, order("B", "c1", 8))
    hour(warehouse, 1)
    assert totals(warehouse) == [("c1", "GBP", 1, 5, "09:10")]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("read_after", [1, 5])
def test_after_any_loads_they_are_the_sums_of_the_mart(
    warehouse: Warehouse, seed: int, read_after: int
) -> None:
    chance = random.Random(seed)

    def orders(number: int) -> Iterable[dict[str, Any]]:
        for n in range(chance.randrange(5)):
            customer = chance.choice(["c1", "c2", "c3", None])
            minute, net = chance.randrange(3), chance.randrange(-2, 4)
            currency = chance.choice(["GBP", "EUR"])
            yield order(f"{number}-{n}", customer, net, minute, currency=currency)

    for load in range(1, 16):
        number = chance.randrange(3)
        hour(warehouse, number, *orders(number))
        if load % read_after == 0:
            assert totals(warehouse) == table_of(warehouse, SUMMED)


@pytest.mark.parametrize(
    ("number", "placed", "after"),
    [
        (0, [], []),
        (0, [order("A", "c2", 1)], [("c2", "GBP", 1, 1, "09:00")]),
        (0, [order("A", "c1", 1), order("D", "c1", 4, 50)], [("c1", "GBP", 2, 5, "09:50")]),
        (2, [order("C", "c1", 4)], [("c1", "GBP", 2, 5, "11:00")]),
    ],
    ids=["the last order goes", "it gets another customer", "one comes before", "one comes after"],
)
def test_a_load_while_somebody_reads_is_in_the_totals_as_a_whole_or_not_at_all(
    warehouse: Warehouse,
    url: str,
    number: int,
    placed: list[dict[str, Any]],
    after: list[tuple[Any, ...]],
) -> None:
    hour(warehouse, 0, order("A", "c1", 1))
    hour(warehouse, 1, order("B", "c1", 2))
    assert totals(warehouse) == [("c1", "GBP", 2, 3, "10:00")]
    hour(warehouse, 1)
    gate = psycopg2.connect(url)
    with ThreadPoolExecutor(2) as pool:
        with gate, gate.cursor() as cursor:
            # Whoever reads has taken what was noted, and waits at the customer's row.
            cursor.execute("SELECT FROM meta.customer_sums FOR UPDATE")
            read = pool.submit(read_totals, warehouse)
            wait_for_waiter(warehouse, 1)
            load = pool.submit(hour, warehouse, number, *placed)
            wait_for_waiter(warehouse, 2)
        gate.close()
        load.result()
        found = read.result()
    assert found["orders"].sum() in (1, sum(row[2] for row in after))
    assert totals(warehouse) == table_of(warehouse, SUMMED) == after


def test_who_reads_what_another_is_adding_waits_for_it(warehouse: Warehouse, url: str) -> None:
    hour(warehouse, 0, order("A", "c1", 1))
    read_totals(warehouse)
    hour(warehouse, 1, order("B", "c1", 2))
    gate = psycopg2.connect(url)
    with ThreadPoolExecutor(2) as pool:
        with gate, gate.cursor() as cursor:
            cursor.execute("SELECT FROM meta.customer_sums FOR UPDATE")
            reading = []
            for count in (1, 2):
                reading.append(pool.submit(read_totals, warehouse))
                wait_for_waiter(warehouse, count)
        gate.close()
        assert [read.result()["orders"].tolist() for read in reading] == [[2], [2]]


def test_what_was_noted_is_still_there_where_adding_it_fails(warehouse: Warehouse) -> None:
    hour(warehouse, 0, order("A", "c1", 1))
    with warehouse.transaction() as cursor:
        cursor.execute("ALTER TABLE meta.customer_sums ADD CONSTRAINT broken CHECK (orders < 1)")
    with pytest.raises(Error, match="broken"):
        read_totals(warehouse)
    with warehouse.transaction() as cursor:
        cursor.execute("ALTER TABLE meta.customer_sums DROP CONSTRAINT broken")
    assert totals(warehouse) == [("c1", "GBP", 1, 1, "09:00")]


def test_many_hours_at_once_wait_for_each_other_in_order(warehouse: Warehouse) -> None:
    customers = [f"c{n}" for n in range(30)]

    def load(number: int) -> None:
        names = customers if number % 2 else customers[::-1]
        hour(warehouse, number, *(order(f"{number}-{n}", n, 1) for n in names))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(load, range(12)))
    assert totals(warehouse) == [
        (customer, "GBP", 12, 12, "20:00") for customer in sorted(customers)
    ]
