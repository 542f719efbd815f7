"""The ledger of random histories of orders, beside a slow one that is made row by row."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from shop_assets_tests.examples import examples
from shop_assets_tests.transforms.ledger_reference import Ledger, Order, Row, histories, slow_ledger
from shop_assets_tests.transforms.ledger_rows import START, ledger_of, line, order, refund

MINUTE = 60_000_000

price = st.sampled_from([-5_000_000, 0, 1_000, 333_333, 3_330_000, 10_000_000])
money = st.sampled_from([0, 0, 1, 10_000, 1_000_000, 4_999_999, 25_000_000])
times = st.integers(0, 8)


def unique_versions(rows: list[Row], *key: str) -> list[Row]:
    return list({(*(r[k] for k in key), r["version_at"]): r for r in rows}.values())


@st.composite
def orders_strategy(draw: st.DrawFn) -> list[Row]:
    rows = draw(
        st.lists(
            st.builds(
                order, version=st.integers(-2, 10), order_id=st.sampled_from("AB"),
                placed_at=st.sampled_from([0, 0, 0, 1]), discount_micros=money,
                shipping_micros=money, tax_micros=money,
                cancelled_at=st.one_of(st.none(), st.none(), st.integers(-1, 12)),
                deleted=st.sampled_from([False] * 6 + [True]),
                currency=st.sampled_from(["GBP", "GBP", "JPY", "KWD"]),
            ),
            max_size=6,
        )
    )  # fmt: skip
    return unique_versions(rows, "order_id")


items_strategy = st.lists(
    st.builds(
        line, version=st.integers(-2, 10), order_id=st.sampled_from("AB"),
        item_id=st.sampled_from("123"), placed_at=st.sampled_from([0, 0, 0, 2]),
        quantity=st.integers(-2, 4), unit_price_micros=price, discount_micros=money,
        line_type=st.sampled_from(["article", "article", "shipping", "gift_card"]),
        deleted=st.sampled_from([False] * 6 + [True]),
    ),
    max_size=10,
).map(lambda rows: unique_versions(rows, "order_id", "item_id"))  # fmt: skip


@st.composite
def refunds_strategy(draw: st.DrawFn) -> list[Row]:
    owner = {key: draw(st.sampled_from("AB")) for key in "rst"}
    of_line = {key: draw(st.sampled_from(["1", "2", "3", "9", None])) for key in "rst"}
    rows = draw(
        st.lists(
            st.builds(
                refund, at=times, version=st.integers(-2, 12), refund_id=st.sampled_from("rst"),
                quantity=st.integers(0, 3), amount_micros=money, shipping_micros=money,
                tax_micros=money, deleted=st.sampled_from([False] * 6 + [True]),
            ),
            max_size=6,
        )
    )  # fmt: skip
    for row in rows:
        row["order_id"] = owner[row["refund_id"]]
        row["item_id"] = of_line[row["refund_id"]]
    return unique_versions(rows, "refund_id")


@dataclass(frozen=True)
class History:
    """All versions of the rows of two orders."""

    orders: list[Row]
    items: list[Row]
    refunds: list[Row]

    @property
    def rows(self) -> list[Row]:
        return [*self.orders, *self.items, *self.refunds]

    @property
    def in_micros(self) -> tuple[list[Row], list[Row], list[Row]]:
        """Its rows with minutes as micros since 1970."""
        return in_micros(self.orders), in_micros(self.items), in_micros(self.refunds)


one_history = st.builds(History, orders_strategy(), items_strategy, refunds_strategy())
many_histories = st.lists(one_history, min_size=5, max_size=5)
"""Of shops that have ids of orders in common: what takes time is each call, not each history."""


def in_micros(rows: list[Row]) -> list[Row]:
    """Minutes as micros since 1970."""
    zero = START.value // 1_000
    return [
        {
            name: zero + value * MINUTE if name.endswith("_at") and value is not None else value
            for name, value in row.items()
        }
        for row in rows
    ]


def ledgers_of(shops: Iterable[list[Row]]) -> Iterator[pd.DataFrame]:
    """The ledger of each of several shops, made all at once."""
    named = {f"shop {number}": rows for number, rows in enumerate(shops)}
    out = ledger_of(*(row | {"source": name} for name, rows in named.items() for row in rows))
    return (out[out["source"] == name] for name in named)


def as_dict(out: pd.DataFrame) -> Ledger:
    return {
        (o, i, k, e, h.value // 1_000): (int(q), int(a))
        for o, i, k, e, h, q, a in zip(
            out["order_id"], out["item_id"], out["kind"], out["event_id"], out["happened_at"],
            out["quantity"], out["amount_micros"], strict=True,
        )
    }  # fmt: skip


@examples(60)
@given(many_histories)
def test_any_history_gives_the_ledger_worked_out_by_hand(shops: list[History]) -> None:
    for out, shop in zip(ledgers_of(shop.rows for shop in shops), shops, strict=True):
        assert as_dict(out) == slow_ledger(*shop.in_micros)


@examples(25)
@given(many_histories)
def test_all_rows_of_an_order_sum_to_its_newest_state(shops: list[History]) -> None:
    for out, shop in zip(ledgers_of(shop.rows for shop in shops), shops, strict=True):
        for key, past in histories(*shop.in_micros).items():
            expect_sums_of_the_newest_state(out[out["order_id"] == key], past)


def expect_sums_of_the_newest_state(mine: pd.DataFrame, past: Order) -> None:
    final = past.amounts(max(past.moments()))
    expected: dict[str, int] = {}
    for (_, kind, _), (_, amount) in final.items():
        expected[kind] = expected.get(kind, 0) + amount
    sums = mine.groupby("kind")["amount_micros"].sum().to_dict()
    assert {k: v for k, v in sums.items() if v} == {k: v for k, v in expected.items() if v}
    newest = past.order.at(10**30)
    lines = [line.at(10**30) for line in past.items.values()]
    sold = [
        row for row in lines
        if row and not row["deleted"] and row["line_type"] != "gift_card"
        and row["quantity"] > 0 and row["unit_price_micros"] > 0
    ]  # fmt: skip
    if newest and not newest["deleted"] and sold:
        whole = newest["discount_micros"] + sum(row["discount_micros"] for row in sold)
        assert sums.get("discount", 0) == whole


@examples(15)
@given(many_histories, st.randoms(use_true_random=False))
def test_the_order_in_which_versions_are_given_does_not_matter(
    shops: list[History], shuffle: random.Random
) -> None:
    rows = [row | {"source": str(n)} for n, shop in enumerate(shops) for row in shop.rows]
    straight = ledger_of(*rows)
    shuffle.shuffle(rows)
    pd.testing.assert_frame_equal(straight, ledger_of(*rows))


new_rows = st.one_of(
    orders_strategy().filter(bool).map(lambda rows: rows[0]),
    items_strategy.filter(bool).map(lambda rows: rows[0]),
    refunds_strategy().filter(bool).map(lambda rows: rows[0]),
)


@examples(40)
@given(st.lists(st.tuples(one_history, new_rows), min_size=5, max_size=5))
def test_a_new_version_touches_no_row_before_its_own_time(
    shops: list[tuple[History, Row]],
) -> None:
    told = [with_a_new_version(*shop) for shop in shops]
    before = ledgers_of(rows for rows, _, _ in told)
    after = ledgers_of([*rows, new] for rows, new, _ in told)
    for old, now, (_, _, since) in zip(before, after, told, strict=True):
        border = START.value // 1_000 + since * MINUTE
        assert {k: v for k, v in as_dict(old).items() if k[4] < border} == {
            k: v for k, v in as_dict(now).items() if k[4] < border
        }


def with_a_new_version(history: History, new: Row) -> tuple[list[Row], Row, int]:
    """A history's rows, a version that is newer than all of them, and from when on it counts."""
    known_orders = [order(-3, order_id="A"), order(-3, order_id="B")]
    history = replace(history, orders=[*history.orders, *known_orders])
    is_refund = "refund_id" in new
    table = history.refunds if is_refund else history.items if "item_id" in new else history.orders
    names = ("refund_id",) if is_refund else ("order_id", "item_id")
    new = new | {"version_at": 20}
    known = [r for r in table if all(r.get(n) == new.get(n) for n in names)]
    since = [20]
    if is_refund and known:
        new = new | {"order_id": known[0]["order_id"], "item_id": known[0]["item_id"]}
    when = "refunded_at" if is_refund else "placed_at"
    if known:
        new[when] = min(r[when] for r in known)
    else:
        since.append(new[when])
    if new.get("cancelled_at") is not None:
        since.append(new["cancelled_at"])
    return history.rows, new, min(since)
