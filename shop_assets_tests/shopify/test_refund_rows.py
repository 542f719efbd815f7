"""The rows of a refund sum to what the customer got, whatever it is made of."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from shop_assets.sources.shopify.refund_rows import rows


def bag(amount: str | Decimal) -> dict[str, Any]:
    return {"shopMoney": {"amount": str(amount)}}


def refund(
    lines: list[tuple[str, str]],
    paid: str,
    shipping: tuple[str, str] | None = None,
    adjusted: bool = True,
) -> dict[str, Any]:
    return {
        "id": "gid://shopify/Refund/9",
        "createdAt": "2026-11-03T10:00:00Z",
        "totalRefundedSet": bag(paid),
        "refundLineItems": [
            {
                "quantity": 1,
                "lineItem": {"id": f"gid://shopify/LineItem/{n}"},
                "subtotalSet": bag(goods),
                "totalTaxSet": bag(tax),
            }
            for n, (goods, tax) in enumerate(lines, 1)
        ],
        "refundShippingLines": [
            {"subtotalAmountSet": bag(shipping[0]), "taxAmountSet": bag(shipping[1])}
        ]
        if shipping
        else [],
        "orderAdjustments": [{"amountSet": bag("1")}] if adjusted else [],
    }


def order(currency: str = "EUR", *, included: bool = False) -> dict[str, Any]:
    return {
        "id": "gid://shopify/Order/1",
        "currencyCode": currency,
        "taxesIncluded": included,
    }


def parts(found: list[dict[str, Any]]) -> list[tuple[Decimal, Decimal, Decimal]]:
    return [(row["amount"], row["shipping"], row["tax"]) for row in found]


def test_lines_and_shipping_are_rows_as_they_are() -> None:
    found = rows(order(), refund([("10.00", "1.90")], "17.85", ("5.00", "0.95")))
    assert parts(found) == [
        (Decimal("10.00"), Decimal(0), Decimal("1.90")),
        (Decimal("0.00"), Decimal("5.00"), Decimal("0.95")),
    ]
    assert [row["part_id"] for row in found] == ["9:1", "9:rest"]


def test_money_beyond_the_lines_is_a_row_without_one() -> None:
    [line, rest] = rows(order(), refund([("10.00", "0")], "12.50"))
    assert (line["amount"], rest["amount"], rest["line_id"]) == (10, Decimal("2.50"), None)
    [alone] = rows(order(), refund([], "3.00"))
    assert (alone["amount"], alone["line_id"]) == (3, None)


def test_money_that_was_kept_is_taken_off_the_lines() -> None:
    found = rows(order(), refund([("10.00", "0"), ("20.00", "0")], "25.00"))
    assert [row["amount"] for row in found] == [Decimal("8.33"), Decimal("16.67")]


def test_lines_of_an_order_that_was_never_paid_keep_their_value() -> None:
    [line] = rows(order(), refund([("10.00", "1.90")], "0.00", adjusted=False))
    assert (line["amount"], line["tax"]) == (Decimal("10.00"), Decimal("1.90"))
    [line] = rows(order(), refund([("10.00", "1.90")], "0.00"))
    assert (line["amount"], line["tax"], line["quantity"]) == (0, 0, 1)


def test_the_same_line_twice_has_two_rows() -> None:
    given = refund([("1.00", "0"), ("2.00", "0")], "3.00")
    given["refundLineItems"][1]["lineItem"] = given["refundLineItems"][0]["lineItem"]
    assert [row["part_id"] for row in rows(order(), given)] == ["9:1", "9:1+"]


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
@pytest.mark.parametrize("included", [False, True])
def test_parts_sum_to_the_whole_and_none_is_below_zero(currency: str, included: bool) -> None:
    chance = random.Random(7)
    coin = Decimal(1).scaleb(-{"EUR": 2, "JPY": 0, "KWD": 3}[currency])
    for _ in range(300):
        lines = []
        for _ in range(chance.randint(0, 4)):
            goods = chance.randint(0, 5000) * coin
            lines.append((str(goods), str((goods / 5).quantize(coin))))
        freight = (str(chance.randint(0, 900) * coin), "0") if chance.random() < 0.5 else None
        paid = chance.randint(1, 9000) * coin
        found = rows(order(currency, included=included), refund(lines, str(paid), freight))
        assert sum((sum(part) for part in parts(found)), Decimal(0)) == paid
        assert min(min(part) for part in parts(found)) >= 0
        assert all(value % coin == 0 for part in parts(found) for value in part)
