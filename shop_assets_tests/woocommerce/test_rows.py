"""WooCommerce's amounts come apart into parts that sum to their whole, and its words are ours."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.sources.woocommerce_rows import customer, lines, order, product, refunded
from shop_assets_tests.woocommerce.conftest import Makes

AMOUNTS = st.decimals("-1000", "100000", places=6)


def line(**given: Any) -> dict[str, Any]:
    return {"id": 5, "quantity": 1, "subtotal": "0", "total": "0", "meta_data": [], **given}


def one(**given: Any) -> dict[str, Any]:
    [row] = lines({"id": 7, "line_items": [line(**given)], "status": "completed"})
    return row


@given(AMOUNTS, AMOUNTS, st.integers(1, 5_000))
def test_units_less_their_discount_are_the_lines_total(
    subtotal: Decimal, total: Decimal, quantity: int
) -> None:
    row = one(subtotal=str(subtotal), total=str(total), quantity=quantity)
    assert quantity * row["unit_price"] - row["discount"] == total
    assert row["discount"] >= 0
    full = max(subtotal, total)
    assert 0 <= quantity * row["unit_price"] - full < quantity * Decimal("0.000001")


def test_a_line_without_units_has_a_price_only_if_it_costs_nothing() -> None:
    assert one(quantity=0)["unit_price"] == "0"
    assert one(quantity=0, total="5")["unit_price"] is None
    assert one(quantity="0.5", subtotal="5", total="5")["unit_price"] == 10


@pytest.mark.parametrize(
    ("found", "article"),
    [
        ({"sku": " MUG ", "product_id": 3, "variation_id": 4}, "MUG"),
        ({"sku": "", "product_id": 3, "variation_id": 4}, "4"),
        ({"sku": None, "product_id": 3, "variation_id": 0}, "3"),
        ({"product_id": 0}, None),
    ],
)
def test_an_article_is_its_sku_or_what_woocommerce_calls_it(
    found: dict[str, Any], article: str | None
) -> None:
    assert one(**found)["article"] == article


def test_fees_are_lines_of_their_own() -> None:
    fee = {"id": 9, "name": "Gift wrap", "total": "-2.50", "total_tax": "0"}
    [row] = lines({"id": 7, "line_items": [], "fee_lines": [fee], "currency": "EUR"})
    assert (row["type"], row["quantity"], row["unit_price"]) == ("fee", 1, Decimal("-2.5"))


@given(
    st.lists(st.tuples(*[st.decimals(0, 1000, places=6)] * 2), max_size=4),
    st.decimals(0, 100, places=6),
    st.decimals(0, 500, places=2),
)
def test_the_parts_of_a_refund_sum_to_it(
    parts: list[tuple[Decimal, Decimal]], shipping: Decimal, rest: Decimal
) -> None:
    whole = sum((sum(part) for part in parts), shipping) + rest
    amount = Decimal(whole).quantize(Decimal("0.01"))
    back = {
        "id": 3,
        "parent_id": 7,
        "amount": str(amount),
        "line_items": [
            line(
                id=n,
                quantity=-1,
                total=str(-total),
                total_tax=str(-tax),
                meta_data=[{"key": "_refunded_item_id", "value": str(100 + n)}],
            )
            for n, (total, tax) in enumerate(parts)
        ],
        "shipping_lines": [{"total": str(-shipping), "total_tax": "0"}],
    }
    rows = refunded(back)
    assert sum(r["amount"] + r["tax"] + r["shipping"] for r in rows) == amount
    assert len({r["id"] for r in rows}) == len(rows) >= max(1, len(parts))
    assert [r["line_id"] for r in rows][: len(parts)] == [str(100 + n) for n in range(len(parts))]


def test_a_refund_of_an_amount_alone_has_one_part_without_a_line() -> None:
    [row] = refunded({"id": 3, "parent_id": 7, "amount": "10.00", "reason": ""})
    assert (row["id"], row["line_id"], row["amount"]) == ("3:rest", None, 10)
    assert row["reason"] is None


def test_an_order_is_cancelled_when_it_was_last_modified() -> None:
    whole = {"id": 7, "status": "cancelled", "date_modified_gmt": "2026-11-03T10:00:00"}
    assert order(whole)["cancelled_at"] == "2026-11-03T10:00:00"
    assert order({**whole, "status": "completed"})["cancelled_at"] is None


def test_an_order_goes_to_the_country_of_its_delivery() -> None:
    whole = {"id": 7, "billing": {"country": "DE"}, "shipping": {"country": ""}}
    assert order(whole)["country"] == "DE"
    assert order({**whole, "shipping": {"country": "AT"}})["country"] == "AT"


def test_what_is_never_twice_the_same_is_no_change() -> None:
    first = product({"id": 1, "sku": "MUG", "related_ids": [3, 4], "total_sales": 5})
    assert first == product({"id": 1, "sku": "MUG", "related_ids": [4, 3], "total_sales": 6})


def test_a_customer_without_a_name_has_the_one_on_the_bill() -> None:
    known = {"id": 1, "first_name": "", "billing": {"first_name": "Ann", "last_name": "Bo"}}
    assert customer(known)["name"] == "Ann Bo"
    assert customer({"id": 1})["name"] is None


def test_metadata_can_be_columns(woo_with: Makes) -> None:
    more = {"note": "meta._gift_note", "first": "line_items"}
    woo = woo_with(source={"streams": {"orders": {"columns": more}}})
    woo.place(meta_data=[{"id": 1, "key": "_gift_note", "value": "For you"}])
    [row] = woo.rows("orders")
    assert row["note"] == "For you"
    assert row["first"].startswith('[{"id":')
