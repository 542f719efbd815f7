"""What it takes to read a month of an API anew, in calls."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from math import ceil
from typing import Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.onboarding.recent import Sample, sample
from shop_assets.sources.errors import SourceError
from shop_assets.sources.estimates import Estimating
from shop_assets.sources.protocol import Connector, Window
from shop_assets.sources.rate_limit import RateLimit

DAYS = 30


@dataclass(frozen=True)
class BackfillCost:
    """Calls to read `days` days of a stream.

    `how`: `counted` where the provider or the connector knows, `measured` where the days were read
    to see, `extrapolated` from the first pages of them.
    """

    days: int
    calls: int
    how: Literal["counted", "measured", "extrapolated"]


def backfill_cost(
    connector: Connector, stream: str, limit: RateLimit, end: dt.datetime, zone: ZoneInfo
) -> BackfillCost | None:
    """The cost of the last month before `end`; None where the stream makes no calls.

    A connector that can say it is asked; of any other, the first pages of the month are read.
    Raises `SourceError` where the source cannot be read.
    """
    if isinstance(connector, Estimating):
        try:
            said = connector.backfill_calls(stream, DAYS)
        except SourceError:
            said = None
        if said is not None:
            return BackfillCost(DAYS, said, "counted")
    window = Window(end - dt.timedelta(days=DAYS), end)
    before = limit.calls
    found = sample(connector, stream, window, zone)
    calls = limit.calls - before
    if not calls:
        return None
    if found.whole:
        return BackfillCost(DAYS, calls, "measured")
    return BackfillCost(DAYS, ceil(calls / _share(found, window)), "extrapolated")


def _share(found: Sample, window: Window) -> float:
    """How much of the window the rows came from, whether they come oldest or newest first."""
    times = [batch["_change_time"] for batch in found.batches]
    every = pa.chunked_array([chunk for time in times for chunk in time.chunks])
    first, last = pc.min_max(every).as_py().values()
    head, tail = times[0][0].as_py(), times[-1][-1].as_py()
    covered: dt.timedelta = window.end - first if head > tail else last - window.start
    # However dense they are, what was read took some time of the month.
    return max(covered / (window.end - window.start), 1e-4)
