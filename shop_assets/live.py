"""Micro-batches: the hour that is not over yet, loaded every minute or two by one warm process.

Each loads what the sources have changed since the one before, and computes the open hour and day
anew from all that came in them, as the hour's own run will do once more when the hour is over: so
nothing hangs on the micro-batches, and what they missed (rows that became visible late) is there
two minutes after the hour.

Their runs are kept in memory: thirty an hour would fill Dagster's event log with what nobody reads.
What they write to lake and warehouse is locked, fenced and noted like any other load, as
provisional, so that the hour is still missing until its own run has loaded it.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass

from dagster import DagsterInstance, Definitions

from shop_assets.backfill import Backfill
from shop_assets.errors import RunError, UserError
from shop_assets.partitions import Calendar, floor_hour
from shop_assets.warehouse.connection import Warehouse

_STEP = 0.2
_SETTINGS = {"python_logs": {"python_log_level": "INFO"}}  # what goes wrong, and not each event


@dataclass(frozen=True)
class MicroBatch:
    """One load of the open hour. `error`: why it failed, in one sentence; None if it did not."""

    hour: dt.datetime
    seconds: float
    error: str | None = None


@dataclass(frozen=True)
class OpenHour:
    """The hour that is not over of one shop, by the clock of `calendar` and `definitions`."""

    definitions: Definitions
    calendar: Calendar
    warehouse: Warehouse

    def load(self) -> MicroBatch:
        """Load what has changed in the hour that is not over.

        A source that is away, or whatever else fails, ends this micro-batch, not those after it.
        """
        hour, began = floor_hour(self._now()), time.monotonic()
        error = None
        with DagsterInstance.ephemeral(settings=_SETTINGS) as instance:
            runner = Backfill(self.definitions, instance, self.calendar, self.warehouse)
            try:
                runner.load_open(hour)
            except (RunError, UserError) as failure:
                error = str(failure)
        return MicroBatch(hour, time.monotonic() - began, error)

    def follow(
        self, every: float, goes_on: Callable[[], bool], told: Callable[[MicroBatch], None]
    ) -> None:
        """Load the open hour every so many seconds, one load after another, while `goes_on`."""
        while goes_on():
            due = time.monotonic() + every
            told(self.load())
            while time.monotonic() < due and goes_on():
                time.sleep(min(_STEP, max(0.0, due - time.monotonic())))

    def _now(self) -> dt.datetime:
        if self.calendar.now is None:
            raise ValueError("these definitions know no open hour")
        return self.calendar.now()
