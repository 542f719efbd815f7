"""The shop's days."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa


def shop_days(moments: pd.Series, zone: ZoneInfo) -> pd.Series:
    """The day, in the shop's time zone, of each moment (UTC); dtype date32[pyarrow]."""
    local = moments.dt.tz_convert(zone).dt.tz_localize(None)
    days: pd.Series = local.astype(pd.ArrowDtype(pa.timestamp("us"))).astype(
        pd.ArrowDtype(pa.date32())
    )
    return days
