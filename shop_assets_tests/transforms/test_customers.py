from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.transforms.customers import LEDGER_READS, customer_orders
from shop_assets_tests.examples import examples
from shop_assets_tests.transforms.frames import check, frame_of

HISTORY = ["source", "customer_id", "order_id", "ordered_at"]


def history_of(ledger: pd.DataFrame) -> pd.DataFrame:
    known = ledger[(ledger["kind"] == "sale") & ledger["customer_id"].notna()]
    return known[HISTORY].drop_duplicates()


def sold(order: str, at: str, **changed: Any) -> dict[str, Any]:
    return {"order_id": order, "happened_at": at, "ordered_at": at} | changed


def test_orders_are_numbered_within_their_customer() -> None:
    ledger = frame_of(
        "sales_ledger",
        [
            sold("B", "2024-05-03T09:30"), sold("A", "2024-05-01T10:15"),
            sold("C", "2024-05-02T00:00", customer_id="c2"),
            sold("D", "2024-05-04T00:00", customer_id=None),
        ],
    )  # fmt: skip
    rows = check("customer_orders", customer_orders(ledger, history_of(ledger)))
    assert rows["order_id"].tolist() == ["A", "C", "B", "D"]
    assert rows["order_number"].tolist() == [1, 1, 2, pd.NA]
    assert rows["is_first_order"].tolist() == [True, True, False, pd.NA]
    assert rows["days_since_previous"].tolist() == [pd.NA, pd.NA, 1, pd.NA]
    assert rows["ordered_hour"].iloc[0] == pd.Timestamp("2024-05-01T10:00Z")


def test_an_earlier_order_that_comes_late_makes_the_other_the_second() -> None:
    late = frame_of("sales_ledger", [sold("B", "2024-05-03T09:30")])
    both = frame_of("sales_ledger", [sold("B", "2024-05-03T09:30"), sold("A", "2024-05-01T10:15")])
    assert customer_orders(late, history_of(late))["order_number"].tolist() == [1]
    assert customer_orders(late, history_of(both))["order_number"].tolist() == [2]


def test_sums_are_those_of_the_order_whenever_they_happened() -> None:
    at = "2024-05-01T10:15"
    ledger = frame_of(
        "sales_ledger",
        [
            sold("A", at, quantity=3, amount_micros=30_000_000),
            sold("A", at, kind="discount", quantity=0, amount_micros=3_000_000),
            sold("A", at, kind="shipping", item_id="", quantity=0, amount_micros=4_000_000),
            sold("A", at, kind="return", amount_micros=9_000_000, happened_at="2024-06-01"),
            sold("A", at, kind="cancellation", amount_micros=1_000_000, happened_at="2024-06-02"),
        ],
    )
    row = check("customer_orders", customer_orders(ledger, history_of(ledger))).iloc[0]
    assert (row["gross_sales_micros"], row["returns_micros"]) == (30_000_000, 10_000_000)
    assert (row["net_sales_micros"], row["units_sold"]) == (17_000_000, 3)


def test_an_order_in_two_currencies_is_told_in_one_of_them_however_its_rows_are_read() -> None:
    at = "2024-05-01T10:15"
    rows = [
        sold("A", at, item_id="1", currency="GBP", amount_micros=30_000_000),
        sold("A", at, item_id="2", currency="EUR", amount_micros=20_000_000),
        sold("A", at, item_id="2", currency="EUR", kind="discount", amount_micros=1_000_000),
        sold("A", at, item_id="1", currency="GBP", kind="discount", amount_micros=500_000),
        sold("A", at, item_id="2", currency="EUR", kind="return", amount_micros=4_000_000),
        sold("A", at, currency="JPY", kind="return", amount_micros=3_000_000_000),
        sold("B", at, currency="GBP", amount_micros=7_000_000),
    ]
    for read in (rows, rows[::-1]):
        ledger = frame_of("sales_ledger", read)
        found = customer_orders(ledger, history_of(ledger))
        assert found["currency"].tolist() == ["EUR", "GBP"]
        assert found["gross_sales_micros"].tolist() == [20_000_000, 7_000_000]
        assert found["discounts_micros"].tolist() == [1_000_000, 0]
        assert found["returns_micros"].tolist() == [4_000_000, 0]
        assert found["units_sold"].tolist() == [2, 1]


def test_orders_without_a_sale_and_test_orders_are_not_in_it() -> None:
    at = "2024-05-01T10:15"
    ledger = frame_of(
        "sales_ledger",
        [sold("A", at, kind="return"), sold("B", at, is_test=True), sold("C", at)],
    )
    rows = customer_orders(ledger, history_of(ledger[~ledger["is_test"]]))
    assert rows["order_id"].tolist() == ["C"]
    nothing = frame_of("sales_ledger", [])
    assert check("customer_orders", customer_orders(nothing, history_of(nothing))).empty


def test_the_same_customer_id_in_two_sources_is_two_customers() -> None:
    at = "2024-05-01T10:15"
    ledger = frame_of("sales_ledger", [sold("A", at), sold("A", at, source="till")])
    rows = customer_orders(ledger, history_of(ledger))
    assert rows["is_first_order"].tolist() == [True, True]


@examples(50)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "s"]), st.sampled_from(["c1", "c2", None]),
                  st.integers(0, 5)),
        max_size=8,
    )
)  # fmt: skip
def test_a_customer_s_orders_are_numbered_without_gaps_and_gaps_add_up(
    orders: list[tuple[str, str | None, int]],
) -> None:
    ledger = frame_of(
        "sales_ledger",
        [
            sold(f"{i}{salt}", f"2024-05-0{1 + day}T10:00", customer_id=customer)
            for i, (salt, customer, day) in enumerate(orders)
        ],
    )
    rows = check("customer_orders", customer_orders(ledger, history_of(ledger)))
    assert len(rows) == len(orders)
    known = rows[rows["customer_id"].notna()].sort_values(["ordered_at", "order_id"])
    for _, mine in known.groupby("customer_id"):
        assert mine["order_number"].tolist() == list(range(1, len(mine) + 1))
        span = mine["ordered_at"].iloc[-1] - mine["ordered_at"].iloc[0]
        assert mine["days_since_previous"].sum() == span.days


Entry = tuple[str, str, str, int, int, bool]
"""Source, order, kind, quantity, amount, of a test order."""
DAY_OF = {"a": 1, "b": 4, "c": 4, "d": 9}
CUSTOMER_OF = {"a": "x", "b": "x", "c": "y", "d": None}


def one_by_one(entries: list[Entry]) -> list[tuple[Any, ...]]:
    """The mart, one order at a time; an order's day and customer go by its id."""
    kept = [entry for entry in entries if not entry[5]]
    sold_ones = sorted({e[:2] for e in kept if e[2] == "sale"}, key=lambda o: (DAY_OF[o[1]], o))
    found: list[tuple[Any, ...]] = []
    for source, order in sold_ones:
        customer, day = CUSTOMER_OF[order], DAY_OF[order]
        sums = {
            kind: sum(e[4] for e in kept if e[:3] == (source, order, kind))
            for kind in ("sale", "discount", "return", "cancellation")
        }
        units = sum(e[3] for e in kept if e[:3] == (source, order, "sale"))
        before = [
            o for s, o in sold_ones if (s, CUSTOMER_OF[o]) == (source, customer) and o < order
        ]
        place: tuple[Any, ...] = (None, None, None)
        if customer is not None:
            since = day - DAY_OF[before[-1]] if before else None
            place = (len(before) + 1, not before, since)
        returns = sums["return"] + sums["cancellation"]
        net = sums["sale"] - sums["discount"] - returns
        found.append((source, order, *place, sums["sale"], sums["discount"], returns, net, units))
    return found


@examples(80)
@given(
    st.lists(
        st.tuples(st.sampled_from(["shop", "till"]), st.sampled_from(list(DAY_OF)),
                  st.sampled_from(["sale", "sale", "discount", "return", "cancellation", "tax"]),
                  st.integers(0, 3), st.integers(-9, 2**55), st.sampled_from([False] * 4 + [True])),
        max_size=12,
    )
)  # fmt: skip
def test_figures_and_places_are_those_of_the_orders_one_by_one(entries: list[Entry]) -> None:
    ledger = frame_of(
        "sales_ledger",
        [
            sold(order, f"2024-05-{DAY_OF[order]:02}T10:00", source=source, kind=kind,
                 quantity=quantity, amount_micros=amount, is_test=is_test,
                 customer_id=CUSTOMER_OF[order])
            for source, order, kind, quantity, amount, is_test in entries
        ],
    )  # fmt: skip
    rows = customer_orders(ledger[list(LEDGER_READS)], history_of(ledger[~ledger["is_test"]]))
    check("customer_orders", rows)
    shown = ["source", "order_id", "order_number", "is_first_order", "days_since_previous"]
    shown += [f"{figure}_micros" for figure in ("gross_sales", "discounts", "returns", "net_sales")]
    plain = rows[[*shown, "units_sold"]].astype(object).where(lambda frame: frame.notna(), None)
    assert list(plain.itertuples(index=False, name=None)) == one_by_one(entries)
