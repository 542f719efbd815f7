"""Hours and days: the partitions of every asset, and the way between their keys and times.

An hour's key is `2026-01-31-09:00`, in UTC, so that no hour is missing or doubled when clocks
change. A day's key is `2026-01-31`, a day of the shop's time zone, of 23, 24 or 25 hours.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from dagster import (
    BackfillPolicy,
    DailyPartitionsDefinition,
    HourlyPartitionsDefinition,
    TimeWindowPartitionMapping,
    partition_loading_context,
)

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
HOUR_FORMAT = "%Y-%m-%d-%H:%M"
DAY_FORMAT = "%Y-%m-%d"


class Hours(HourlyPartitionsDefinition):
    """Dagster's hourly partitions, in UTC, whose keys are listed once and quickly.

    Dagster lists them anew, for years of hours in more than a second, for each partitioned input
    of each step that has no partitions, only to see that they are too many to look at.
    """

    def get_partition_keys(
        self,
        current_time: dt.datetime | None = None,
        dynamic_partitions_store: Any = None,
    ) -> Sequence[str]:
        """The keys of the hours that there are by now, or by `current_time`."""
        with partition_loading_context(current_time, dynamic_partitions_store):
            first, last = self.get_first_partition_window(), self.get_last_partition_window()
        if first is None or last is None:
            return []
        return list(_hour_keys(first.start.timestamp(), last.start.timestamp()))


@functools.lru_cache(maxsize=4)
def _hour_keys(first: float, last: float) -> tuple[str, ...]:
    start = dt.datetime.fromtimestamp(first, dt.UTC)
    count = int((last - first) // HOUR.total_seconds()) + 1
    days = (start.hour + count + 23) // 24
    dates = [day_key(start.date() + dt.timedelta(days=n)) for n in range(days)]
    keys = [f"{date}-{hour:02d}:00" for date in dates for hour in range(24)]
    return tuple(keys[start.hour : start.hour + count])


@dataclass(frozen=True)
class Calendar:
    """The hours and days of one shop: which there are, and how they nest."""

    start: dt.date
    zone: ZoneInfo
    end: dt.date | None = None
    hours_a_run: int | None = None
    """How many hours one run of a backfill takes; all, if not given."""
    now: Callable[[], dt.datetime] | None = None
    """The clock, where the hour that is not over by it is a partition too; see `open_hour`."""

    @property
    def open_hour(self) -> bool:
        """Whether hours are loaded before they are over."""
        return self.now is not None

    @property
    def backfill_policy(self) -> BackfillPolicy:
        """How the UI's backfills are cut into runs.

        Without `hours_a_run` a range is one run, which `dagster asset materialize
        --partition-range` insists on.
        """
        if self.hours_a_run is None:
            return BackfillPolicy.single_run()
        return BackfillPolicy.multi_run(max_partitions_per_run=self.hours_a_run)

    @property
    def first_hour(self) -> dt.datetime:
        """The hour (UTC) in which the shop's first day begins."""
        return floor_hour(dt.datetime.combine(self.start, dt.time(), self.zone).astimezone(dt.UTC))

    @property
    def hourly(self) -> Hours:
        """Dagster's hourly partitions, in UTC."""
        return Hours(
            start_date=self.first_hour,
            end_date=self._after_end,
            timezone="UTC",
            end_offset=1 if self.open_hour and self.end is None else 0,
        )

    @property
    def daily(self) -> DailyPartitionsDefinition:
        """Dagster's daily partitions: each key is a day of the shop's time zone.

        To Dagster they are days in UTC, since it maps days to hours within one time zone only;
        `day_window` says which hours a day really has. Today is one of them, in every zone.
        """
        return DailyPartitionsDefinition(
            start_date=day_slice(self.start),
            end_date=None if self.end is None else day_slice(self.end) + DAY,
            timezone="UTC",
            end_offset=2 if self.end is None else 0,
        )

    @property
    def hours_of_days(self) -> TimeWindowPartitionMapping:
        """From days to the hours that they may have, in whichever time zone."""
        return TimeWindowPartitionMapping(
            start_offset=-14, end_offset=14, allow_nonexistent_upstream_partitions=True
        )

    @property
    def _after_end(self) -> dt.datetime | None:
        """The first full hour after the shop's last day."""
        return None if self.end is None else ceil_hour(self.day_start(self.end + DAY))

    def hours_until(self, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
        """The half-open span of the hours that are over, and are partitions to Dagster."""
        over = floor_hour(now)
        return self.first_hour, over if self._after_end is None else min(over, self._after_end)

    def day_slices_until(self, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
        """The half-open span of the slices of the shop's days up to today."""
        today = self.day_of(now)
        last = today if self.end is None else min(today, self.end)
        return day_slice(self.start), day_slice(last) + DAY

    def day_of(self, moment: dt.datetime) -> dt.date:
        """The shop's day of a moment."""
        return moment.astimezone(self.zone).date()

    def day_start(self, day: dt.date) -> dt.datetime:
        """The moment (UTC) at which the shop's day begins."""
        return dt.datetime.combine(day, dt.time(), self.zone).astimezone(dt.UTC)

    def last_midnight(self, start: dt.datetime, end: dt.datetime) -> dt.datetime | None:
        """The last moment in the span `[start, end)` at which a day of the shop's begins."""
        midnight = self.day_start(self.days(start, end)[1])
        return midnight if start <= midnight else None

    def day_window(self, first: dt.date, last: dt.date) -> tuple[dt.datetime, dt.datetime]:
        """The half-open span (UTC) of the days `first` to `last`, both included."""
        return self.day_start(first), self.day_start(last + dt.timedelta(days=1))

    def days(self, start: dt.datetime, end: dt.datetime) -> tuple[dt.date, dt.date]:
        """The first and last of the shop's days that the span `[start, end)` touches."""
        return self.day_of(start), self.day_of(end - dt.timedelta(microseconds=1))


def floor_hour(moment: dt.datetime) -> dt.datetime:
    """The start of the hour (UTC) that the moment is in."""
    return moment.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)


def ceil_hour(moment: dt.datetime) -> dt.datetime:
    """The first full hour (UTC) that is not before the moment."""
    return floor_hour(moment + HOUR - dt.timedelta(microseconds=1))


def day_slice(day: dt.date) -> dt.datetime:
    """A day as daily slices are written: its midnight in UTC, whatever the shop's zone."""
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def hour_key(hour: dt.datetime) -> str:
    """The partition key of an hour."""
    return hour.astimezone(dt.UTC).strftime(HOUR_FORMAT)


def parse_hour_key(key: str) -> dt.datetime:
    """The hour of a partition key."""
    return dt.datetime.strptime(key, HOUR_FORMAT).replace(tzinfo=dt.UTC)


def day_key(day: dt.date) -> str:
    """The partition key of a day."""
    return day.strftime(DAY_FORMAT)


def parse_day_key(key: str) -> dt.date:
    """The day of a partition key."""
    return dt.datetime.strptime(key, DAY_FORMAT).replace(tzinfo=dt.UTC).date()


def hours(start: dt.datetime, end: dt.datetime) -> Iterator[dt.datetime]:
    """Every hour of `[start, end)`."""
    hour = floor_hour(start)
    while hour < end:
        yield hour
        hour += HOUR


def days(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    """Every day from `first` to `last`, both included."""
    for offset in range((last - first).days + 1):
        yield first + dt.timedelta(days=offset)
