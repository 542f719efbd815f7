"""The objects of a WooCommerce shop as its REST API (version 3) shapes them.

Objects are kept with every digit that WooCommerce keeps; an answer shows as many as it is asked
for. Times are whole seconds, as in WordPress.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

Object = dict[str, Any]

_ADDRESS = (
    *("first_name", "last_name", "company", "address_1", "address_2", "city", "state"),
    *("postcode", "country"),
)
_OF_LINES = ("subtotal", "subtotal_tax", "total", "total_tax", "tax_total", "shipping_tax_total")
_OF_ORDERS = (
    *("discount_total", "discount_tax", "shipping_total", "shipping_tax", "cart_tax", "total"),
    *("total_tax", "amount"),
)
_LINES = ("line_items", "tax_lines", "shipping_lines", "fee_lines")
_ZERO = Decimal(0)


def dates(name: str, seconds: int | None, zone: ZoneInfo) -> Object:
    """A moment as the site's wall clock has it, and as GMT; without offsets, as the API does."""
    if seconds is None:
        return {name: None, f"{name}_gmt": None}
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    local, gmt = moment.astimezone(zone).replace(tzinfo=None), moment.replace(tzinfo=None)
    return {name: local.isoformat(), f"{name}_gmt": gmt.isoformat()}


def address(given: Mapping[str, Any] | None, *more: str) -> Object:
    """An address: empty text where nothing is known."""
    return {**dict.fromkeys((*_ADDRESS, *more), ""), **(given or {})}


def meta(values: Mapping[str, Any]) -> list[Object]:
    """Metadata as the API lists it."""
    return [{"id": n, "key": k, "value": v} for n, (k, v) in enumerate(values.items(), 1)]


def money(amount: Any) -> str:
    """An amount as WooCommerce keeps it: at most six decimals."""
    return format(Decimal(amount).quantize(Decimal("0.000001")).normalize() + _ZERO, "f")


def line_item(number: int, given: Mapping[str, Any]) -> Object:
    """A line of an order. `price` is a number in the API: what one unit costs after discounts."""
    quantity, total = given.get("quantity", 1), Decimal(given.get("total", "0"))
    return {
        "id": number,
        "name": "",
        "product_id": 0,
        "variation_id": 0,
        "quantity": 1,
        "tax_class": "",
        "subtotal": given.get("total", "0"),
        "subtotal_tax": given.get("total_tax", "0"),
        "total": "0",
        "total_tax": "0",
        "taxes": [],
        "meta_data": [],
        "sku": "",
        "global_unique_id": "",
        "price": float(total / quantity) if quantity else 0,
        "image": {"id": "", "src": ""},
        "parent_name": None,
        **given,
    }


def shipping_line(number: int, given: Mapping[str, Any]) -> Object:
    """What an order charges for one way of shipping."""
    return {
        "id": number,
        "method_title": "Flat rate",
        "method_id": "flat_rate",
        "instance_id": "1",
        "total": "0",
        "total_tax": "0",
        "taxes": [],
        "tax_status": "taxable",
        "meta_data": [],
        **given,
    }


def fee_line(number: int, given: Mapping[str, Any]) -> Object:
    """A fee; a negative one is a discount of whoever has made it."""
    return {
        "id": number,
        "name": "Fee",
        "tax_class": "",
        "tax_status": "taxable",
        "amount": given.get("total", "0"),
        "total": "0",
        "total_tax": "0",
        "taxes": [],
        "meta_data": [],
        **given,
    }


def coupon_line(number: int, given: Mapping[str, Any]) -> Object:
    """A coupon that was used; what it took off is in the lines' totals already."""
    return {
        "id": number,
        "code": "",
        "discount": "0",
        "discount_tax": "0",
        "meta_data": [],
        "discount_type": "percent",
        "nominal_amount": 0,
        "free_shipping": False,
        **given,
    }


def tax_line(number: int, tax: str, shipping_tax: str) -> Object:
    """The taxes of one rate."""
    return {
        "id": number,
        "rate_code": "TAX-1",
        "rate_id": 1,
        "label": "Tax",
        "compound": False,
        "tax_total": tax,
        "shipping_tax_total": shipping_tax,
        "rate_percent": 19,
        "meta_data": [],
    }


def order(number: int, given: Mapping[str, Any]) -> Object:
    """An order, without its dates; the totals follow from its lines."""
    whole = {
        "id": number,
        "parent_id": 0,
        "status": "pending",
        "currency": "EUR",
        "version": "10.3.0",
        "prices_include_tax": False,
        "customer_id": 0,
        "order_key": f"wc_order_{number:013x}",
        "payment_method": "",
        "payment_method_title": "",
        "transaction_id": "",
        "customer_ip_address": "",
        "customer_user_agent": "",
        "created_via": "checkout",
        "customer_note": "",
        "cart_hash": "",
        "number": str(number),
        "meta_data": [],
        "line_items": [],
        "tax_lines": [],
        "shipping_lines": [],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
        "payment_url": "",
        **given,
    }
    whole["currency_symbol"] = whole["currency"]
    whole["is_editable"] = whole["status"] in ("pending", "on-hold", "auto-draft")
    whole["needs_payment"] = whole["status"] in ("pending", "failed")
    whole["needs_processing"] = whole["status"] in ("pending", "on-hold", "processing")
    whole["billing"] = address(given.get("billing"), "email", "phone")
    whole["shipping"] = address(given.get("shipping"), "phone")
    return {**whole, **_totals(whole)}


def _sum(lines: Iterable[Mapping[str, Any]], key: str) -> Decimal:
    return sum((Decimal(line[key] or 0) for line in lines), _ZERO)


def _totals(whole: Mapping[str, Any]) -> Object:
    items, fees, shipping = whole["line_items"], whole["fee_lines"], whole["shipping_lines"]
    subtotal, goods = _sum(items, "subtotal"), _sum(items, "total")
    shipped, shipped_tax = _sum(shipping, "total"), _sum(shipping, "total_tax")
    tax = _sum(items, "total_tax") + _sum(fees, "total_tax")
    return {
        "discount_total": money(subtotal - goods),
        "discount_tax": money(_sum(items, "subtotal_tax") - _sum(items, "total_tax")),
        "shipping_total": money(shipped),
        "shipping_tax": money(shipped_tax),
        "cart_tax": money(tax),
        "total_tax": money(tax + shipped_tax),
        "total": money(goods + _sum(fees, "total") + shipped + tax + shipped_tax),
    }


def refund(number: int, parent: int, given: Mapping[str, Any]) -> Object:
    """A refund, without its date. Its lines are the order's with everything below zero."""
    return {
        "id": number,
        "parent_id": parent,
        "amount": "0",
        "reason": "",
        "refunded_by": 1,
        "refunded_payment": False,
        "meta_data": [],
        "line_items": [],
        "shipping_lines": [],
        "tax_lines": [],
        "fee_lines": [],
        **given,
    }


def product(number: int, given: Mapping[str, Any]) -> Object:
    """A product (or one of its variations), without its dates."""
    price = given.get("regular_price", "")
    return {
        "id": number,
        "name": f"Product {number}",
        "slug": f"product-{number}",
        "permalink": "",
        "type": "simple",
        "status": "publish",
        "featured": False,
        "catalog_visibility": "visible",
        "description": "",
        "short_description": "",
        "sku": "",
        "price": given.get("sale_price") or price,
        "regular_price": "",
        "sale_price": "",
        "on_sale": bool(given.get("sale_price")),
        "purchasable": True,
        "total_sales": 0,
        "virtual": False,
        "tax_status": "taxable",
        "tax_class": "",
        "manage_stock": False,
        "stock_quantity": None,
        "stock_status": "instock",
        "parent_id": 0,
        "categories": [],
        "tags": [],
        "images": [],
        "attributes": [],
        "default_attributes": [],
        "variations": [],
        "meta_data": [],
        **given,
    }


def customer(number: int, given: Mapping[str, Any]) -> Object:
    """A user of the site, without dates."""
    email = str(given.get("email", f"user{number}@example.com"))
    return {
        "id": number,
        "email": email,
        "first_name": "",
        "last_name": "",
        "role": "customer",
        "username": email.partition("@")[0],
        "is_paying_customer": False,
        "avatar_url": "",
        "meta_data": [],
        **given,
        "billing": address(given.get("billing"), "email", "phone"),
        "shipping": address(given.get("shipping"), "phone"),
    }


def shown(whole: Object, decimals: int) -> Object:
    """An order or refund with its amounts to so many decimals."""
    unit = Decimal(1).scaleb(-decimals)
    result = {**whole, **_rounded(whole, _OF_ORDERS, unit)}
    for name in _LINES:
        if name in result:
            result[name] = [{**line, **_rounded(line, _OF_LINES, unit)} for line in result[name]]
    if "coupon_lines" in result:
        result["coupon_lines"] = [
            {**line, **_rounded(line, ("discount", "discount_tax"), unit)}
            for line in result["coupon_lines"]
        ]
    return result


def _rounded(whole: Mapping[str, Any], names: Iterable[str], unit: Decimal) -> Object:
    return {
        name: format(Decimal(whole[name] or 0).quantize(unit, ROUND_HALF_UP), "f")
        for name in names
        if name in whole
    }
