"""WooCommerce's objects as rows: orders, their lines, the parts of refunds, products, customers.

Columns are the API's own fields. Where it says a thing in a way that no mapping can take apart, the
row has it worked out, in columns of their own (`country`, `unit_price`, `discount`, `article`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

Object = Mapping[str, Any]
Row = dict[str, Any]

_LINES = (("line_item", "line_items"), ("fee", "fee_lines"))
_MICRO = Decimal("0.000001")
_ROUNDING = Decimal("0.01")
_ZERO = Decimal(0)
_ATTRIBUTION = "meta._wc_order_attribution_"

ORDERS = {
    **{
        name: name
        for name in (
            *("id", "number", "status", "currency", "prices_include_tax", "created_via"),
            *("customer_id", "date_created_gmt", "date_modified_gmt", "date_paid_gmt"),
            *("date_completed_gmt", "discount_total", "discount_tax", "shipping_total"),
            *("shipping_tax", "cart_tax", "total", "total_tax", "payment_method"),
            *("transaction_id", "country", "cancelled_at", "coupons"),
        )
    },
    "email": "billing.email",
    "utm_campaign": f"{_ATTRIBUTION}utm_campaign",
    "utm_source": f"{_ATTRIBUTION}utm_source",
    "source_type": f"{_ATTRIBUTION}source_type",
    "payment_mode": "meta._wcpay_mode",
}
ORDER_LINES = {
    name: name
    for name in (
        *("order_id", "id", "type", "name", "product_id", "variation_id", "sku", "article"),
        *("quantity", "subtotal", "subtotal_tax", "total", "total_tax", "unit_price", "discount"),
        *("currency", "order_status", "date_created_gmt", "date_modified_gmt"),
    )
}
ORDER_LINES["gift_card"] = "meta.wc_gc_giftcard_amount"
REFUNDS = {
    name: name
    for name in (
        *("id", "refund_id", "order_id", "line_id", "quantity", "amount", "shipping", "tax"),
        *("reason", "currency", "date_created_gmt", "refund_amount"),
    )
}
PRODUCTS = {
    name: name
    for name in (
        *("id", "parent_id", "type", "status", "name", "sku", "article", "category", "price"),
        *("regular_price", "sale_price", "stock_quantity", "date_created_gmt"),
        "date_modified_gmt",
    )
}
PRODUCTS["cost"] = "cost_of_goods_sold.total_value"
CUSTOMERS = {
    **{
        name: name
        for name in (
            *("id", "email", "name", "role", "country", "is_paying_customer"),
            *("date_created_gmt", "date_modified_gmt"),
        )
    }
}

COLUMNS = {
    "orders": ORDERS,
    "order_lines": ORDER_LINES,
    "refunds": REFUNDS,
    "products": PRODUCTS,
    "customers": CUSTOMERS,
}
"""The columns of each stream, and where they are in its rows."""

# What WooCommerce shuffles or derives anew each time: it would look like a change.
_UNSTEADY = (
    *("_links", "related_ids", "price_html", "avatar_url", "payment_url", "total_sales"),
    *("average_rating", "rating_count"),
)


def rows_of(stream: str, each: Object) -> Iterable[Row]:
    """The rows that an object becomes in a stream.

    A variation has its product's SKU as `parent_sku`, a refund its order's `currency`.
    """
    if stream == "orders":
        return [order(each)]
    if stream == "order_lines":
        return lines(each)
    if stream == "refunds":
        return refunded(each)
    if stream == "products":
        return [product(each)]
    return [customer(each)]


def order(each: Object) -> Row:
    """An order as a row. A cancelled one has no date of that: it is when it was modified."""
    shipping, billing = each.get("shipping") or {}, each.get("billing") or {}
    cancelled = each.get("status") == "cancelled"
    return {
        **_steady(each),
        "country": shipping.get("country") or billing.get("country") or None,
        "cancelled_at": each.get("date_modified_gmt") if cancelled else None,
        "coupons": ",".join(str(c.get("code")) for c in each.get("coupon_lines") or ()) or None,
    }


def has_every_line(order: Object) -> bool:
    """Whether the order lists its lines: then one that is not among them was taken out."""
    return all(isinstance(order.get(name), list) for _, name in _LINES)


def lines(each: Object) -> Iterator[Row]:
    """The lines of an order: what was bought, and its fees. `KeyError` for one without id."""
    for kind, name in _LINES:
        for line in each.get(name) or ():
            yield {
                **_steady(line),
                "id": line["id"],
                **_priced(line, line.get("quantity", 1) if kind == "line_item" else 1),
                "type": kind,
                "order_id": each["id"],
                "article": _article(line),
                "currency": each.get("currency"),
                "order_status": each.get("status"),
                "date_created_gmt": each.get("date_created_gmt"),
                "date_modified_gmt": each.get("date_modified_gmt"),
            }


def refunded(each: Object) -> list[Row]:
    """The parts of a refund, with its order's currency: a row for each line, one for the rest.

    `amount`, `shipping` and `tax` of all rows are above zero and sum to the refund's `amount`; what
    rounding leaves over goes to the largest line.
    """
    common = {
        "refund_id": each["id"],
        "order_id": each.get("parent_id"),
        "reason": each.get("reason") or None,
        "currency": each.get("currency"),
        "date_created_gmt": each.get("date_created_gmt"),
        "refund_amount": each.get("amount"),
    }
    rows = [
        {
            **_steady(line),
            **common,
            "id": f"{each['id']}:{line.get('id')}",
            "line_id": (_meta(line) or {}).get("_refunded_item_id"),
            "quantity": abs(_number(line.get("quantity") or 0)),
            "amount": -_number(line.get("total")),
            "tax": -_number(line.get("total_tax")),
            "shipping": _ZERO,
        }
        for name in ("line_items", "fee_lines")
        for line in each.get(name) or ()
    ]
    shipping = -_sum(each.get("shipping_lines"), "total")
    tax = -_sum(each.get("shipping_lines"), "total_tax")
    rest = _number(each.get("amount")) - shipping - tax
    rest -= sum((row["amount"] + row["tax"] for row in rows), _ZERO)
    if rows and abs(rest) < _ROUNDING:
        largest = max(rows, key=lambda row: row["amount"])
        largest["amount"] += rest
        rest = _ZERO
    if not rows or rest or shipping or tax:
        amounts = {"amount": rest, "shipping": shipping, "tax": tax, "quantity": 0, "line_id": None}
        rows.append({**_steady(each), **common, **amounts, "id": f"{each['id']}:rest"})
    return rows


def product(each: Object) -> Row:
    """A product or variation. The product's SKU is not a variation's own."""
    categories = each.get("categories") or ()
    inherited = each.get("sku") == each.get("parent_sku")
    return {
        **_steady(each),
        "article": _article(
            {"product_id": each["id"], "sku": None if inherited else each.get("sku")}
        ),
        "category": next((c.get("name") for c in categories), None),
    }


def customer(each: Object) -> Row:
    """A customer as a row."""
    billing, shipping = each.get("billing") or {}, each.get("shipping") or {}
    names = (each.get("first_name"), each.get("last_name"))
    if not any(names):
        names = (billing.get("first_name"), billing.get("last_name"))
    return {
        **_steady(each),
        "name": " ".join(str(n).strip() for n in names if n) or None,
        "country": billing.get("country") or shipping.get("country") or None,
    }


def _priced(line: Object, quantity: Any) -> Row:
    """What one unit cost, and the discount on the line: so that units less discount are its total.

    A price that does not divide is rounded up to the micro, and the discount larger by as much. A
    line that was sold for more than it cost before has no discount. Null where there are no units.
    """
    total, units = _number(line.get("total")), _number(quantity)
    full = max(_number(line.get("subtotal", line.get("total"))), total)
    if not units:
        nothing = not full and not total
        return {"quantity": quantity, "unit_price": "0" if nothing else None, "discount": "0"}
    price = (full / units).quantize(_MICRO, ROUND_CEILING)
    return {"quantity": quantity, "unit_price": price, "discount": price * units - total}


def _article(line: Object) -> str | None:
    """What other systems know a thing by: its SKU; without one, WooCommerce's own id."""
    sku = str(line.get("sku") or "").strip()
    number = line.get("variation_id") or line.get("product_id")
    return sku or (str(number) if number else None)


def _steady(each: Object) -> Row:
    """The object without what is never twice the same, and its metadata by key as `meta`."""
    found = {key: value for key, value in each.items() if key not in _UNSTEADY}
    meta = _meta(each)
    return found if meta is None else {**found, "meta": meta}


def _meta(each: Object) -> Row | None:
    listed = each.get("meta_data")
    if not isinstance(listed, list):
        return None
    return {str(m.get("key")): m.get("value") for m in listed if isinstance(m, Mapping)}


def _sum(parts: Iterable[Object] | None, name: str) -> Decimal:
    return sum((_number(part.get(name)) for part in parts or ()), _ZERO)


def _number(said: Any) -> Decimal:
    """An amount or count; nothing, where a plugin has written what is none."""
    try:
        found = Decimal(str(said or 0))
    except InvalidOperation:
        return _ZERO
    return found if found.is_finite() else _ZERO
