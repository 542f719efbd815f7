from __future__ import annotations

import datetime as dt

from dagster import DagsterRunStatus

from shop_assets.assets.marts import ONLY_STALE
from shop_assets.automation import runs
from shop_assets.automation.jobs import CATCH_UP, PRIORITY
from shop_assets.partitions import HOUR, day_key, hour_key
from shop_assets.warehouse.slices import mark_stale
from shop_assets_tests.automation.tiny_shop import TinyShop, newest_due_hour

DAY = dt.timedelta(days=1)
LATE = dt.timedelta(minutes=11)


def midnight(moment: dt.datetime) -> dt.datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def touch(shop: TinyShop, mart: str, *slices: dt.datetime) -> None:
    """Ask for slices of a mart, as a load does whose rows concern them."""
    with shop.warehouse.transaction() as cursor:
        for moment in slices:
            mark_stale(cursor, mart, f"VALUES ('{moment.isoformat()}'::timestamptz)")


def asked(shop: TinyShop) -> list[tuple[str, str, str]]:
    return shop.tick("stale_marts").spans


def hours(first: dt.datetime, last: dt.datetime | None = None) -> tuple[str, str, str]:
    return "hourly_marts", hour_key(first), hour_key(last or first)


def days(first: dt.datetime, last: dt.datetime | None = None) -> tuple[str, str, str]:
    return "daily_marts", day_key(first.date()), day_key((last or first).date())


def test_the_newest_slices_are_asked_for_first_neighbours_together(watched: TinyShop) -> None:
    due = newest_due_hour()
    touch(watched, "sales_hourly", *(due - n * HOUR for n in (0, 1, 5, 6, 7)))
    touch(watched, "data_quality_hourly", due - 2 * HOUR, due - 6 * HOUR)
    touch(watched, "sales_hourly", *(due - n * HOUR for n in range(100, 130)))
    today = midnight(due)
    touch(watched, "sales_daily", today, today - 5 * DAY)
    touch(watched, "product_sales_daily", today - DAY)
    tick = watched.tick("stale_marts")
    assert tick.spans == [
        hours(due - 2 * HOUR, due),
        hours(due - 7 * HOUR, due - 5 * HOUR),
        hours(due - 105 * HOUR, due - 100 * HOUR),
        hours(due - 129 * HOUR, due - 106 * HOUR),
        days(today - DAY, today),
        days(today - 5 * DAY),
    ]
    assert {request.tags[PRIORITY] for request in tick.requests} == {CATCH_UP}


def test_orders_that_have_moved_are_computed_by_few_runs_wherever_they_stand(
    watched: TinyShop,
) -> None:
    due = newest_due_hour()
    touch(watched, "customer_orders", *(due - n * HOUR for n in (0, 30, 100, 300, 330)))
    touch(watched, "sales_hourly", due)
    tick = watched.tick("stale_marts")
    assert tick.spans == [
        hours(due),
        hours(due - 100 * HOUR, due),
        hours(due - 330 * HOUR, due - 300 * HOUR),
    ]
    chosen = [[key.path[-1] for key in r.asset_selection or ()] for r in tick.requests]
    assert "customer_orders" not in chosen[0]
    assert "sales_hourly" in chosen[0]
    assert chosen[1:] == [["customer_orders"]] * 2
    assert all(ONLY_STALE in request.tags for request in tick.requests)
    # A run of the one holds back no other mart of its hours.
    watched.begin("hourly_marts", tick.requests[1].tags, assets=tick.requests[1].asset_selection)
    touch(watched, "sales_hourly", due - 50 * HOUR)
    assert asked(watched) == [
        hours(due), hours(due - 50 * HOUR), hours(due - 330 * HOUR, due - 300 * HOUR),
    ]  # fmt: skip


def test_a_run_of_moved_orders_that_failed_becomes_runs_of_a_day_not_of_each_hour(
    watched: TinyShop,
) -> None:
    due = newest_due_hour()
    touched = [due - n * HOUR for n in range(0, 720, 45)]
    touch(watched, "customer_orders", *touched)
    (request,) = watched.tick("stale_marts").requests
    failed = watched.begin("hourly_marts", request.tags, assets=request.asset_selection)
    watched.end(failed, DagsterRunStatus.FAILURE)
    watched.age_runs(LATE)
    again = asked(watched)
    assert len(again) == len(touched)
    assert again == [hours(moment) for moment in touched]
    # What is settled is not asked for, however wide what has failed was.
    with watched.warehouse.transaction() as cursor:
        cursor.execute("DELETE FROM meta.stale_slices")
    touch(watched, "customer_orders", due, due - 3 * HOUR, due - 80 * HOUR)
    assert asked(watched) == [hours(due - 3 * HOUR, due), hours(due - 80 * HOUR)]


def test_no_run_is_asked_for_hours_between_those_that_are_under_way(watched: TinyShop) -> None:
    due = newest_due_hour()
    touch(watched, "customer_orders", due, due - 89 * HOUR)
    for moment in (due, due - 89 * HOUR):
        watched.begin("hourly", {"dagster/partition": hour_key(moment)}, DagsterRunStatus.QUEUED)
    assert asked(watched) == []
    touch(watched, "customer_orders", due - 50 * HOUR)
    assert asked(watched) == [hours(due - 50 * HOUR)]


def test_what_no_partition_is_there_for_is_not_asked_for(watched: TinyShop) -> None:
    start = watched.calendar.first_hour
    due = newest_due_hour()
    touch(watched, "sales_hourly", due + 3 * HOUR, due + 90 * DAY, start - HOUR, start - 900 * DAY)
    touch(watched, "sales_daily", midnight(due) + 2 * DAY, midnight(start) - DAY)
    touch(watched, "inventory_hourly", due)
    touch(watched, "ad_spend_daily", midnight(due))
    tick = watched.tick("stale_marts")
    assert tick.spans == []
    assert tick.skipped == "No mart is stale that no run is computing."
    touch(watched, "sales_hourly", start)
    touch(watched, "sales_daily", midnight(start) + DAY)
    assert asked(watched) == [hours(start), days(start + DAY)]


def test_what_a_run_is_computing_is_not_asked_for_again(watched: TinyShop) -> None:
    due = newest_due_hour()
    touch(watched, "sales_hourly", *(due - n * HOUR for n in range(5)))
    touch(watched, "sales_daily", midnight(due), midnight(due) - DAY)
    expected = [hours(due - 4 * HOUR, due), days(due - DAY, due)]
    left = [hours(due - 4 * HOUR, due - n * HOUR) for n in (2, 3, 4)]
    begun = [
        ("hourly_marts", runs.hour_range_tags(due - HOUR, due)),
        ("hourly", {"dagster/partition": hour_key(due - 2 * HOUR)}),
        ("__ASSET_JOB", {"dagster/partition": hour_key(due - 3 * HOUR)}),
    ]
    for (job, tags), after in zip(begun, left, strict=True):
        assert asked(watched) == expected
        watched.begin(job, tags, DagsterRunStatus.QUEUED)
        expected[0] = after
    watched.begin("daily_marts", runs.day_range_tags(due.date(), due.date()))
    assert asked(watched) == [expected[0], days(due - DAY)]


def test_what_failed_is_asked_for_again_after_a_pause_slice_by_slice(
    watched: TinyShop,
) -> None:
    due = newest_due_hour()
    touch(watched, "sales_hourly", due - HOUR, due)
    failed = watched.begin("hourly_marts", runs.hour_range_tags(due - HOUR, due))
    assert asked(watched) == []
    watched.end(failed, DagsterRunStatus.FAILURE)
    assert asked(watched) == []
    watched.age_runs(LATE)
    assert asked(watched) == [hours(due), hours(due - HOUR)]
    # The sensor knows nothing of its own: another process asks for the same.
    watched.cursors.clear()
    assert asked(watched) == [hours(due), hours(due - HOUR)]
