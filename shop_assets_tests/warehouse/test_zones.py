"""The shop's days are the same in SQL as in Python, whatever PostgreSQL knows of its zone."""

from __future__ import annotations

import datetime as dt
import random
from zoneinfo import ZoneInfo

import pytest

from shop_assets.stack.endpoints import Endpoints
from shop_assets.transforms.days import offsets
from shop_assets.warehouse import sales_sums, zones
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.mart_inputs import MARTS
from shop_assets_tests.warehouse.databases import of_version, rows, session
from shop_assets_tests.warehouse.loads import DAY, NINE, publish, settle_all, stale, table_of
from shop_assets_tests.warehouse.test_sales_sums import KOLKATA, SPAN, counts, sell

SUMMER_NIGHT = dt.datetime(2026, 7, 1, 22, 30, tzinfo=dt.UTC)
"""Half past midnight where clocks are two hours ahead, as those of CET are then."""
ZONES = (
    *("UTC", "CET", "Europe/Berlin", "Europe/Amsterdam", "America/Vancouver", "America/Asuncion"),
    *("Africa/Casablanca", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Apia", "Etc/GMT-14"),
)


def moments_of(zone: str) -> list[dt.datetime]:
    """Some of all centuries, and those around each change of the clocks."""
    chance = random.Random(zone)
    first, last = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (1900, 2199))
    some = [first + chance.random() * (last - first) for _ in range(500)]
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    changes = [epoch + dt.timedelta(seconds=int(since)) for since in offsets(ZoneInfo(zone)).since]
    instant = dt.timedelta(microseconds=1)
    return [*some, *changes, *(at - instant for at in changes)]


@pytest.mark.parametrize("zone", ZONES)
def test_clocks_show_in_sql_what_they_do_in_python(warehouse: Warehouse, zone: str) -> None:
    given = moments_of(zone)
    texts = ",".join(at.isoformat() for at in given)
    found = table_of(
        warehouse,
        f"SELECT {zones.local('at', zone)}::text, {zones.day('at', zone)}::text "
        f"FROM unnest('{{{texts}}}'::timestamptz[]) WITH ORDINALITY u(at, n) ORDER BY n",
    )
    there = [at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for at in given]
    assert [dt.datetime.fromisoformat(local) for local, _ in found] == there
    assert [day for _, day in found] == [local.date().isoformat() for local in there]


def test_what_is_no_moment_is_no_day(warehouse: Warehouse) -> None:
    never = "unnest('{infinity,-infinity,NULL}'::timestamptz[]) at"
    found = table_of(warehouse, f"SELECT {zones.day('at', 'CET')}::text FROM {never}")
    assert found == [("infinity",), ("-infinity",), (None,)]


def test_an_order_of_a_summer_night_is_of_one_day_in_all_that_is_counted(
    warehouse: Warehouse,
) -> None:
    """To PostgreSQL, CET is an hour ahead of UTC all year."""
    here = Warehouse(warehouse.url, zone="CET")
    span = SUMMER_NIGHT - dt.timedelta(days=9), SUMMER_NIGHT + dt.timedelta(days=9)
    sell(here, "A", SUMMER_NIGHT, customer_id="c")
    assert stale(here, "sales_daily") == stale(here, "product_sales_daily") == ["07-02 00:00"]
    assert counts(here) == [("2026-07-02", "GBP", 1, 0)]
    days = MARTS["sales_daily"](here, *span)
    assert days["day"].astype(str).tolist() == ["2026-07-02"]
    assert days["new_customer_orders"].tolist() == days["orders"].tolist() == [1]


def counted_by(warehouse: Warehouse, zone: str, rules: str) -> Warehouse:
    """A warehouse of Kolkata's days, with an order that was counted by the clocks of a zone.

    It is of the next day in Kolkata, and not in Berlin. `rules`: those that are said to be known.
    """
    before = Warehouse(warehouse.url, zone=zone)
    sell(before, "A", NINE.replace(hour=20), customer_id="c")
    day = NINE.replace(hour=0) + (DAY if zone == KOLKATA else 0 * DAY)
    (row,) = MARTS["sales_daily"](before, *SPAN).to_dict("records")
    given = {str(name): value for name, value in row.items()}
    publish(before, given, mart="sales_daily", start=day, step=DAY)
    settle_all(before)
    with before.transaction() as cursor:
        cursor.execute(f"UPDATE meta.sums_of SET zone = '{KOLKATA}', rules = '{rules}'")
    return Warehouse(warehouse.url, zone=KOLKATA)


def test_rules_that_are_the_same_ask_for_nothing(warehouse: Warehouse) -> None:
    here = counted_by(warehouse, KOLKATA, zones.rules(KOLKATA))
    assert MARTS["sales_daily"](here, *SPAN)["day"].astype(str).tolist() == ["2026-02-01"]
    assert stale(here, "sales_daily") == stale(here, "product_sales_daily") == []


def test_days_are_counted_anew_once_a_country_has_changed_its_clocks(warehouse: Warehouse) -> None:
    here = counted_by(warehouse, "Europe/Berlin", zones.rules("Europe/Berlin"))
    assert MARTS["sales_daily"](here, *SPAN)["day"].astype(str).tolist() == ["2026-02-01"]
    assert counts(here) == [("2026-02-01", "GBP", 1, 0)]
    assert stale(here, "sales_daily") == ["01-31 00:00", "02-01 00:00"]
    assert stale(here, "product_sales_daily") == ["02-01 00:00"]
    settle_all(here)
    MARTS["sales_daily"](here, *SPAN)
    assert stale(here, "sales_daily") == []


def test_days_are_counted_anew_once_the_shop_is_in_another_zone(warehouse: Warehouse) -> None:
    counted_by(warehouse, KOLKATA, zones.rules(KOLKATA))
    moved = Warehouse(warehouse.url, zone="Europe/Berlin")
    assert MARTS["sales_daily"](moved, *SPAN)["day"].astype(str).tolist() == ["2026-01-31"]
    assert stale(moved, "sales_daily") == ["01-31 00:00", "02-01 00:00"]
    assert stale(moved, "product_sales_daily") == ["01-31 00:00"]


def test_a_zone_that_is_always_at_utc_has_no_rules() -> None:
    assert zones.rules("UTC") == zones.rules("Etc/UCT") == ""
    assert zones.rules("Africa/Abidjan") != ""  # its clocks were behind until 1912


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "CET"])
def test_what_an_older_release_has_counted_is_counted_anew_where_postgresql_has_other_clocks(
    stack: Endpoints, zone: str
) -> None:
    url = of_version(stack, "0022")
    with session(url) as cursor:
        cursor.execute("INSERT INTO meta.sums_of (zone) VALUES (%s)", (zone,))
        cursor.execute(
            "INSERT INTO meta.day_sums VALUES "
            f"('2026-07-01', 'EUR'{', 0' * (len(sales_sums.DAYS.figures) - 1)}, 1, 1, 0)"
        )
    warehouse = Warehouse(url, zone=zone)
    warehouse.create()
    for _ in range(2):
        with warehouse.transaction() as cursor:
            sales_sums.ensure(cursor, zone)
        assert rows(url, "SELECT zone, rules FROM meta.sums_of") == [(zone, zones.rules(zone))]
        left = [] if zone == "CET" else [("2026-07-01",)]
        assert rows(url, "SELECT day::text FROM meta.day_sums") == left
