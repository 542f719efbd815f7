"""Shopify's objects as rows: one grain for each stream, ids as plain numbers, shop money as text.

What is worked out from several fields stands beside them under a name of its own; the object as
Shopify gave it is in `object`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

from shop_assets.sources.shopify.selections import QUANTITIES

Object = dict[str, Any]
_MICRO = Decimal("0.000001")
_ZERO = Decimal(0)


class MissingError(KeyError):
    """An object lacks what its row is named by."""


def number(gid: object) -> str:
    """The number in a global id: `gid://shopify/Order/1` is `1`."""
    if not isinstance(gid, str) or "/" not in gid:
        raise MissingError("id")
    return gid.rsplit("/", 1)[1].partition("?")[0]


def _number_or_none(holder: Any) -> str | None:
    gid = holder.get("id") if isinstance(holder, dict) else None
    return number(gid) if isinstance(gid, str) else None


def amount(bag: Any) -> Decimal:
    """The shop's money of a `MoneyBag`; 0 where there is none."""
    try:
        return Decimal(bag["shopMoney"]["amount"])
    except (KeyError, TypeError, ArithmeticError, ValueError):
        return _ZERO


def _sum(parts: Any, key: str) -> Decimal:
    return sum((amount(each.get(key)) for each in _objects(parts)), _ZERO)


def order(node: Object) -> list[Object]:
    """The row of an order. `shipping`: after discounts, before tax; `tax`: of all of the order."""
    lines = _objects(node.get("shippingLines"))
    shipping = _sum(lines, "discountedPriceSet")
    if node.get("taxesIncluded"):
        shipping -= sum((_sum(line.get("taxLines"), "priceSet") for line in lines), _ZERO)
    visit = _at(node, "customerJourneySummary", "lastVisit", "utmParameters")
    return [
        {
            **node,
            "order_id": number(node.get("id")),
            "customer_id": _number_or_none(node.get("customer")),
            "shipping": shipping,
            "campaign": _at(visit, "campaign"),
        }
    ]


def order_lines(
    node: Object, refunded: Mapping[str, int], added: Mapping[str, str]
) -> list[Object]:
    """The rows of an order's lines.

    `refunded`: units given back, by line; `added`: when lines were added by edits. `sold_quantity`
    is what was ordered less what edits removed: `currentQuantity` lacks refunded units too, which
    are rows of their own.
    """
    found = []
    for line in node["lineItems"]:
        id_ = line.get("id")
        current = _int(line.get("currentQuantity"))
        units = current + refunded.get(str(id_), 0)
        unit, discount = _before_tax(line, units, included=bool(node.get("taxesIncluded")))
        sku = line.get("sku")
        variant = _number_or_none(line.get("variant"))
        found.append(
            {
                **line,
                "line_id": number(id_),
                "order_id": number(node.get("id")),
                "sold_at": added.get(str(id_)) or node.get("processedAt"),
                "product_key": sku.strip() if isinstance(sku, str) and sku.strip() else variant,
                "variant_id": variant,
                "product_id": _number_or_none(line.get("product")),
                "sold_quantity": units,
                "unit_price": unit,
                "discount": discount,
                "removed": units == 0,
                "currency": node.get("currencyCode"),
                "order": {k: v for k, v in node.items() if k != "lineItems"},
            }
        )
    return found


def _before_tax(line: Object, units: int, *, included: bool) -> tuple[Decimal, Decimal]:
    """A line's unit price and discounts, before tax.

    Where prices include tax, what is left of the line without it is exact to the coin; the unit
    price is rounded up to a millionth, and the discount takes what that adds.
    """
    unit = amount(line.get("originalUnitPriceSet"))
    discount = _sum(line.get("discountAllocations"), "allocatedAmountSet")
    tax = _sum(line.get("taxLines"), "priceSet")
    ordered = _int(line.get("quantity"))
    whole = unit * ordered
    paid = whole - discount
    if not included or not tax or paid <= 0:
        return unit, discount
    share = (paid - tax) / paid
    net_unit = (unit * share).quantize(_MICRO, ROUND_CEILING)
    if units == ordered:
        return net_unit, net_unit * units - (paid - tax)
    return net_unit, (discount * share).quantize(_MICRO)


def returns(node: Object) -> list[Object]:
    """The rows of an order's returns: one for each line that is sent back."""
    found = []
    for each in node["returns"]:
        head = {k: v for k, v in each.items() if k != "returnLineItems"}
        for line in each["returnLineItems"]:
            sold = _at(line, "fulfillmentLineItem", "lineItem")
            found.append(
                {
                    **line,
                    "return_line_id": number(line.get("id")),
                    "return_id": number(each.get("id")),
                    "order_id": number(node.get("id")),
                    "line_id": _number_or_none(sold),
                    "return": head,
                }
            )
    return found


def agreements(node: Object) -> list[Object]:
    """The rows of an order's ledger: one for each sale of each agreement."""
    found = []
    for each in node["agreements"]:
        head = {k: v for k, v in each.items() if k != "sales"}
        found += [
            {
                **sale,
                "sale_id": number(sale.get("id")),
                "agreement_id": number(each.get("id")),
                "order_id": number(node.get("id")),
                "line_id": _number_or_none(sale.get("lineItem")),
                "currency": node.get("currencyCode"),
                "agreement": head,
            }
            for sale in each["sales"]
        ]
    return found


def transactions(node: Object) -> list[Object]:
    """The rows of an order's payments and what became of them."""
    return [
        {
            **each,
            "transaction_id": number(each.get("id")),
            "order_id": number(node.get("id")),
            "parent_id": _number_or_none(each.get("parentTransaction")),
        }
        for each in _objects(node.get("transactions"))
    ]


def customer(node: Object) -> list[Object]:
    """The row of a customer."""
    state = _at(node, "defaultEmailAddress", "marketingState")
    return [
        {
            **node,
            "customer_id": number(node.get("id")),
            "name": " ".join(
                str(part) for part in (node.get("firstName"), node.get("lastName")) if part
            )
            or None,
            "marketing_consent": None if state is None else state == "SUBSCRIBED",
        }
    ]


def variants(node: Object, currency: str | None) -> list[Object]:
    """The rows of a product: one for each variant. `currency`: the shop's."""
    found = []
    for each in node["variants"]:
        sku, id_ = each.get("sku"), number(each.get("id"))
        title = each.get("title")
        plain = title in (None, "", "Default Title")
        found.append(
            {
                **each,
                "variant_id": id_,
                "product_id": number(node.get("id")),
                "product_key": sku.strip() if isinstance(sku, str) and sku.strip() else id_,
                "name": node.get("title") if plain else f"{node.get('title')} - {title}",
                "cost": _at(each, "inventoryItem", "unitCost", "amount"),
                "currency": currency,
                "product": {k: v for k, v in node.items() if k != "variants"},
            }
        )
    return found


def levels(node: Object) -> list[Object]:
    """The rows of a location's stock: one for each item, a column for each name of a quantity."""
    found = []
    for each in node["inventoryLevels"]:
        given = each.get("quantities")
        named: dict[str, Any] = dict.fromkeys(QUANTITIES)
        if isinstance(given, list):
            named.update(
                (str(q.get("name")), q.get("quantity")) for q in given if isinstance(q, dict)
            )
        item = each.get("item") if isinstance(each.get("item"), dict) else {}
        sku, variant = item.get("sku"), _number_or_none(item.get("variant"))
        kept_back = ("damaged", "quality_control", "reserved", "safety_stock")
        found.append(
            {
                **each,
                **named,
                "level_id": _level(each),
                "item_id": _number_or_none(item),
                "variant_id": variant,
                "product_key": sku.strip() if isinstance(sku, str) and sku.strip() else variant,
                "location_id": number(node.get("id")),
                "location": node.get("name"),
                "unavailable": sum(_int(named[name]) for name in kept_back),
            }
        )
    return found


def _level(each: Object) -> str:
    """`1:12` of `gid://shopify/InventoryLevel/1?inventory_item_id=12`."""
    number(each.get("id"))
    return str(each["id"]).rsplit("/", 1)[1].replace("?inventory_item_id=", ":")


def _objects(value: Any) -> list[Object]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _int(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _at(value: Any, *path: str) -> Any:
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


PLAIN: dict[str, Callable[[Object], Iterable[Object]]] = {
    "orders": order,
    "returns": returns,
    "agreements": agreements,
    "transactions": transactions,
    "customers": customer,
    "inventory_levels": levels,
}
"""Streams whose rows are in one object of the list that they are read from."""
