"""The ledger of an order: sales agreements, each of which changes what the order is worth."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from shop_assets.demo.apis.shopify.order import Document, discounts, next_id
from shop_assets.demo.apis.shopify.values import moment_text, money


def text(order: Document, micros: int) -> str:
    """An amount of an order, as it is kept."""
    shown = order["presentmentCurrencyCode"]
    return money(micros, order["currencyCode"], shown, Decimal(order["_rate"]))


def agree(order: Document, kind: str, reason: str, at: int, **more: Any) -> Document:
    """A new agreement of an order; its sales are still to be booked."""
    made = {
        "__typename": kind,
        "id": next_id(order, "SalesAgreement"),
        "_order": order["id"],
        "happenedAt": moment_text(at),
        "reason": reason,
        "sales": [],
        **more,
    }
    order["agreements"].append(made)
    return made


def book(
    order: Document,
    agreement: Document,
    line: Document,
    action: str,
    quantity: int | None,
    amount: int,
    tax: int,
    *,
    discount: int | None = None,
) -> None:
    """Book what an agreement changes of a line or of shipping.

    `amount`: after discounts, without the tax that comes on top.
    """
    shipping = "_fulfilled" not in line
    kind = "SHIPPING" if shipping else "GIFT_CARD" if line["isGiftCard"] else "PRODUCT"
    reduced = discount
    if reduced is None:
        reduced = discounts(line) if action == "ORDER" else 0
    total = amount if order["taxesIncluded"] else amount + tax
    name = {"SHIPPING": "ShippingLineSale", "GIFT_CARD": "GiftCardSale"}.get(kind, "ProductSale")
    agreement["sales"].append(
        {
            "__typename": name,
            "id": next_id(order, "Sale"),
            "_order": order["id"],
            "actionType": action,
            "lineType": kind,
            "quantity": quantity,
            "taxes": [],
            "totalAmount": text(order, total),
            "totalDiscountAmountAfterTaxes": text(order, reduced),
            "totalDiscountAmountBeforeTaxes": text(order, reduced),
            "totalTaxAmount": text(order, tax),
            **({"shippingLine": line} if shipping else {"_line": line["id"]}),
        }
    )


def book_difference(order: Document, agreement: Document, amount: int) -> None:
    """Book what a refund kept back, or gave beyond its lines and shipping."""
    agreement["sales"].append(
        {
            "__typename": "AdjustmentSale",
            "id": next_id(order, "Sale"),
            "actionType": "RETURN",
            "lineType": "ADJUSTMENT",
            "quantity": None,
            "taxes": [],
            "totalAmount": text(order, amount),
            "totalDiscountAmountAfterTaxes": text(order, 0),
            "totalDiscountAmountBeforeTaxes": text(order, 0),
            "totalTaxAmount": text(order, 0),
        }
    )
