"""An order as the API shows it: what it is made of, and the sums that follow from that.

An order is kept as the document that is served. Keys that begin with an underscore are what the
rest is worked out from, in micros; `settle` does that after each change. Its parts never go away: a
line that an edit removes stays, with nothing left of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shop_assets.demo.apis.shopify.values import gid, moment_text, money, number_of

Document = dict[str, Any]
_PARTS_PER_ORDER = 100_000


@dataclass(frozen=True)
class NewLine:
    """A line to be sold. Amounts in micros; `discount` and `tax` are of the whole line.

    `order_discount`: the line's share of a discount on the whole order.
    """

    price: int
    quantity: int = 1
    sku: str | None = None
    title: str = "Article"
    discount: int = 0
    order_discount: int = 0
    tax: int = 0
    gift_card: bool = False
    variant: str | None = None
    product: str | None = None
    number: int | None = None


@dataclass(frozen=True)
class NewOrder:
    """An order to be placed. Amounts in micros, `at` in microseconds since 1970.

    `presentment`: the currency that the customer saw, and how much of it a unit of the shop's is.
    """

    lines: Sequence[NewLine]
    at: int
    currency: str
    number: int
    shipping: int = 0
    shipping_discount: int = 0
    shipping_tax: int = 0
    taxes_included: bool = False
    customer: str | None = None
    email: str | None = None
    test: bool = False
    source: str | None = "web"
    country: str | None = None
    campaign: str | None = None
    presentment: tuple[str, str] | None = None


def next_id(order: Document, kind: str) -> str:
    """The id of one more part of an order."""
    order["_parts"] += 1
    return gid(kind, number_of(order["id"]) * _PARTS_PER_ORDER + order["_parts"])


def placed(new: NewOrder) -> Document:
    """The document of an order that was just placed; not yet settled."""
    at, id_ = moment_text(new.at), gid("Order", new.number)
    shown, rate = new.presentment or (new.currency, "1")
    order: Document = {
        "__typename": "Order",
        "_parts": 0,
        "_rate": rate,
        "_void": None,
        "_held": False,
        "id": id_,
        "legacyResourceId": str(new.number),
        "name": f"#{new.number}",
        "number": new.number,
        "createdAt": at,
        "processedAt": at,
        "updatedAt": at,
        "cancelledAt": None,
        "cancelReason": None,
        "closed": False,
        "closedAt": None,
        "confirmed": True,
        "edited": False,
        "test": new.test,
        "email": new.email,
        "phone": None,
        "note": None,
        "tags": [],
        "customAttributes": [],
        "currencyCode": new.currency,
        "presentmentCurrencyCode": shown,
        "taxesIncluded": new.taxes_included,
        "taxExempt": False,
        "sourceName": new.source,
        "discountCode": None,
        "discountCodes": [],
        "customer": new.customer,
        "billingAddress": None,
        "shippingAddress": _address(id_, new.country),
        "customerJourneySummary": _journey(id_, at, new.campaign),
        "lineItems": [],
        "shippingLines": [],
        "discountApplications": _applications(new),
        "agreements": [],
        "returns": [],
        "refunds": [],
        "transactions": [],
        "fulfillments": [],
    }
    for line in new.lines:
        add_line(order, line)
    if new.shipping or new.shipping_tax:
        order["shippingLines"].append(
            {
                "id": next_id(order, "ShippingLine"),
                "title": "Standard",
                "code": "standard",
                "source": "shopify",
                "isRemoved": False,
                "_price": new.shipping,
                "_discount": new.shipping_discount,
                "_tax": new.shipping_tax,
                "_refunded": 0,
            }
        )
    return order


def add_line(order: Document, new: NewLine) -> Document:
    """One more line."""
    id_ = gid("LineItem", new.number) if new.number else next_id(order, "LineItem")
    line: Document = {
        "__typename": "LineItem",
        "id": id_,
        "name": new.title,
        "title": new.title,
        "variantTitle": None,
        "sku": new.sku,
        "vendor": None,
        "quantity": new.quantity,
        "isGiftCard": new.gift_card,
        "requiresShipping": not new.gift_card,
        "taxable": not new.gift_card,
        "customAttributes": [],
        "product": new.product,
        "variant": new.variant,
        "_price": new.price,
        "_line_discount": new.discount,
        "_order_discount": new.order_discount,
        "_tax": new.tax,
        "_removed": 0,
        "_refunded": 0,
        "_fulfilled": 0,
    }
    order["lineItems"].append(line)
    return line


def sold(line: Mapping[str, Any]) -> int:
    """Units of a line that edits have left."""
    return int(line["quantity"]) - int(line["_removed"])


def discounts(line: Mapping[str, Any]) -> int:
    """A line's discounts; none of a line that was removed."""
    return int(line["_line_discount"]) + int(line["_order_discount"]) if sold(line) else 0


def net(line: Mapping[str, Any]) -> int:
    """What a line was sold for, after discounts and before returns."""
    return sold(line) * int(line["_price"]) - discounts(line)


def settle(order: Document) -> None:
    """Work out the sums and states that follow from an order's parts."""

    def text(micros: int) -> str:
        shown = order["presentmentCurrencyCode"]
        return money(micros, order["currencyCode"], shown, Decimal(order["_rate"]))

    for line in order["lineItems"]:
        _settle_line(order, line, text)
    for line in order["shippingLines"]:
        _settle_shipping(line, text)
    lines, shipping = order["lineItems"], order["shippingLines"]
    refunds = order["refunds"]
    goods = sum(net(line) for line in lines)
    freight = sum(s["_price"] - s["_discount"] for s in shipping)
    tax = sum(line["_tax"] for line in lines) + sum(s["_tax"] for s in shipping)
    on_top = 0 if order["taxesIncluded"] else tax
    total = goods + freight + on_top
    if "_original" not in order:
        order["_original"] = total
    back = {
        part: sum(r[part] for r in refunds) for part in ("_goods", "_tax", "_shipping", "_kept")
    }
    given = back["_goods"] + back["_shipping"] + (0 if order["taxesIncluded"] else back["_tax"])
    received = sum(
        t["_amount"]
        for t in order["transactions"]
        if t["kind"] in ("SALE", "CAPTURE") and t["status"] == "SUCCESS"
    )
    refunded = sum(r["_total"] for r in refunds)
    reductions = sum(discounts(line) for line in lines) + sum(s["_discount"] for s in shipping)
    quantity = sum(sold(line) for line in lines)
    current = total - given + back["_kept"]
    order.update(
        {
            "originalTotalPriceSet": text(order["_original"]),
            "subtotalPriceSet": text(goods),
            "totalPriceSet": text(total),
            "totalDiscountsSet": text(reductions),
            "totalShippingPriceSet": text(sum(s["_price"] for s in shipping)),
            "totalTaxSet": text(tax),
            "currentSubtotalPriceSet": text(goods - back["_goods"]),
            "currentTotalPriceSet": text(current),
            "currentTotalDiscountsSet": text(reductions),
            "currentTotalTaxSet": text(tax - back["_tax"]),
            "currentShippingPriceSet": text(freight - back["_shipping"]),
            "netPaymentSet": text(received - refunded),
            "totalReceivedSet": text(received),
            "totalRefundedSet": text(refunded),
            "totalRefundedShippingSet": text(back["_shipping"]),
            "totalOutstandingSet": text(current - received + refunded),
            "subtotalLineItemsQuantity": quantity,
            "currentSubtotalLineItemsQuantity": sum(line["currentQuantity"] for line in lines),
            "taxLines": _taxes(tax, text),
            "fullyPaid": received >= total,
            "unpaid": received == 0,
            "displayFinancialStatus": _financial(order, received, refunded, total),
            "displayFulfillmentStatus": _fulfilment(order, quantity),
            "returnStatus": _returns(order["returns"]),
        }
    )


def _settle_line(order: Document, line: Document, text: Any) -> None:
    whole, count = line["quantity"] * line["_price"], max(int(line["quantity"]), 1)
    after = whole - line["_line_discount"]
    allocated = [
        {"allocatedAmountSet": text(line[key]), "_application": index}
        for index, key in enumerate(("_line_discount", "_order_discount"))
        if line[key] and sold(line)
    ]
    for each in allocated:
        each["discountApplication"] = order["discountApplications"][each.pop("_application")]
    left = sold(line) - line["_refunded"]
    line.update(
        {
            "currentQuantity": left,
            "refundableQuantity": left,
            "unfulfilledQuantity": max(0, left - line["_fulfilled"]),
            "originalUnitPriceSet": text(line["_price"]),
            "originalTotalSet": text(whole),
            "discountedUnitPriceSet": text(after // count),
            "discountedUnitPriceAfterAllDiscountsSet": text(
                (after - line["_order_discount"]) // count
            ),
            "discountedTotalSet": text(after),
            "totalDiscountSet": text(line["_line_discount"]),
            "discountAllocations": allocated,
            "taxLines": _taxes(line["_tax"], text),
        }
    )


def _settle_shipping(line: Document, text: Any) -> None:
    after = line["_price"] - line["_discount"]
    line.update(
        {
            "originalPriceSet": text(line["_price"]),
            "discountedPriceSet": text(after),
            "currentDiscountedPriceSet": text(after - line["_refunded"]),
            "discountAllocations": [],
            "taxLines": _taxes(line["_tax"], text),
        }
    )


def _financial(order: Document, received: int, refunded: int, total: int) -> str:
    if order["_void"]:
        return str(order["_void"])
    if not received and total > 0:
        authorized = any(
            t["kind"] == "AUTHORIZATION" and t["status"] == "SUCCESS" for t in order["transactions"]
        )
        return "AUTHORIZED" if authorized else "PENDING"
    if refunded:
        return "REFUNDED" if refunded >= received else "PARTIALLY_REFUNDED"
    return "PAID" if received >= total else "PARTIALLY_PAID"


def _fulfilment(order: Document, quantity: int) -> str:
    done = sum(line["_fulfilled"] for line in order["lineItems"])
    if order["_held"]:
        return "ON_HOLD"
    if not done:
        return "UNFULFILLED"
    return "FULFILLED" if done >= quantity else "PARTIALLY_FULFILLED"


def _returns(returns: Sequence[Mapping[str, Any]]) -> str:
    states = {each["status"] for each in returns}
    for state, shown in (
        ("OPEN", "IN_PROGRESS"),
        ("REQUESTED", "RETURN_REQUESTED"),
        ("CLOSED", "RETURNED"),
    ):
        if state in states:
            return shown
    return "NO_RETURN"


def _taxes(micros: int, text: Any) -> list[Document]:
    if not micros:
        return []
    return [{"title": "VAT", "rate": None, "source": "shopify", "priceSet": text(micros)}]


def _applications(new: NewOrder) -> list[Document]:
    """What reduces prices: something on the line, and a code on the order as a whole."""
    common = {
        "allocationMethod": "ACROSS",
        "targetType": "LINE_ITEM",
        "value": {"__typename": "PricingPercentageValue", "percentage": 10.0},
    }
    manual = {"__typename": "ManualDiscountApplication", "index": 0, "title": "Sale", **common}
    code = {"__typename": "DiscountCodeApplication", "index": 1, "code": "SAVE", **common}
    return [
        {**manual, "description": None, "targetSelection": "EXPLICIT"},
        {**code, "targetSelection": "ALL"},
    ]


def _address(order: str, country: str | None) -> Document | None:
    if country is None:
        return None
    return {"id": gid("MailingAddress", number_of(order)), "countryCodeV2": country}


def _journey(order: str, at: str, campaign: str | None) -> Document | None:
    if campaign is None:
        return None
    visit = {
        "id": gid("CustomerVisit", number_of(order)),
        "source": "campaign",
        "occurredAt": at,
        "utmParameters": {"campaign": campaign, "source": "ads", "medium": "cpc"},
    }
    return {"ready": True, "customerOrderIndex": None, "lastVisit": visit}
