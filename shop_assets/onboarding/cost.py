"""What it takes to read a month of an API anew, in calls."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from math import ceil
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from shop_assets.onboarding.recent import Sample, sample
from shop_assets.settings.apis import ApiSource, ShopifySource
from shop_assets.sources.protocol import Connector, Window
from shop_assets.sources.rate_limit import RateLimit

DAYS = 30
_OPERATION = 12
"""To look for it, to begin it, and to look at it for a minute or two, ever more seldom."""
_FEWEST = 20
_ORDERED = 0.8
_LEAST = 1e-4


@dataclass(frozen=True)
class BackfillCost:
    """Calls to read `days` days of a stream.

    `how`: `measured` where the days were read to see, `extrapolated` from the first pages of them;
    `at least` where these do not tell. `by operation`: read by one bulk operation, whose calls do
    not hang on how much there is; beside it, refunds of orders are asked for some dozens at a time.
    """

    days: int
    calls: int
    how: Literal["measured", "extrapolated", "at least", "by operation"]


class CountedLimit(RateLimit):
    """A limit of which one stream's calls are counted apart from those of others."""

    def __init__(self, of_source: RateLimit) -> None:
        self._of_source = of_source
        self.calls = 0

    def acquire(self, cost: int = 1) -> None:
        """See `RateLimit.acquire`."""
        self._of_source.acquire(cost)
        self.calls += 1

    def pause(self, seconds: float) -> None:
        """See `RateLimit.pause`."""
        self._of_source.pause(seconds)


def backfill_cost(
    connector: Connector,
    source: ApiSource,
    stream: str,
    limit: CountedLimit,
    end: dt.datetime,
    zone: ZoneInfo,
) -> BackfillCost | None:
    """The cost of the last month before `end`, of which the first pages are read to see.

    None where the stream makes no calls. Raises `SourceError` where it cannot be read.
    """
    if isinstance(source, ShopifySource) and source.bulk_from_hours <= DAYS * 24:
        return BackfillCost(DAYS, _OPERATION, "by operation")
    window = Window(end - dt.timedelta(days=DAYS), end)
    before = limit.calls
    found = sample(connector, stream, window, zone)
    calls = limit.calls - before
    if not calls:
        return None
    if found.whole:
        return BackfillCost(DAYS, calls, "measured")
    share = _share(found, window)
    if share is None:
        return BackfillCost(DAYS, calls, "at least")
    return BackfillCost(DAYS, ceil(calls / share), "extrapolated")


def _share(found: Sample, window: Window) -> float | None:
    """How much of the window the rows came from; None where they come in no order of time."""
    times = np.concatenate(
        [batch["_change_time"].to_numpy().astype("datetime64[us]") for batch in found.batches]
    ).astype("int64")
    if len(times) < _FEWEST or times.min() == times.max():
        return None
    order = float(np.corrcoef(np.arange(len(times)), times)[0, 1])
    if abs(order) < _ORDERED:
        return None
    # Some rows were changed long after their like: the middle of the last ones says how far it is.
    reached = float(np.median(times[-_FEWEST:]))
    start, end = (moment.timestamp() * 1_000_000 for moment in (window.start, window.end))
    covered = (reached - start if order > 0 else end - reached) / (end - start)
    # However dense they are, what was read took some time of the month.
    return min(max(covered, _LEAST), 1.0)
