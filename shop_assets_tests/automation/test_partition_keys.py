"""The keys of the hours are Dagster's own, however they are listed."""

import datetime as dt
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from dagster import HourlyPartitionsDefinition, partition_loading_context

from shop_assets.partitions import Calendar

FIRST = dt.date(2026, 1, 3)
MOMENTS = [
    *("2025-12-31T23:30", "2026-01-02T18:30", "2026-01-02T19:30", "2026-01-02T23:59:59"),
    *("2026-01-03T00:00", "2026-01-03T00:59:59", "2026-01-03T01:00", "2026-01-05T23:00"),
    *("2026-01-06T00:00", "2026-03-29T01:30", "2026-10-25T01:30", "2027-01-01T00:00"),
]


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Europe/Berlin"])
@pytest.mark.parametrize("end", [None, FIRST, dt.date(2026, 1, 5)])
@pytest.mark.parametrize("clock", [None, now])
def test_keys_are_those_that_dagster_lists(
    zone: str, end: dt.date | None, clock: Callable[[], dt.datetime] | None
) -> None:
    hours = Calendar(FIRST, ZoneInfo(zone), end, None, clock).hourly
    lengths = set()
    for text in MOMENTS:
        moment = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
        with partition_loading_context(effective_dt=moment):
            theirs = HourlyPartitionsDefinition.get_partition_keys(hours)
            assert hours.get_partition_keys() == theirs
        assert hours.get_partition_keys(moment) == theirs
        lengths.add(len(theirs))
    assert len(lengths) > 1


def test_a_list_of_keys_belongs_to_whoever_asked_for_it() -> None:
    hours = Calendar(FIRST, ZoneInfo("UTC"), dt.date(2026, 1, 3)).hourly
    moment = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
    asked = hours.get_partition_keys(moment)
    assert isinstance(asked, list)
    asked.clear()
    assert len(hours.get_partition_keys(moment)) == 24
