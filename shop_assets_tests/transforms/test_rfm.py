from __future__ import annotations

import datetime as dt
from fractions import Fraction
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.entities.marts import RFM_SEGMENTS
from shop_assets.transforms.rfm import SEGMENTS, customer_rfm, sales_summary
from shop_assets_tests.examples import examples
from shop_assets_tests.transforms.frames import check, frame_of

LONDON = ZoneInfo("Europe/London")
TODAY = dt.date(2024, 6, 30)


def bought(customer: str, at: str, net: int, currency: str = "GBP") -> dict[str, Any]:
    return {
        "source": "shop", "customer_id": customer, "currency": currency, "orders": 1,
        "net_sales_micros": net, "last_order_at": at,
    }  # fmt: skip


def rfm(orders: list[dict[str, Any]]) -> pd.DataFrame:
    """Of the totals of these orders, with the types that the warehouse gives them."""
    columns = list(bought("", "", 0))
    totals = pd.DataFrame(orders, columns=columns).astype({"orders": "Int64"})
    totals["net_sales_micros"] = totals["net_sales_micros"].astype("Int64")
    totals["last_order_at"] = pd.to_datetime(totals["last_order_at"], utc=True).dt.as_unit("us")
    summed = totals.groupby(columns[:3], as_index=False).agg(
        {"orders": "sum", "net_sales_micros": "sum", "last_order_at": "max"}
    )
    return check("customer_rfm", customer_rfm(summed, TODAY, LONDON))


def test_every_pair_of_scores_has_exactly_one_segment() -> None:
    assert set(SEGMENTS) | {"PROSPECTS"} == set(RFM_SEGMENTS)
    for recency in range(1, 6):
        for worth in range(1, 6):
            named = [s for s, (r, fm) in SEGMENTS.items() if recency in r and worth in fm]
            assert len(named) == 1, (recency, worth)


def test_a_customer_s_figures_are_those_of_all_their_orders() -> None:
    row = rfm([bought("c1", "2024-06-01T10:00", 5), bought("c1", "2024-06-20T23:30", 7)]).iloc[0]
    assert row["last_order_day"] == dt.date(2024, 6, 21)  # half past midnight in London
    assert (row["recency_days"], row["frequency"], row["monetary_micros"]) == (9, 2, 12)
    assert row["as_of"] == TODAY


def test_nobody_gives_no_rows() -> None:
    assert rfm([]).empty


def test_five_customers_get_the_five_scores() -> None:
    rows = rfm([bought(f"c{i}", f"2024-06-1{i}T10:00", i * 10) for i in range(5)])
    assert rows["r_score"].tolist() == [1, 2, 3, 4, 5]
    assert rows["m_score"].tolist() == [1, 2, 3, 4, 5]
    assert rows["f_score"].nunique() == 1


def test_money_is_ranked_within_its_currency() -> None:
    pounds = [bought(f"c{i}", "2024-06-01T10:00", 10 + i) for i in range(5)]
    yen = [bought(f"c{i}", "2024-06-01T10:00", 1_000 + i, "JPY") for i in range(5)]
    scores = rfm([*pounds, *yen]).set_index(["currency", "customer_id"])["m_score"]
    assert scores["GBP"].tolist() == [1, 2, 3, 4, 5]
    assert scores["JPY"].tolist() == [1, 2, 3, 4, 5]


def fifth(value: int, values: list[int]) -> int:
    """Of the mean of the ranks of all that equal it."""
    below, equal = sum(v < value for v in values), values.count(value)
    return ceil(Fraction(2 * below + equal + 1, 2 * len(values)) * 5)


def by_customer(orders: list[tuple[str, str, int, int]]) -> list[tuple[Any, ...]]:
    """Each customer and currency with its scores and its segment, one after the other."""
    kept: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for customer, currency, on, net in orders:
        kept.setdefault((customer, currency), []).append((on, net))
    figures = {k: (max(d for d, _ in o), len(o), sum(n for _, n in o)) for k, o in kept.items()}
    found: list[tuple[Any, ...]] = []
    for key, (last, count, net) in figures.items():
        recency = fifth(last, [f[0] for f in figures.values()])
        frequency = fifth(count, [f[1] for f in figures.values()])
        money = fifth(net, [f[2] for k, f in figures.items() if k[1] == key[1]])
        worth = (frequency + money + 1) // 2
        (segment,) = (s for s, (r, fm) in SEGMENTS.items() if recency in r and worth in fm)
        found.append((*key, 30 - last, count, net, recency, frequency, money, segment))
    return sorted(found)


@examples(100)
@given(
    st.lists(
        st.tuples(st.sampled_from([f"c{i}" for i in range(12)]), st.sampled_from(["GBP", "JPY"]),
                  st.integers(1, 29), st.integers(-5, 20)),
        min_size=1, max_size=40,
    ),
)  # fmt: skip
def test_scores_and_segments_are_those_of_the_customers_one_by_one(
    orders: list[tuple[str, str, int, int]],
) -> None:
    rows = rfm(
        [bought(c, f"2024-06-{on:02}T10:00", net, currency) for c, currency, on, net in orders]
    )
    shown = ["customer_id", "currency", "recency_days", "frequency", "monetary_micros"]
    shown += ["r_score", "f_score", "m_score", "segment"]
    assert list(rows[shown].itertuples(index=False, name=None)) == by_customer(orders)


@examples(50)
@given(
    st.lists(
        st.tuples(st.sampled_from([f"c{i}" for i in range(8)]), st.integers(1, 29),
                  st.integers(-5, 50)),
        min_size=1, max_size=20,
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_better_figures_never_score_less_and_row_order_does_not_matter(
    orders: list[tuple[str, int, int]], shuffle: Any
) -> None:
    made = [bought(c, f"2024-06-{day:02}T10:00", net) for c, day, net in orders]
    rows = rfm(made)
    for figure, score, sign in (
        ("recency_days", "r_score", -1), ("frequency", "f_score", 1),
        ("monetary_micros", "m_score", 1),
    ):  # fmt: skip
        pairs = sorted(zip(sign * rows[figure], rows[score], strict=True))
        assert [s for _, s in pairs] == sorted(s for _, s in pairs)
        assert len(set(pairs)) == len({value for value, _ in pairs})
    shuffle.shuffle(made)
    pd.testing.assert_frame_equal(rows, rfm(made))


def day(back: int, net: int, orders: int = 1, currency: str = "GBP") -> dict[str, Any]:
    return {
        "day": TODAY - dt.timedelta(days=back), "currency": currency, "gross_sales_micros": net,
        "discounts_micros": 0, "returns_micros": 0, "net_sales_micros": net,
        "total_sales_micros": net, "orders": orders, "units_sold": orders,
    }  # fmt: skip


def test_the_summary_s_periods_end_today_and_hold_their_days() -> None:
    daily = frame_of("sales_daily", [day(0, 1), day(1, 10), day(6, 100), day(7, 1_000),
                                     day(27, 10_000), day(28, 100_000)])  # fmt: skip
    rows = check("sales_summary", sales_summary(daily, TODAY)).set_index("period")
    assert rows["net_sales_micros"].to_dict() == {
        "today": 1, "yesterday": 10, "last_7_days": 111, "last_28_days": 11_111,
    }  # fmt: skip
    assert rows.loc["last_7_days", "from_day"] == TODAY - dt.timedelta(days=6)
    assert rows.loc["yesterday", "to_day"] == TODAY - dt.timedelta(days=1)


def test_the_summary_s_averages_are_of_its_sums_and_null_without_orders() -> None:
    daily = frame_of("sales_daily", [day(0, -5, orders=0), day(1, 100, 3), day(1, 7, 1, "JPY")])
    rows = check("sales_summary", sales_summary(daily, TODAY))
    averages = rows.set_index(["period", "currency"])["aov_net_micros"]
    assert pd.isna(averages["today", "GBP"])
    assert averages["yesterday", "GBP"] == 33
    assert averages["last_7_days", "GBP"] == 32
    assert averages["last_28_days", "JPY"] == 7


def test_a_shop_without_sales_has_an_empty_summary() -> None:
    assert check("sales_summary", sales_summary(frame_of("sales_daily", []), TODAY)).empty
