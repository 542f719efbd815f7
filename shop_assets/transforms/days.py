"""The shop's days."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

Seconds = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Offsets:
    """How many `seconds` a zone's clocks are ahead of UTC, and `since` when (since 1970, UTC).

    There is one offset more than moments: the first one holds before the first moment.
    """

    since: Seconds
    seconds: Seconds


def shop_days(moments: pd.Series, zone: ZoneInfo) -> pd.Series:
    """The day, in the shop's time zone, of each moment (UTC); dtype date32[pyarrow]."""
    local = moments.dt.tz_convert(zone).dt.tz_localize(None)
    days: pd.Series = local.astype(pd.ArrowDtype(pa.timestamp("us"))).astype(
        pd.ArrowDtype(pa.date32())
    )
    return days


@cache
def offsets(zone: ZoneInfo) -> Offsets:
    """The offsets of a zone from 1900 to 2199, in which all times of the platform are.

    Looked for day by day: no zone has changed its clocks there and back within one.
    """
    days = pd.date_range("1899-12-31", "2200-01-02", freq="D", unit="s").asi8
    ahead = _ahead(days, zone)
    (changed,) = np.nonzero(ahead[1:] != ahead[:-1])
    before, since = days[changed], days[changed + 1]
    while (since - before > 1).any():
        between = (before + since) // 2
        not_yet = _ahead(between, zone) == ahead[changed]
        before, since = np.where(not_yet, between, before), np.where(not_yet, since, between)
    return Offsets(since, np.append(ahead[:1], ahead[changed + 1]))


def _ahead(moments: Seconds, zone: ZoneInfo) -> Seconds:
    """How many seconds the zone's clocks are ahead of UTC at these moments."""
    utc = pd.DatetimeIndex(moments.view("datetime64[s]"))
    local = utc.tz_localize("UTC").tz_convert(zone).tz_localize(None)
    return np.asarray(local.asi8 - utc.asi8, np.int64)
