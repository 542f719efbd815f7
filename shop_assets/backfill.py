"""Loading a span of hours, from the sources to the marts, in this process.

The span is cut into chunks; each chunk is one Dagster run over a range of hours, recorded like any
other, so that the UI shows every partition as materialized. Afterwards the daily marts follow, then
whatever marts the loaded rows have touched outside the span, and the analytics.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dagster import DagsterInstance, Definitions

from shop_assets import partitions
from shop_assets.automation.jobs import BACKFILL, PRIORITY
from shop_assets.automation.runs import contiguous, day_range_tags, hour_range_tags
from shop_assets.partitions import HOUR, Calendar
from shop_assets.warehouse.connection import Warehouse

CHUNK_HOURS = 31 * 24
_DAY = dt.timedelta(days=1)

OnProgress = Callable[[str, int, int], None]
"""Called with what is being done, hours (or days) done, and hours (or days) in all."""


@dataclass
class BackfillReport:
    """What a backfill did, and how long each kind of run took (seconds)."""

    hours: int = 0
    runs: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Backfill:
    """A shop's definitions with the instance that records their runs."""

    definitions: Definitions
    instance: DagsterInstance
    calendar: Calendar
    warehouse: Warehouse

    def run(
        self,
        start: dt.datetime,
        end: dt.datetime,
        on_progress: OnProgress,
        *,
        chunk_hours: int = CHUNK_HOURS,
    ) -> BackfillReport:
        """Load the hours `[start, end)` and everything that follows from them.

        Raises what a step raised: a `UserError` for what the user can put right. The chunks before
        it stay loaded; running the same span again is safe and converges.
        """
        report = BackfillReport(hours=int((end - start) / HOUR))
        done = 0
        for first, last in _chunks(start, end, chunk_hours):
            on_progress(f"{first:%Y-%m-%d}", done, report.hours)
            self._execute("hourly", hour_range_tags(first, last), report)
            done += int((last - first) / HOUR) + 1
        on_progress("daily marts", done, report.hours)
        self._stale("hourly_marts", report)
        first_day, last_day = self.calendar.days(start, end)
        self._execute("daily_marts", day_range_tags(first_day, last_day), report)
        self._stale("daily_marts", report)
        if self._has("analytics"):
            on_progress("analytics", done, report.hours)
            self._execute("analytics", {}, report)
        return report

    def _has(self, group: str) -> bool:
        return any(group in spec.key.path for spec in self.definitions.resolve_all_asset_specs())

    def _stale(self, job: str, report: BackfillReport) -> None:
        """Compute the slices that loaded rows have touched, as far as Dagster has partitions."""
        daily = job == "daily_marts"
        names = {
            key.path[-1]
            for key in self.definitions.resolve_job_def(job).asset_layer.executable_asset_keys
        }
        frame = self.warehouse.read("SELECT DISTINCT mart, slice FROM meta.stale_slices")
        slices = {s.to_pydatetime() for s in frame["slice"][frame["mart"].isin(list(names))]}
        now = dt.datetime.now(dt.UTC)
        first = (
            dt.datetime.combine(self.calendar.start, dt.time(tzinfo=dt.UTC))
            if daily
            else self.calendar.first_hour
        )
        last = now if daily else partitions.floor_hour(now) - HOUR
        wanted = [s for s in slices if first <= s <= last]
        step, longest = (_DAY, CHUNK_HOURS // 24) if daily else (HOUR, CHUNK_HOURS)
        for begin, end in contiguous(wanted, step, longest):
            tags = (
                day_range_tags(begin.date(), end.date()) if daily else hour_range_tags(begin, end)
            )
            self._execute(job, tags, report)

    def _execute(self, job: str, tags: dict[str, str], report: BackfillReport) -> None:
        began = time.monotonic()
        self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, tags={PRIORITY: BACKFILL, **tags}
        )
        report.runs += 1
        report.seconds[job] = report.seconds.get(job, 0.0) + time.monotonic() - began


def _chunks(
    start: dt.datetime, end: dt.datetime, hours: int
) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """The first and last hour of each chunk of `[start, end)`."""
    first = start
    while first < end:
        following = min(first + hours * HOUR, end)
        yield first, following - HOUR
        first = following
