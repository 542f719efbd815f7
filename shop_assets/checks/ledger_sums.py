"""What the sales ledger's rows amount to over a time: what marts are held to."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from shop_assets.partitions import HOUR, ceil_hour, floor_hour
from shop_assets.warehouse.connection import Readable

_OF_ROWS = """
SELECT currency,
    coalesce(sum(amount_micros) FILTER (WHERE kind = 'sale'), 0) AS gross,
    coalesce(sum(amount_micros) FILTER (WHERE kind = 'discount'), 0) AS discounts,
    coalesce(sum(amount_micros) FILTER (WHERE kind IN ('return', 'cancellation')), 0) AS returns
FROM warehouse.sales_ledger
WHERE happened_at >= {0} AND happened_at < {1} AND NOT is_test GROUP BY currency
"""
_OF_HOURS = """
SELECT currency, gross_sales_micros AS gross, discounts_micros AS discounts,
    returns_micros AS returns
FROM meta.hour_sums WHERE hour >= {0} AND hour < {1}
"""
_WHOLE = """
SELECT currency, sum(gross)::bigint AS gross, sum(discounts)::bigint AS discounts,
    sum(returns)::bigint AS returns FROM ({0}) parts GROUP BY currency
"""


def ledger_sums(
    warehouse: Readable, start: dt.datetime, end: dt.datetime, last_day: dt.datetime | None = None
) -> pd.DataFrame:
    """Gross sales, discounts and returns (micros) by currency, of all that happened in the time.

    `last_day`: when the last day of the time begins. As long as its last hour is not loaded, the
    sums of its whole hours are taken as they are kept, and only what is left (a zone's days may
    begin within an hour) by rows: a day is computed again after each of its hours, and each minute
    of its open one.
    """
    border = end
    if last_day is not None and not _is_loaded(warehouse, end):
        border = last_day
    first = ceil_hour(border)
    last = max(floor_hour(end), first)
    spans = [
        (_OF_ROWS, start, min(first, end)),
        (_OF_HOURS, first, last),
        (_OF_ROWS, last, end),
    ]
    parts: list[str] = []
    moments: list[dt.datetime] = []
    for sql, begin, until in spans:
        if begin < until:
            numbers = (f"${len(moments) + 1}", f"${len(moments) + 2}")
            parts.append(sql.format(*numbers))
            moments += [begin, until]
    sql = _WHOLE.format(" UNION ALL ".join(parts))
    return warehouse.read(sql, moments, by_index=True).set_index("currency")


def _is_loaded(warehouse: Readable, end: dt.datetime) -> bool:
    """Whether the hour before a moment was loaded when it was over."""
    found = warehouse.read(
        "SELECT slice FROM meta.slices WHERE asset = 'warehouse/sales_ledger' AND slice = $1 "
        "AND NOT provisional",
        (ceil_hour(end) - HOUR,),
    )
    return len(found) > 0
