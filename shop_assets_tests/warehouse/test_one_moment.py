"""A mart and what it is held to are of one moment, whatever is loaded meanwhile."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest

from shop_assets.assets.marts import DECLARED, computed
from shop_assets.checks.ledger_sums import ledger_sums
from shop_assets.partition_span import Span
from shop_assets.warehouse import funnel_sums, sales_sums
from shop_assets.warehouse.connection import Cursor, Readable, Warehouse, fetch_one
from shop_assets.warehouse.mart_inputs import MARTS
from shop_assets_tests.warehouse.loads import DAY, HOUR, NINE, activity, table_of, wait_for_waiter
from shop_assets_tests.warehouse.test_sales_sums import KOLKATA, sell

pytestmark = pytest.mark.no_cover

TEN_POUNDS = 10_000_000
ORDER = 2 * TEN_POUNDS
"""What `sell` sells for."""


@pytest.fixture(params=["UTC", "Europe/Berlin", KOLKATA])
def sold(request: pytest.FixtureRequest, warehouse: Warehouse) -> Warehouse:
    """A warehouse whose days are those of a zone, with an order in hour nine and one at noon."""
    found = Warehouse(warehouse.url, zone=request.param)
    sell(found, "A", NINE)
    sell(found, "B", NINE + 3 * HOUR)
    return found


def day_of(warehouse: Warehouse) -> tuple[dt.datetime, dt.datetime]:
    """The shop's day of hour nine."""
    sql = (
        f"SELECT date_trunc('day', '{NINE.isoformat()}'::timestamptz, '{warehouse.zone}') "
        f"AT TIME ZONE 'UTC'"
    )
    ((begins,),) = table_of(warehouse, sql)
    start = pd.Timestamp(begins).tz_localize("UTC").to_pydatetime()
    return start, start + DAY


def load_last_hour(warehouse: Warehouse, end: dt.datetime, *, provisional: bool) -> None:
    last = (end - dt.timedelta(microseconds=1)).replace(minute=0, second=0, microsecond=0)
    with warehouse.transaction() as cursor:
        cursor.execute(
            "INSERT INTO meta.slices (asset, slice, epoch, load_id, provisional) "
            f"VALUES ('warehouse/sales_ledger', '{last.isoformat()}', 1, 'x', {provisional}) "
            "ON CONFLICT (asset, slice) DO UPDATE SET provisional = excluded.provisional"
        )


def gross(warehouse: Readable, *span: Any) -> int:
    return int(ledger_sums(warehouse, *span)["gross"].loc["GBP"])


@pytest.mark.parametrize("mart", ["sales_hourly", "sales_daily", "product_sales_daily"])
def test_a_mart_that_is_overtaken_while_it_is_computed_is_not_held_to_what_came_later(
    sold: Warehouse, monkeypatch: pytest.MonkeyPatch, mart: str
) -> None:
    (declared,) = (d for d in DECLARED if d.name == mart)
    compute = MARTS[mart]

    def overtaken(warehouse: Readable, *span: dt.datetime) -> pd.DataFrame:
        rows = compute(warehouse, *span)
        sell(sold, "late", NINE + HOUR / 2)
        return rows

    monkeypatch.setitem(MARTS, mart, overtaken)
    start, end = day_of(sold) if declared.daily else (NINE, NINE + HOUR)
    for _ in range(2):
        span = Span(start, end, ("whichever",))
        rows, outcomes = computed(sold, declared, span, None, start if declared.daily else None)
        assert len(rows)
        assert all(not o.whole_failed for o in outcomes)
        assert [o.check for o in outcomes] == ["contract", "sums_to_the_ledger"]


MAKERS: dict[str, tuple[str, Callable[[Cursor, str], None]]] = {
    "sales_daily": ("DELETE FROM meta.sums_of", sales_sums.ensure),
    "funnel_hourly": ("DELETE FROM meta.funnel_made", lambda c, _: funnel_sums.ensure(c)),
}


@pytest.mark.parametrize("mart", MAKERS)
def test_a_mart_waits_for_who_makes_the_sums_that_it_is_made_of(
    warehouse: Warehouse, mart: str
) -> None:
    sell(warehouse, "A", NINE)
    activity(warehouse, {})
    (declared,) = (d for d in DECLARED if d.name == mart)
    forget, make = MAKERS[mart]
    span = Span(*(day_of(warehouse) if declared.daily else (NINE, NINE + HOUR)), ("whichever",))
    with warehouse.transaction() as cursor:
        cursor.execute(forget)
    with ThreadPoolExecutor(1) as pool:
        with warehouse.transaction() as cursor:
            make(cursor, warehouse.zone)
            waiting = pool.submit(computed, warehouse, declared, span, None, None)
            wait_for_waiter(Warehouse(warehouse.url))
        rows, outcomes = waiting.result(timeout=60)
    assert len(rows) == 1
    assert not any(o.whole_failed for o in outcomes)


def test_what_is_read_of_one_moment_fits_together(sold: Warehouse) -> None:
    orders = "SELECT count(*) FROM warehouse.orders"
    with sold.snapshot() as state:
        assert state.zone == sold.zone
        assert len(state.read(orders)) == 1
        sell(sold, "C", NINE)
        assert state.read(orders).iloc[0, 0] == 2
        with state.transaction() as cursor:
            assert fetch_one(cursor, orders) == 2
    assert table_of(sold, orders) == [(3,)]


def test_a_day_that_is_over_is_held_to_the_rows_of_the_ledger(sold: Warehouse) -> None:
    start, end = day_of(sold)
    load_last_hour(sold, end, provisional=False)
    assert gross(sold, start, end, start) == 2 * ORDER
    with sold.transaction() as cursor:
        cursor.execute("UPDATE meta.hour_sums SET gross_sales_micros = gross_sales_micros + 1")
    assert gross(sold, start, end, start) == 2 * ORDER


@pytest.mark.parametrize("provisional", [True, None])
def test_a_day_that_is_not_over_is_held_to_its_hours(
    sold: Warehouse, provisional: bool | None
) -> None:
    start, end = day_of(sold)
    if provisional:
        load_last_hour(sold, end, provisional=True)
    assert gross(sold, start, end, start) == 2 * ORDER
    with sold.transaction() as cursor:
        cursor.execute("UPDATE meta.hour_sums SET gross_sales_micros = gross_sales_micros + 1")
    assert gross(sold, start, end, start) == 2 * ORDER + 2
    # The days before it are over.
    assert gross(sold, start - DAY, end, start) == 2 * ORDER + 2
    assert gross(sold, start - DAY, end, end - HOUR / 2) == 2 * ORDER
    assert gross(sold, NINE, NINE + HOUR) == ORDER, "an hour is held to its rows"


def test_of_hours_that_a_day_has_in_part_only_that_part_counts(warehouse: Warehouse) -> None:
    there = Warehouse(warehouse.url, zone=KOLKATA)
    start, end = day_of(there)
    assert (start.minute, end.minute) == (30, 30)
    for number, at in enumerate((start - HOUR / 4, start, end - HOUR / 4, end)):
        sell(there, f"order {number}", at)
    assert gross(there, start, end, start) == 2 * ORDER
    load_last_hour(there, end, provisional=False)
    assert gross(there, start, end, start) == 2 * ORDER
