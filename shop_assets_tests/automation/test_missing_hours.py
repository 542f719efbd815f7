from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import product

from dagster import DagsterRunStatus

from shop_assets.automation import runs
from shop_assets.automation.jobs import CATCH_UP, PRIORITY
from shop_assets.partitions import HOUR, hour_key
from shop_assets_tests.automation.tiny_shop import TinyShop, newest_due_hour

TABLES = (
    "warehouse/order_items",
    "warehouse/sales_ledger",
    "marts/sales_hourly",
    "marts/customer_orders",
    "marts/data_quality_hourly",
)
"""What an hour's run of the tiny shop writes to the warehouse."""


TABLES = (
    *("warehouse/order_items", "warehouse/sales_ledger"),
    *("marts/sales_hourly", "marts/customer_orders", "marts/data_quality_hourly"),
)
"""What the run of an hour writes to the warehouse."""


def mark_loaded(shop: TinyShop, *hours: dt.datetime, tables: Sequence[str] = TABLES) -> None:
    """Note slices as written, as the loads of these hours do."""
    with shop.warehouse.transaction() as cursor:
        for hour, table in product(hours, tables):
            cursor.execute(
                "INSERT INTO meta.slices (asset, slice, epoch, load_id) VALUES ($1, $2, 1, 'x')",
                parameters=(table, hour),
            )


def asked(shop: TinyShop) -> list[tuple[str, str]]:
    return [(first, last) for _, first, last in shop.tick("missing_hours").spans]


def span(first: dt.datetime, last: dt.datetime | None = None) -> tuple[str, str]:
    return hour_key(first), hour_key(last or first)


def test_before_anything_is_loaded_nothing_is_missing(watched: TinyShop) -> None:
    tick = watched.tick("missing_hours")
    assert tick.requests == []
    assert tick.skipped == "No hour is missing that no run is loading."


def test_nothing_is_missing_up_to_the_hour_that_is_left_to_the_schedule(watched: TinyShop) -> None:
    due = newest_due_hour()
    mark_loaded(watched, due - 2 * HOUR, due - HOUR)
    assert asked(watched) == [span(due)]
    mark_loaded(watched, due)
    assert asked(watched) == []


def test_every_hole_is_found_and_neighbours_are_asked_for_together(watched: TinyShop) -> None:
    due = newest_due_hour()
    mark_loaded(watched, *(due - n * HOUR for n in (40, 39, 38, 36, 33, 32)))
    assert asked(watched) == [
        span(due - 37 * HOUR),
        span(due - 35 * HOUR, due - 34 * HOUR),
        span(due - 31 * HOUR, due - 8 * HOUR),
        span(due - 7 * HOUR, due),
    ]
    (first, *_) = watched.tick("missing_hours").requests
    assert first.tags[PRIORITY] == CATCH_UP


def test_an_hour_of_which_only_a_part_was_written_is_missing(watched: TinyShop) -> None:
    due = newest_due_hour()
    mark_loaded(watched, due - 3 * HOUR, due - HOUR)
    mark_loaded(watched, due - 2 * HOUR, tables=TABLES[1:])
    mark_loaded(watched, due, tables=TABLES[:-1])
    assert asked(watched) == [span(due - 2 * HOUR), span(due)]


def test_an_hour_that_a_run_is_loading_is_not_asked_for(watched: TinyShop) -> None:
    due = newest_due_hour()
    mark_loaded(watched, due - 5 * HOUR)
    watched.begin("hourly", {"dagster/partition": hour_key(due)})
    assert asked(watched) == [span(due - 4 * HOUR, due - HOUR)]
    watched.begin("from_clean", runs.hour_range_tags(due - 4 * HOUR, due - 3 * HOUR))
    assert asked(watched) == [span(due - 2 * HOUR, due - HOUR)]
    watched.begin("__ASSET_JOB", {"dagster/partition": hour_key(due - 2 * HOUR)})
    assert asked(watched) == [span(due - HOUR)]
    watched.begin("hourly_marts", {"dagster/partition": hour_key(due - HOUR)})
    watched.begin("daily_marts", runs.day_range_tags(due.date(), due.date()))
    assert asked(watched) == [span(due - HOUR)]


def test_a_run_that_has_not_ended_counts_in_whatever_state(watched: TinyShop) -> None:
    due = newest_due_hour()
    mark_loaded(watched, due - 6 * HOUR)
    for back, status in enumerate(runs.UNDER_WAY):
        assert asked(watched) == [span(due - 5 * HOUR, due - back * HOUR)]
        watched.begin("hourly", {"dagster/partition": hour_key(due - back * HOUR)}, status)
    assert asked(watched) == [span(due - 5 * HOUR)]


def test_a_failed_hour_is_asked_for_again_after_a_pause_and_a_cancelled_one_at_once(
    watched: TinyShop,
) -> None:
    due = newest_due_hour()
    mark_loaded(watched, due - HOUR)
    first = watched.begin("hourly", {"dagster/partition": hour_key(due)})
    watched.end(first, DagsterRunStatus.CANCELED)
    assert asked(watched) == [span(due)]
    second = watched.begin("hourly", {"dagster/partition": hour_key(due)})
    watched.end(second, DagsterRunStatus.FAILURE)
    assert asked(watched) == []
    watched.age_runs(dt.timedelta(minutes=11))
    assert asked(watched) == [span(due)]


def test_an_hour_that_fails_again_and_again_is_asked_for_ever_more_seldom(
    watched: TinyShop,
) -> None:
    due = newest_due_hour()
    mark_loaded(watched, due - HOUR)
    for minutes in (10, 20, 40):
        run = watched.begin("hourly", {"dagster/partition": hour_key(due)})
        watched.end(run, DagsterRunStatus.FAILURE)
        watched.age_runs(dt.timedelta(minutes=minutes - 1))
        assert asked(watched) == []
        watched.age_runs(dt.timedelta(minutes=2))
        assert asked(watched) == [span(due)]
    watched.age_runs(dt.timedelta(days=1))
    run = watched.begin("hourly", {"dagster/partition": hour_key(due)})
    watched.end(run, DagsterRunStatus.FAILURE)
    watched.age_runs(dt.timedelta(minutes=11))
    assert asked(watched) == [span(due)], "a day later it is the first failure again"


def test_the_hours_of_a_range_that_failed_are_asked_for_one_by_one(watched: TinyShop) -> None:
    due = newest_due_hour()
    mark_loaded(watched, due - 6 * HOUR)
    failed = watched.begin("hourly", runs.hour_range_tags(due - 4 * HOUR, due - 2 * HOUR))
    watched.end(failed, DagsterRunStatus.FAILURE)
    watched.age_runs(dt.timedelta(minutes=11))
    alone = [span(due - n * HOUR) for n in (4, 3, 2)]
    assert asked(watched) == [span(due - 5 * HOUR), *alone, span(due - HOUR, due)]
    watched.age_runs(dt.timedelta(days=1))
    assert asked(watched) == [span(due - 5 * HOUR, due)]
