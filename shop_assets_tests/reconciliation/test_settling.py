"""The rule by which an order is settled, held to orders that live random lives."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.transforms.reconciliation import (
    charge_differences,
    counted,
    payout_differences,
    refund_differences,
)
from shop_assets_tests.examples import examples
from shop_assets_tests.transforms.frames import check

UNTIL = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
GRACE = dt.timedelta(hours=24)
CENT = 10_000


@dataclass
class Order:
    """An order as both sides have it, in cents, and what each movement at the provider was."""

    total: int
    status: str = "paid"
    refunds: list[int] = field(default_factory=list)
    charges: list[int] = field(default_factory=list)
    given: list[int] = field(default_factory=list)

    def row(self) -> dict[str, object]:
        return {
            "source": "shop",
            "order_id": "A",
            "charge_id": "",
            "currency": "EUR",
            "status": self.status,
            "due_micros": self.total * CENT,
            "refunded_micros": sum(self.refunds) * CENT,
            "refund_events": len(self.refunds),
            "charged_micros": sum(self.charges) * CENT,
            "charges": len(self.charges),
            "repeated_micros": (sum(self.charges) - sum(set(self.charges))) * CENT,
            "given_micros": sum(self.given) * CENT,
            "givings": len(self.given),
            "failed_micros": 0,
            "foreign_micros": 0,
            "since": pd.Timestamp("2026-01-30", tz="UTC"),
        }


def compared(orders: list[Order]) -> pd.DataFrame:
    """What the warehouse gives of orders, numbered from 0."""
    frame = pd.DataFrame([order.row() | {"order_id": str(n)} for n, order in enumerate(orders)])
    numbers = [n for n in frame.columns if n.endswith(("_micros", "events", "charges", "givings"))]
    return frame.astype(dict.fromkeys(numbers, "Int64")).assign(
        status=frame["status"].astype("str"), since=frame["since"].dt.as_unit("us")
    )


def off(orders: list[Order]) -> list[tuple[int, int]]:
    """By how many cents the charges and the refunds of each order differ."""
    frame = compared(orders)
    columns = []
    for name, judge in (
        ("charge_differences", charge_differences),
        ("refund_differences", refund_differences),
    ):
        found = check(name, judge(frame))
        expected = found["found_micros"] - found["difference_micros"]
        assert found["expected_micros"].equals(expected)
        by_order = dict(zip(found["order_id"], found["difference_micros"], strict=True))
        columns.append([int(by_order.get(str(n), 0)) // CENT for n in range(len(orders))])
    return list(zip(*columns, strict=True))


@st.composite
def lives(draw: st.DrawFn) -> Order:
    """An order that is paid, edited, refunded and perhaps cancelled, and paid for as it should."""
    total = draw(st.integers(1, 10_000))
    order = Order(total, charges=[total])
    for change in draw(st.lists(st.integers(-5_000, 5_000), max_size=4)):
        if change == 0 or order.total + change < sum(order.refunds):
            continue
        order.total += change
        (order.charges if change > 0 else order.given).append(abs(change))
    for amount in draw(st.lists(st.integers(1, 2_000), max_size=3)):
        if sum(order.refunds) + amount <= order.total:
            order.refunds.append(amount)
            order.given.append(amount)
    if draw(st.booleans()):
        remaining = sum(order.charges) - sum(order.given)
        order.status = draw(st.sampled_from(["cancelled", "unpaid"]))
        order.given += [remaining] if remaining else []
    else:
        order.status = draw(st.sampled_from(["paid", "fulfilled", "open"]))
    return order


MANY = st.lists(lives(), min_size=1, max_size=12)


@examples(30)
@given(MANY)
def test_an_order_whose_money_follows_it_is_settled(orders: list[Order]) -> None:
    assert off(orders) == [(0, 0)] * len(orders)


@examples(30)
@given(MANY, st.integers(1, 500))
def test_money_taken_too_much_is_a_difference_of_the_charges(
    orders: list[Order], more: int
) -> None:
    expected = []
    for order in orders:
        # Of a cancelled order that was given back, it is what was not given back with it.
        ended = order.status in ("cancelled", "unpaid") and order.given
        order.charges.append(more)
        expected.append((0, -more) if ended else (more, 0))
    assert off(orders) == expected


@examples(30)
@given(MANY, st.integers(1, 500))
def test_money_given_back_that_the_shop_does_not_know_of_is_one_of_the_refunds(
    orders: list[Order], more: int
) -> None:
    for order in orders[::2]:
        order.given.append(more)
    assert off(orders) == [(0, 0 if n % 2 else more) for n in range(len(orders))]


@examples(30)
@given(MANY, st.integers(1, 500))
def test_a_refund_that_never_left_is_found(orders: list[Order], amount: int) -> None:
    for order in orders:
        order.status = "paid"
        order.total = sum(order.charges)
        order.refunds = [*order.given, amount]
    assert off(orders) == [(0, -amount)] * len(orders)


@examples(30)
@given(MANY)
def test_a_charge_that_is_lost_is_found_unless_the_order_is_open(orders: list[Order]) -> None:
    lost = [order.charges.pop() for order in orders]
    for order, gone, (charges, refunds) in zip(orders, lost, off(orders), strict=True):
        if order.status == "open":
            assert charges == 0
        else:
            assert (charges, refunds) != (0, 0)
            assert charges - refunds == -gone


@pytest.mark.parametrize("below", [True, False])
def test_an_amount_is_compared_by_whole_cents(below: bool) -> None:
    order = compared([Order(1_000, charges=[1_000])])
    order["due_micros"] += 4_999 if below else -5_000
    assert charge_differences(order).empty
    order["due_micros"] += CENT if below else -CENT
    assert not charge_differences(order).empty


@pytest.mark.parametrize("seconds", [-3600, 0, 1, 3600])
def test_a_difference_counts_once_it_is_as_old_as_the_grace(seconds: int) -> None:
    moment = pd.Timestamp(UNTIL - GRACE) + pd.Timedelta(seconds=seconds)
    frame = compared([Order(1_000)]).assign(since=moment)
    frame["since"] = frame["since"].dt.as_unit("us")
    assert counted(charge_differences(frame), UNTIL - GRACE).tolist() == [seconds <= 0]


@examples(30)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.integers(-5, 5)), max_size=9))
def test_payouts_are_the_sum_of_what_is_known_of_them(
    payouts: list[tuple[bool, int, int]],
) -> None:
    frame = pd.DataFrame(
        {
            "source": "stripe",
            "payout_id": [str(n) for n in range(len(payouts))],
            "payment_id": "",
            "currency": "EUR",
            "automatic": pd.array([automatic for automatic, *_ in payouts], "boolean"),
            "amount_micros": pd.array([0 for _ in payouts], "Int64"),
            "transactions": pd.array([n for _, n, _ in payouts], "Int64"),
            "found_micros": pd.array([found for *_, found in payouts], "Int64"),
            "created_at": pd.Timestamp("2026-01-30", tz="UTC"),
        }
    )
    frame["created_at"] = frame["created_at"].astype("datetime64[us, UTC]")
    rows = check("payout_differences", payout_differences(frame))
    expected = {
        str(number): "no_transactions" if transactions == 0 else "amount_differs"
        for number, (automatic, transactions, _) in enumerate(payouts)
        if automatic or transactions
    }
    assert dict(zip(rows["payout_id"], rows["kind"], strict=True)) == expected
