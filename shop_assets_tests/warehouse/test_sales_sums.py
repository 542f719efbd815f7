"""The sums kept of the sales ledger are those of its rows, whatever becomes of it."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest

from shop_assets.warehouse import sales_sums, slices
from shop_assets.warehouse.connection import Cursor, Warehouse
from shop_assets.warehouse.mart_inputs import MARTS
from shop_assets.warehouse.stored_ledger import ledger_rows
from shop_assets_tests.warehouse.loads import HOUR, NINE, ledger, merge, table_of

pytestmark = pytest.mark.no_cover

KOLKATA = "Asia/Kolkata"
"""A zone whose days begin at half past the hour."""
SPAN = (NINE - dt.timedelta(days=40), NINE + dt.timedelta(days=40))
KEPT = (sales_sums.HOURS, sales_sums.DAYS, sales_sums.PRODUCTS)
KINDS = ["orders", "new_customer_orders", "repeat_orders", "guest_orders"]

_TOLD = itertools.count()


@pytest.fixture(params=["UTC", KOLKATA])
def sold(request: pytest.FixtureRequest, warehouse: Warehouse) -> Warehouse:
    """A warehouse whose days are those of a zone."""
    return Warehouse(warehouse.url, zone=request.param)


def tell(warehouse: Warehouse, table: str, *rows: dict[str, Any]) -> None:
    """Load rows in an hour of their own: what stood in an hour before would leave."""
    told = NINE + (48 + next(_TOLD)) * HOUR
    merge(warehouse, table, *({"version_at": told} | row for row in rows))


def sell(warehouse: Warehouse, order: str, at: dt.datetime, **more: Any) -> None:
    """An order of two lines, and its ledger rows."""
    row = {"order_id": order, "placed_at": at} | more
    tell(warehouse, "orders", {"shipping_micros": 5} | row)
    of_lines = {k: v for k, v in row.items() if k not in ("customer_id", "is_test")}
    lines = (of_lines | {"item_id": i, "product_id": f"p{i}"} for i in "12")
    tell(warehouse, "order_items", *lines)
    ledger(warehouse, order)


def add_line(warehouse: Warehouse, order: str, at: dt.datetime, **more: Any) -> None:
    """One more line of an order, sold then."""
    tell(warehouse, "order_items", {"order_id": order, "item_id": "3", "placed_at": at} | more)
    ledger(warehouse, order)


def kept(warehouse: Warehouse, sums: sales_sums.Sums) -> list[tuple[Any, ...]]:
    names = ", ".join(sums.schema.names)
    sql = f"SELECT {names} FROM meta.{sums.table} WHERE ledger_rows <> 0 ORDER BY {names}"
    return table_of(warehouse, sql)


def summed(warehouse: Warehouse, sums: sales_sums.Sums) -> list[tuple[Any, ...]]:
    """The sums of the ledger as it stands."""
    whole = sums.of(ledger_rows(warehouse, *SPAN), ZoneInfo(warehouse.zone))
    return sorted(tuple(row) for row in whole[sums.schema.names].astype(object).to_numpy())


COUNTED = """
SELECT o.day::text, s.currency, count(*) FILTER (WHERE o.is_first),
    count(*) FILTER (WHERE o.customer_id IS NULL)
FROM (
    SELECT c.*, (c.ordered_at AT TIME ZONE '{zone}')::date AS day,
        c.customer_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM meta.sold_orders o
            WHERE o.source = c.source AND o.customer_id = c.customer_id
                AND (o.ordered_at, o.order_id) < (c.ordered_at, c.order_id)
        ) AS is_first
    FROM meta.sold_orders c
) o CROSS JOIN LATERAL unnest(o.currencies, o.sold_since) s(currency, since)
WHERE (s.since AT TIME ZONE '{zone}')::date = o.day GROUP BY 1, 2 ORDER BY 1, 2
"""
"""Of the orders that count on each day, how many are a customer's first, and a guest's: asked of
each order by itself."""


def counts(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """What is kept of the same; where both are none, there may be a row or not."""
    return table_of(
        warehouse,
        "SELECT day::text, currency, new_customer_orders, guest_orders FROM meta.day_sums "
        "WHERE new_customer_orders <> 0 OR guest_orders <> 0 ORDER BY 1, 2",
    )


def assert_kept(warehouse: Warehouse) -> None:
    for sums in KEPT:
        assert kept(warehouse, sums) == summed(warehouse, sums)
    expected = table_of(warehouse, COUNTED.format(zone=warehouse.zone))
    assert counts(warehouse) == [row for row in expected if any(row[2:])]


@pytest.mark.parametrize("seed", range(3))
def test_after_any_changes_they_are_the_sums_of_the_ledger(sold: Warehouse, seed: int) -> None:
    chance = random.Random(seed)
    for n in range(10):
        at = NINE + chance.choice([0, 1, 9, 10, 24]) * HOUR + chance.randrange(60) * HOUR / 60
        order, currency = chance.choice("ABCD"), chance.choice(["GBP", "GBP", "JPY"])
        row = {"order_id": order, "placed_at": at, "currency": currency}
        row["deleted"] = chance.random() < 0.2
        cancelled = chance.choice([None, None, NINE + 40 * HOUR])
        customer = {"customer_id": chance.choice(["c1", "c1", "c2", None])}
        whole = {"cancelled_at": cancelled, "is_test": chance.random() < 0.2} | customer
        tell(sold, "orders", row | whole | {"discount_micros": chance.choice([0, 1_000_000])})
        line = {"item_id": chance.choice("12"), "quantity": chance.choice([1, 3])}
        tell(sold, "order_items", row | line)
        if chance.random() < 0.4:
            refund = {"refund_id": f"R{n}", "item_id": "1", "refunded_at": at + 3 * HOUR}
            tell(sold, "refunds", {"order_id": order, "currency": currency} | refund)
        ledger(sold, *"ABCD"[: chance.choice([1, 4])], order)
        assert_kept(sold)
    assert kept(sold, sales_sums.PRODUCTS)


def test_what_nothing_is_left_of_is_in_no_mart(sold: Warehouse) -> None:
    sell(sold, "A", NINE)
    sell(sold, "A", NINE, is_test=True)
    for mart in ("sales_hourly", "sales_daily", "product_sales_daily"):
        assert MARTS[mart](sold, *SPAN).empty
    left = "SELECT DISTINCT gross_sales_micros, orders FROM meta.day_sums"
    assert table_of(sold, left) == [(0, 0)]


def test_an_order_counts_on_its_day_although_its_lines_come_in_several_hours(
    sold: Warehouse,
) -> None:
    sell(sold, "A", NINE)
    add_line(sold, "A", NINE + HOUR)
    assert MARTS["sales_daily"](sold, *SPAN)["orders"].tolist() == [1]
    assert MARTS["sales_hourly"](sold, *SPAN)["orders"].tolist() == [1, 0]
    assert_kept(sold)


def test_sums_that_were_never_made_are_made_from_the_ledger(
    sold: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where many rows are summed in parts, and an order's rows stand around midnight."""
    for n in range(8):
        at = NINE + n * 3 * HOUR + HOUR / 3
        customer = ["c1", "c2", None][n % 3]
        currency = "JPY" if n % 2 else "GBP"
        sell(sold, f"order {n}", at, currency=currency, customer_id=customer)
    around = NINE.replace(hour=18, minute=20)  # within this hour it is midnight in Kolkata
    sell(sold, "around", around)
    add_line(sold, "around", around.replace(minute=40))
    before = [kept(sold, sums) for sums in KEPT]
    monkeypatch.setattr(sales_sums, "ROWS_AT_ONCE", 4)
    with sold.transaction() as cursor:
        cursor.execute("DELETE FROM meta.sums_of")
        cursor.execute("UPDATE meta.hour_sums SET orders = 99")
        cursor.execute("UPDATE meta.day_sums SET new_customer_orders = 99, guest_orders = 99")
    assert len(MARTS["sales_daily"](sold, *SPAN)) > 2
    assert [kept(sold, sums) for sums in KEPT] == before
    assert_kept(sold)


def test_they_are_made_anew_by_few_queries_of_the_days_that_there_are(
    sold: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each table that is staged keeps locks until the commit; and one date may be wrong."""
    sell(sold, "of long ago", NINE.replace(year=1900), currency="EUR")
    for n in range(6):
        sell(sold, f"order {n}", NINE + n * 24 * HOUR)
    with sold.transaction() as cursor:
        cursor.execute("DELETE FROM meta.sums_of")
    staged, read = [], []
    stage, parts = slices.stage, sales_sums._ledger_parts

    def staging(cursor: Cursor, name: str, rows: pa.Table) -> None:
        staged.append(name)
        stage(cursor, name, rows)

    def reading(*span: Any) -> Iterator[pd.DataFrame]:
        read.append(span)
        return parts(*span)

    monkeypatch.setattr(slices, "stage", staging)
    monkeypatch.setattr(sales_sums, "_ledger_parts", reading)
    with sold.transaction() as cursor:
        sales_sums.ensure(cursor, sold.zone)
    assert len(staged) == len(read) == len(KEPT)
    monkeypatch.setattr(sales_sums, "ROWS_AT_ONCE", 7)
    with sold.transaction() as cursor:
        cursor.execute("DELETE FROM meta.sums_of")
        sales_sums.ensure(cursor, sold.zone)
    assert len(read) > 2 * len(KEPT)
    days = MARTS["sales_daily"](sold, NINE.replace(year=1900, day=1), SPAN[1])
    assert days["orders"].tolist() == [1] * 7
    recent = [row for row in kept(sold, sales_sums.DAYS) if row[0].year > 1900]
    assert recent == summed(sold, sales_sums.DAYS)


def test_another_zone_has_other_days(warehouse: Warehouse) -> None:
    sell(warehouse, "A", NINE.replace(hour=23))
    elsewhere = Warehouse(warehouse.url, zone=KOLKATA)
    days = [
        MARTS["sales_daily"](each, *SPAN)["day"].astype(str).tolist()
        for each in (warehouse, elsewhere, warehouse)
    ]
    assert days == [["2026-01-31"], ["2026-02-01"], ["2026-01-31"]]
    sell(elsewhere, "B", NINE)
    assert_kept(elsewhere)


def test_loads_and_marts_that_make_them_at_once_make_them_once(warehouse: Warehouse) -> None:
    sell(warehouse, "A", NINE)
    with warehouse.transaction() as cursor:
        cursor.execute("DELETE FROM meta.sums_of")

    def ask(number: int) -> int:
        if number % 2:
            sell(warehouse, f"order {number}", NINE)
        return int(MARTS["sales_hourly"](warehouse, *SPAN)["orders"].sum())

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(ask, range(8)))
    assert min(counts) >= 1
    assert MARTS["sales_hourly"](warehouse, *SPAN)["orders"].tolist() == [5]
    assert_kept(warehouse)


def test_many_rows_are_summed_in_parts_that_divide_no_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sales_sums, "ROWS_AT_ONCE", 3)
    for ids, expected in (
        ("AABBBBCD", ["AABBBB", "CD"]), ("AAAAAA", ["AAAAAA", ""]), ("ABC", ["ABC"]), ("", [""]),
        ("AAAB", ["AAA", "B"]), ("ABCCDEF", ["ABCC", "DEF"]),
    ):  # fmt: skip
        rows = pd.DataFrame({"order_id": list(ids)})
        assert ["".join(part["order_id"]) for part in sales_sums._by_orders(rows)] == expected


def test_orders_are_of_new_customers_of_known_ones_or_of_guests(sold: Warehouse) -> None:
    for minute, (order, day, customer) in enumerate(
        [("A", 0, "c1"), ("B", 0, "c1"), ("C", 0, None), ("D", 1, "c1"), ("E", 1, "c2")]
    ):
        sell(sold, order, NINE + day * 24 * HOUR + minute * HOUR / 60, customer_id=customer)
    found = MARTS["sales_daily"](sold, *SPAN)
    assert found[KINDS].to_numpy().tolist() == [[3, 1, 1, 1], [2, 1, 1, 0]]
    # An order that comes late, and is a customer's first, makes another one a repeated order.
    sell(sold, "F", NINE - HOUR, customer_id="c2")
    found = MARTS["sales_daily"](sold, *SPAN)
    assert found[KINDS].to_numpy().tolist() == [[4, 2, 1, 1], [2, 0, 2, 0]]
    # A customer's first order that turns out to be a guest's leaves the next one the first.
    row = {"order_id": "F", "placed_at": NINE - HOUR, "shipping_micros": 5}
    tell(sold, "orders", row | {"customer_id": None})
    ledger(sold, "F")
    found = MARTS["sales_daily"](sold, *SPAN)
    assert found[KINDS].to_numpy().tolist() == [[4, 1, 1, 2], [2, 1, 1, 0]]
    assert_kept(sold)


def test_a_refund_leaves_it_as_it_was_whose_the_orders_are(sold: Warehouse) -> None:
    sell(sold, "A", NINE, customer_id="c1")
    sell(sold, "B", NINE, customer_id=None)
    before = counts(sold)
    for order in "AB":
        refund = {"refund_id": order, "order_id": order, "refunded_at": NINE + 30 * HOUR}
        tell(sold, "refunds", refund | {"item_id": "1"})
    assert ledger(sold, "A", "B").changed
    assert [row[2:] for row in before] == [(1, 1)]
    assert counts(sold) == before


def test_an_order_counts_in_each_currency_that_it_was_sold_in_on_its_day(sold: Warehouse) -> None:
    sell(sold, "A", NINE)
    add_line(sold, "A", NINE, currency="EUR")
    add_line(sold, "A", NINE + 30 * HOUR, currency="USD", item_id="4")
    found = MARTS["sales_daily"](sold, *SPAN)
    assert found[["currency", *KINDS]].to_numpy().tolist() == [
        ["EUR", 1, 1, 0, 0], ["GBP", 1, 1, 0, 0], ["USD", 0, 0, 0, 0],
    ]  # fmt: skip
    assert_kept(sold)
