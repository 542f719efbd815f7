from __future__ import annotations

import datetime as dt
from itertools import islice

from dagster import DefaultScheduleStatus
from dagster._utils.schedules import schedule_execution_time_iterator

from shop_assets import partitions
from shop_assets.automation.jobs import ANALYTICS, BACKFILL, CATCH_UP, LIVE, PRIORITY
from shop_assets.partitions import HOUR
from shop_assets_tests.automation.tiny_shop import TinyShop


def test_each_hour_that_ends_is_asked_for_once_in_utc_whatever_the_clocks_do(
    watched: TinyShop,
) -> None:
    schedule = watched.definitions.resolve_schedule_def("every_hour")
    assert isinstance(schedule.cron_schedule, str)
    for day in ("2024-03-31", "2024-10-27"):  # Berlin's clocks change at 01:00 UTC
        start = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)
        ticks = schedule_execution_time_iterator(
            start.timestamp(), schedule.cron_schedule, schedule.execution_timezone
        )
        requests = [watched.scheduled(tick) for tick in islice(ticks, 6)]
        ended = [partitions.hour_key(start + (n - 1) * HOUR) for n in range(6)]
        assert [request.partition_key for request in requests] == ended
        assert [request.run_key for request in requests] == ended
        assert {request.tags[PRIORITY] for request in requests} == {LIVE}


def test_the_hour_is_asked_for_soon_after_it_ended_and_without_being_switched_on(
    watched: TinyShop,
) -> None:
    schedule = watched.definitions.resolve_schedule_def("every_hour")
    assert schedule.default_status == DefaultScheduleStatus.RUNNING
    late = dt.datetime(2024, 6, 1, 12, 2, 41, tzinfo=dt.UTC)
    assert watched.scheduled(late).partition_key == "2024-06-01-11:00"
    elsewhere = dt.datetime(2024, 6, 1, 14, 2, tzinfo=dt.timezone(2 * HOUR))
    assert watched.scheduled(elsewhere).partition_key == "2024-06-01-11:00"


def test_the_live_hour_goes_before_analytics_catching_up_and_backfills() -> None:
    assert [int(p) for p in (LIVE, ANALYTICS, CATCH_UP, BACKFILL)] == [10, 5, 0, -10]
