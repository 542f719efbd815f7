"""Recency, frequency and money of customers; the summary of sales."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.transforms.days import shop_days
from shop_assets.transforms.sales import per_order

_CUSTOMER = ["source", "customer_id"]

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


def customer_rfm(
    totals: pd.DataFrame, customers: pd.DataFrame, as_of: dt.date, zone: ZoneInfo
) -> pd.DataFrame:
    """`customer_rfm` of what customers have ordered, counted back from the day `as_of`.

    `totals`: columns source, customer_id, currency (together unique), orders, net_sales_micros,
    last_order_at (UTC). `customers`: the entity's rows.

    Scores are fifths of the customers by rank (of money: among those of the same currency), 5 the
    best; equal values have equal scores. The second axis of the segments is the mean of the scores
    of frequency and money, half up.
    Customers without orders are PROSPECTS.
    """
    spec = TABLES["customer_rfm"]
    parts = []
    if len(totals):
        figures = totals.rename(
            columns={"orders": "frequency", "net_sales_micros": "monetary_micros"}
        )
        figures["last_order_day"] = shop_days(totals["last_order_at"], zone)
        last = pd.to_datetime(figures["last_order_day"].astype("str"))
        recency = (pd.Timestamp(as_of) - last).dt.days
        figures["recency_days"] = recency.clip(lower=0).astype("Int64")
        figures["r_score"] = _fifths(-figures["recency_days"])
        figures["f_score"] = _fifths(figures["frequency"])
        # Ten thousand yen are not more than a hundred pounds: money is ranked by currency.
        figures["m_score"] = figures.groupby("currency")["monetary_micros"].transform(_fifths)
        figures["segment"] = _segment(figures)
        parts.append(figures)
    ordered = pd.MultiIndex.from_frame(totals[_CUSTOMER])
    present = customers[~customers["deleted"].astype(bool)]
    idle = present.loc[~pd.MultiIndex.from_frame(present[_CUSTOMER]).isin(ordered), _CUSTOMER]
    parts.append(idle.assign(currency="XXX", frequency=0, monetary_micros=0, segment="PROSPECTS"))
    found = spec.conform(pd.concat([spec.conform(p) for p in parts], ignore_index=True))
    found["as_of"] = pd.Series([as_of] * len(found), dtype=spec.column("as_of").pandas)
    return found.sort_values(list(spec.key), kind="stable", ignore_index=True)


def _fifths(values: pd.Series) -> pd.Series:
    rank = values.rank(method="average", pct=True)
    return (
        pd.Series(np.ceil(rank.astype("float64") * 5), index=values.index)
        .clip(1, 5)
        .astype("Int64")
    )


def _segment(figures: pd.DataFrame) -> pd.Series:
    worth = (figures["f_score"] + figures["m_score"] + 1) // 2
    segment = pd.Series(pd.NA, index=figures.index, dtype="str")
    for name, (recency, both) in SEGMENTS.items():
        meets = figures["r_score"].isin(list(recency)) & worth.isin(list(both)) & segment.isna()
        segment = segment.mask(meets, name)
    return segment


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
