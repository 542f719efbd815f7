"""Recency, frequency and money of customers; the summary of sales."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from shop_assets.entities import TABLES
from shop_assets.transforms.days import shop_days
from shop_assets.transforms.ranks import Ints, begins, in_order, ranks
from shop_assets.transforms.sales import per_order

_CUSTOMER = ["source", "customer_id"]
_EPOCH = dt.date(1970, 1, 1)

SEGMENTS: dict[str, tuple[range, range]] = {
    "CHAMPIONS": (range(5, 6), range(4, 6)),
    "LOYAL": (range(4, 5), range(4, 6)),
    "NEW": (range(5, 6), range(1, 2)),
    "ACTIVE": (range(4, 6), range(2, 4)),
    "PROMISING": (range(4, 5), range(1, 2)),
    "NEEDS_ATTENTION": (range(3, 4), range(3, 4)),
    "ALMOST_LOST": (range(3, 4), range(1, 3)),
    "AT_RISK": (range(2, 4), range(4, 6)),
    "PREVIOUSLY_LOYAL": (range(1, 2), range(4, 6)),
    "DORMANT": (range(1, 3), range(1, 4)),
}
"""Each segment's recency scores and scores of frequency and money together; every pair once."""


def customer_rfm(totals: pd.DataFrame, as_of: dt.date, zone: ZoneInfo) -> pd.DataFrame:
    """`customer_rfm` of what customers have ordered, counted back from the day `as_of`.

    `totals`: columns source, customer_id, currency (together unique), orders, net_sales_micros,
    last_order_at (UTC).

    Scores are fifths of the customers by rank (of money: among those of the same currency), 5 the
    best; equal values have equal scores. The second axis of the segments is the mean of the scores
    of frequency and money, half up. Customers without orders, PROSPECTS, the view adds by itself.
    """
    spec = TABLES["customer_rfm"]
    found = spec.conform(_scored(totals, as_of, zone))
    days = pa.repeat(pa.scalar(as_of, pa.date32()), len(found))
    found["as_of"] = pd.Series(days, dtype=spec.column("as_of").pandas)
    (source, _), (customer, different) = ranks(found["source"]), ranks(found["customer_id"])
    order = in_order(source * different + customer, ranks(found["currency"])[0])
    return found.take(order).reset_index(drop=True)


def _scored(totals: pd.DataFrame, as_of: dt.date, zone: ZoneInfo) -> pd.DataFrame:
    """The figures, the scores and the segment of each row of `totals`."""
    days = shop_days(totals["last_order_at"], zone)
    recency = (as_of - _EPOCH).days - np.asarray(pa.array(days).cast(pa.int32()), dtype=np.int64)
    recency = np.maximum(recency, 0)
    frequency, money = (
        totals[figure].to_numpy(dtype=np.int64) for figure in ("orders", "net_sales_micros")
    )
    everyone = np.zeros(len(totals), dtype=np.int64)
    r_score, f_score = _fifths(-recency, everyone), _fifths(frequency, everyone)
    # Ten thousand yen are not more than a hundred pounds: money is ranked by currency.
    m_score = _fifths(money, ranks(totals["currency"])[0])
    segment = _SEGMENT_OF[r_score, (f_score + m_score + 1) // 2]
    return totals[[*_CUSTOMER, "currency"]].assign(
        last_order_day=days,
        recency_days=recency,
        frequency=frequency,
        monetary_micros=money,
        r_score=r_score,
        f_score=f_score,
        m_score=m_score,
        segment=pd.array(list(SEGMENTS), dtype="str").take(segment),
    )


def _fifths(values: Ints, among: Ints) -> Ints:
    """The fifth, from 1 to 5, that each value's rank is in among the rows of its group.

    Equal values have the mean of their ranks.
    """
    order = in_order(among, values)
    firsts = np.flatnonzero(begins(among[order], values[order]))
    borders = np.flatnonzero(begins(among[order]))
    # Of the rows that are equal to each: the group they are in, and the mean of their ranks in it.
    lasts = np.append(firsts[1:], len(values)) - 1
    group = np.searchsorted(borders, firsts, side="right") - 1
    size = np.diff(np.append(borders, len(values)))[group]
    rank = (firsts + lasts) / 2 + 1 - borders[group]
    fifth = np.empty(len(values), dtype=np.int64)
    fifth[order] = np.repeat(np.ceil(rank / size * 5).astype(np.int64), lasts - firsts + 1)
    return fifth


def _segment_of() -> Ints:
    """The place in `SEGMENTS` of each pair of a recency score and one of the second axis."""
    found = np.zeros((6, 6), dtype=np.int64)
    for place, (recency, both) in enumerate(SEGMENTS.values()):
        found[np.ix_(recency, both)] = place
    return found


_SEGMENT_OF = _segment_of()


def sales_summary(sales_daily: pd.DataFrame, today: dt.date) -> pd.DataFrame:
    """`sales_summary` from the rows of `sales_daily` of the 28 days up to `today`."""
    spec = TABLES["sales_summary"]
    periods = {
        "today": (0, 0),
        "yesterday": (1, 1),
        "last_7_days": (6, 0),
        "last_28_days": (27, 0),
    }
    figures = [
        "gross_sales_micros",
        "discounts_micros",
        "returns_micros",
        "net_sales_micros",
        "total_sales_micros",
        "orders",
        "units_sold",
    ]
    parts = []
    for name, (back_from, back_to) in periods.items():
        first, last = today - dt.timedelta(days=back_from), today - dt.timedelta(days=back_to)
        rows = sales_daily[(sales_daily["day"] >= first) & (sales_daily["day"] <= last)]
        sums = rows.groupby("currency", as_index=False)[figures].sum()
        sums["period"] = name
        sums["aov_net_micros"] = per_order(sums["net_sales_micros"], sums["orders"])
        conformed = spec.conform(sums)
        for column, value in (("from_day", first), ("to_day", last)):
            conformed[column] = pd.Series(
                [value] * len(conformed), dtype=spec.column(column).pandas
            )
        parts.append(conformed)
    found = pd.concat(parts, ignore_index=True)
    return found.sort_values(list(spec.key), kind="stable", ignore_index=True)
