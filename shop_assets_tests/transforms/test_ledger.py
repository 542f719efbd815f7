"""The ledger of cases that are worked out by hand."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.transforms.ledger import sales_ledger
from shop_assets_tests.transforms.ledger_rows import (
    START,
    frame,
    ledger_of,
    line,
    moment,
    order,
    refund,
)


def said(out: pd.DataFrame) -> list[tuple[str, str, int, int, float]]:
    """Rows as (item, kind, minute, quantity, amount)."""
    return sorted(
        (i, k, int((h - START) / pd.Timedelta(minutes=1)), int(q), a / 1e6)
        for i, k, h, q, a in zip(
            out["item_id"], out["kind"], out["happened_at"], out["quantity"],
            out["amount_micros"], strict=True,
        )
    )  # fmt: skip


def test_a_sold_line_is_one_row_at_the_order_s_time_however_late_it_was_read() -> None:
    out = ledger_of(order(version=90), line(version=95, quantity=3))
    assert said(out) == [("1", "sale", 0, 3, 30.0)]
    row = out.iloc[0]
    assert (row["customer_id"], row["product_id"], row["line_type"]) == ("c1", "p1", "article")
    assert row["ordered_at"] == START


def test_no_rows_give_no_rows() -> None:
    assert ledger_of().empty
    assert ledger_of(order()).empty
    assert ledger_of(line(unit_price_micros=0), line(item_id="2", quantity=0)).empty


def test_an_edited_line_adds_the_difference_at_the_edit_s_time() -> None:
    out = ledger_of(order(), line(quantity=3), line(60, quantity=2), line(120, quantity=2))
    assert said(out) == [("1", "sale", 0, 3, 30.0), ("1", "sale", 60, -1, -10.0)]


def test_nothing_of_an_order_happens_before_it_was_placed() -> None:
    out = ledger_of(order(placed_at=60), line(placed_at=10), refund(20))
    assert said(out) == [("1", "return", 60, 1, 10), ("1", "sale", 60, 1, 10)]


def test_a_version_dated_before_the_order_counts_from_the_order_on() -> None:
    out = ledger_of(order(), line(-9), line(-5, quantity=2))
    assert said(out) == [("1", "sale", 0, 2, 20.0)]


def test_a_credit_note_s_line_is_a_return_net_of_its_discount() -> None:
    out = ledger_of(order(), line(quantity=-2, discount_micros=1_000_000))
    assert said(out) == [("1", "return", 0, 2, 19.0)]


def test_bad_debt_and_gift_cards_are_adjustments() -> None:
    out = ledger_of(
        order(),
        line(unit_price_micros=-5_000_000, line_type="bad_debt"),
        line(item_id="2", line_type="gift_card", quantity=2),
    )
    assert said(out) == [("1", "adjustment", 0, 0, -5.0), ("2", "adjustment", 0, 0, 20.0)]


def test_the_order_s_discount_is_shared_to_the_penny_and_added_to_the_line_s_own() -> None:
    lines = [line(item_id=str(i)) for i in range(1, 4)]
    lines[1]["discount_micros"] = 500_000
    out = ledger_of(order(discount_micros=10_000_000), *lines)
    assert [r for r in said(out) if r[1] == "discount"] == [
        ("1", "discount", 0, 0, 3.34),
        ("2", "discount", 0, 0, 3.83),
        ("3", "discount", 0, 0, 3.33),
    ]


def test_a_line_added_later_takes_its_share_of_the_discount_from_then_on() -> None:
    out = ledger_of(order(discount_micros=4_000_000), line(), line(35, item_id="2", placed_at=30))
    assert said(out) == [
        ("1", "discount", 0, 0, 4.0),
        ("1", "discount", 30, 0, -2.0),
        ("1", "sale", 0, 1, 10.0),
        ("2", "discount", 30, 0, 2.0),
        ("2", "sale", 30, 1, 10.0),
    ]


def test_shipping_and_tax_stand_on_the_order_and_follow_its_edits() -> None:
    out = ledger_of(
        order(shipping_micros=4_000_000, tax_micros=2_000_000), order(10, tax_micros=2_500_000)
    )
    assert said(out) == [
        ("", "shipping", 0, 0, 4.0),
        ("", "shipping", 10, 0, -4.0),
        ("", "tax", 0, 0, 2.0),
        ("", "tax", 10, 0, 0.5),
    ]


def test_a_deleted_line_goes_and_comes_back_by_differences() -> None:
    out = ledger_of(order(), line(), line(10, deleted=True), line(20))
    assert said(out) == [
        ("1", "sale", 0, 1, 10.0),
        ("1", "sale", 10, -1, -10.0),
        ("1", "sale", 20, 1, 10.0),
    ]
    assert ledger_of(order(), line(deleted=True)).empty


def test_a_deleted_order_takes_its_lines_and_refunds_with_it() -> None:
    out = ledger_of(order(shipping_micros=1_000_000), line(), refund(5), order(10, deleted=True))
    assert out.groupby("kind")["amount_micros"].sum().eq(0).all()
    assert out["happened_at"].max() == moment(10)
    assert ledger_of(order(deleted=True), line()).empty


def test_a_late_refund_is_a_row_in_the_refund_s_hour_under_the_refund_s_id() -> None:
    out = ledger_of(
        order(shipping_micros=4_000_000),
        line(quantity=3),
        refund(9_000, shipping_micros=4_000_000, tax_micros=1_000_000),
    )
    late = out[out["happened_at"] == moment(9_000)]
    assert said(late) == [
        ("", "shipping", 9_000, 0, -4.0),
        ("", "tax", 9_000, 0, -1.0),
        ("1", "return", 9_000, 1, 10.0),
    ]
    assert set(late["event_id"]) == {"r1"}


def test_an_edited_or_deleted_refund_adds_the_difference() -> None:
    edited = refund(10, 20, amount_micros=7_000_000)
    gone = refund(10, 30, deleted=True)
    assert said(ledger_of(order(), line(), refund(10), edited, gone)) == [
        ("1", "return", 10, 1, 10.0),
        ("1", "return", 20, 0, -3.0),
        ("1", "return", 30, -1, -7.0),
        ("1", "sale", 0, 1, 10.0),
    ]


def test_a_refund_belongs_where_its_newest_version_says() -> None:
    rows = [order(), line(), order(order_id="B"), line(order_id="B")]
    out = ledger_of(*rows, refund(3), refund(3, version=5, order_id="B"))
    assert out.loc[out["kind"] == "return", "order_id"].tolist() == ["B"]


def test_a_cancellation_gives_back_what_remains_net_of_discounts_and_refunds() -> None:
    out = ledger_of(
        order(discount_micros=3_000_000, shipping_micros=4_000_000, tax_micros=1_000_000),
        line(quantity=3),
        refund(10, amount_micros=9_000_000, shipping_micros=1_000_000),
        order(35, discount_micros=3_000_000, shipping_micros=4_000_000, tax_micros=1_000_000,
              cancelled_at=30),
    )  # fmt: skip
    assert said(out[out["event_id"] == "cancelled"]) == [
        ("", "shipping", 30, 0, -3.0),
        ("", "tax", 30, 0, -1.0),
        ("1", "cancellation", 30, 2, 18.0),
    ]


def test_a_refund_after_the_cancellation_is_the_money_of_the_cancellation() -> None:
    rows = [order(shipping_micros=4_000_000), line(),
            order(30, shipping_micros=4_000_000, cancelled_at=30)]  # fmt: skip
    cancelled = ledger_of(*rows)
    paid_back = ledger_of(*rows, refund(45, shipping_micros=4_000_000))
    pd.testing.assert_frame_equal(cancelled, paid_back)
    more = ledger_of(*rows, refund(45, amount_micros=12_000_000))
    assert said(more[more["kind"] == "return"]) == [("1", "return", 45, 0, 2.0)]


def test_refunds_of_no_line_reduce_the_cancellation_as_a_whole() -> None:
    out = ledger_of(
        order(), line(), line(item_id="2"),
        refund(10, item_id=None, quantity=0, amount_micros=5_000_000), order(30, cancelled_at=30),
    )  # fmt: skip
    gone = out[out["kind"].isin(["return", "cancellation"])]
    assert gone["amount_micros"].sum() == 20_000_000
    assert gone["quantity"].sum() == 2


def test_a_line_emptied_while_cancelled_is_not_given_back_twice() -> None:
    out = ledger_of(order(), line(), order(30, cancelled_at=30), line(31, quantity=0))
    assert out.groupby("kind")["amount_micros"].sum().to_dict() == {"sale": 0, "cancellation": 0}


def test_a_cancellation_taken_back_is_reversed_and_its_refunds_come_to_light() -> None:
    out = ledger_of(order(), line(), order(30, cancelled_at=30), refund(40), order(60))
    assert said(out) == [
        ("1", "cancellation", 30, 1, 10.0),
        ("1", "cancellation", 60, -1, -10.0),
        ("1", "return", 60, 1, 10.0),
        ("1", "sale", 0, 1, 10.0),
    ]


def test_a_line_or_refund_whose_order_is_not_there_yet_still_counts() -> None:
    out = ledger_of(line(placed_at=5), refund(10))
    assert said(out) == [("1", "return", 10, 1, 10.0), ("1", "sale", 5, 1, 10.0)]
    assert out["customer_id"].isna().all()
    assert not out["is_test"].any()
    assert out["ordered_at"].eq(START + pd.Timedelta(minutes=5)).all()
    alone = ledger_of(refund(10))
    assert said(alone) == [("1", "return", 10, 1, 10.0)]
    assert alone["ordered_at"].eq(START + pd.Timedelta(minutes=10)).all()


def test_attributes_are_those_of_the_newest_version_that_is_no_deletion() -> None:
    out = ledger_of(
        order(), line(), order(10, customer_id="c2", is_test=True), line(10, product_id="p2"),
        order(20, customer_id=None, deleted=True), line(20, product_id=None, deleted=True),
    )  # fmt: skip
    assert set(out["customer_id"]) == {"c2"}
    assert set(out["product_id"]) == {"p2"}
    assert out["is_test"].all()


def test_two_sources_with_the_same_ids_are_two_orders() -> None:
    items = frame("order_items", [line()])
    both = pd.concat([items, items.assign(source="till").astype(items.dtypes)])
    out = sales_ledger(TABLES["orders"].empty(), both, TABLES["refunds"].empty())
    assert out[["source", "order_id"]].to_numpy().tolist() == [["shop", "A"], ["till", "A"]]


def test_half_a_million_lines_take_seconds() -> None:
    lines, per_order = 500_000, 5
    count = lines // per_order
    ids = np.arange(count).astype(str)
    placed = pd.Series(START + pd.to_timedelta(np.arange(count), unit="s")).dt.as_unit("us")
    rows = TABLES["order_items"].conform(
        pd.DataFrame(
            {
                "source": "shop", "order_id": np.repeat(ids, per_order),
                "item_id": np.tile(list("12345"), count), "line_type": "article", "quantity": 2,
                "placed_at": placed.repeat(per_order).array, "unit_price_micros": 1_230_000,
                "version_at": placed.repeat(per_order).array, "discount_micros": 0,
                "currency": "GBP", "deleted": False,
            }
        )
    )  # fmt: skip
    orders = TABLES["orders"].conform(
        pd.DataFrame(
            {
                "source": "shop", "order_id": ids, "placed_at": placed, "status": "paid",
                "currency": "GBP", "discount_micros": 1_000_000, "shipping_micros": 0,
                "tax_micros": 0, "is_test": False, "version_at": placed, "deleted": False,
            }
        )
    )  # fmt: skip
    started = perf_counter()
    out = sales_ledger(orders, rows, TABLES["refunds"].empty())
    assert perf_counter() - started < 20  # a second or two on a quiet machine
    assert out.groupby("kind")["amount_micros"].sum().to_dict() == {
        "sale": lines * 2_460_000,
        "discount": count * 1_000_000,
    }
