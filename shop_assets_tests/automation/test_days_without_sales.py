"""What day it is for the summary of sales: by what is loaded, whether or not anything was sold."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shop_assets.automation.runs import day_range_tags
from shop_assets.backfill import Backfill
from shop_assets.partitions import DAY, HOUR, floor_hour
from shop_assets_tests.automation.tiny_shop import TinyShop, line
from shop_assets_tests.warehouse.loads import table_of

NOON = dt.datetime(2024, 1, 10, 11, tzinfo=dt.UTC)


def summary(shop: TinyShop) -> list[tuple[Any, ...]]:
    """Each period: its name, its first and last day, how many orders it had."""
    return table_of(
        shop.warehouse,
        "SELECT period, from_day::text, to_day::text, orders FROM analytics_base.sales_summary "
        "ORDER BY to_day DESC, from_day DESC",
    )


def follow(shop: TinyShop) -> None:
    """Answer the sensors until they ask for nothing."""
    asked = True
    while asked:
        asked = False
        for name in ("stale_marts", "analytics_on_change"):
            for request in shop.tick(name).requests:
                asked = True
                assert shop.answer(request, "analytics")


def test_a_day_on_which_nothing_is_sold_goes_by_for_the_sensors_as_for_a_backfill(
    shop: TinyShop,
) -> None:
    shop.deliver("first", line("A", NOON))
    assert shop.load(NOON)
    follow(shop)
    assert ("today", "2024-01-10", "2024-01-10", 1) in summary(shop)
    last = NOON + 34 * HOUR
    assert shop.load(NOON + HOUR, last)
    follow(shop)
    found = summary(shop)
    assert found == [
        ("last_7_days", "2024-01-05", "2024-01-11", 1),
        ("last_28_days", "2023-12-15", "2024-01-11", 1),
        ("yesterday", "2024-01-10", "2024-01-10", 1),
    ]
    rebuild = Backfill(shop.definitions, shop.instance, shop.calendar, shop.warehouse)
    rebuild.load([NOON + n * HOUR for n in range(35)], lambda *_: None)
    assert summary(shop) == found


def test_tomorrow_is_not_today_when_all_daily_partitions_are_materialized(shop: TinyShop) -> None:
    now = dt.datetime.now(dt.UTC)
    hour = floor_hour(now) - 2 * HOUR
    shop.deliver("first", line("A", hour))
    assert shop.load(hour)
    follow(shop)
    found = summary(shop)
    assert found
    ahead = dt.date.fromisoformat(shop.calendar.daily.get_partition_keys()[-1])
    assert ahead > shop.calendar.day_of(now)
    assert shop.execute("daily_marts", day_range_tags(ahead - 2 * DAY, ahead))
    assert not shop.tick("analytics_on_change").requests
    assert shop.execute("analytics", {})
    assert summary(shop) == found
