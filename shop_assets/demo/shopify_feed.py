"""The simulated shop's storefront as a Shopify shop: its changed rows, done to its objects.

An order is one object in Shopify, and several rows in the storefront. What the rows cannot say is
chosen so that both shops have the same sales:

- an order's own discount stands on its lines, shared as Shopify shares it;
- tax stands on lines and shipping; what an edit makes of an order's tax changes the edited lines';
- the refunds of an order at one moment are one refund, with the amounts of its rows;
- an order keeps its own currency, as if each currency were a shop of its own: a real shop has one;
- rows of failed imports, which say what no order can be, do not become objects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from shop_assets.demo.allocation import allocate
from shop_assets.demo.apis.shopify import (
    NewCustomer,
    NewLine,
    NewOrder,
    NewProduct,
    NewVariant,
    ShopifyServer,
)
from shop_assets.demo.apis.shopify import order_actions as actions
from shop_assets.demo.apis.shopify.order import Document, net, sold
from shop_assets.demo.apis.shopify.values import (
    gid,
    minor_unit,
    moment_of,
    moment_text,
    number_of,
    seconds,
)
from shop_assets.demo.chance import to_micros
from shop_assets.demo.storefront import CUSTOMERS, ORDER_ITEMS, ORDERS, PRODUCTS, REFUNDS

Row = Mapping[str, Any]
_COUNTRIES = {"de": "DE", "France": "FR"}
_PAID = ("paid", "shipped", "refunded", "partially_refunded")


class ShopifyFeed:
    """Does to a server what happened in the storefront. The same rows twice change nothing."""

    def __init__(self, server: ShopifyServer) -> None:
        self._server = server

    def put(self, changes: Mapping[sa.Table, pa.Table]) -> None:
        """Put the rows of a span, as `changes` gives them."""
        self._customers(_rows(changes.get(CUSTOMERS)))
        self._products(_rows(changes.get(PRODUCTS)))
        items, refunds = defaultdict[int, list[Row]](list), defaultdict[int, list[Row]](list)
        for row in _rows(changes.get(ORDER_ITEMS)):
            if _possible_line(row):
                items[row["order_id"]].append(row)
        for row in _rows(changes.get(REFUNDS)):
            if row["amount"] >= 0 and row["item_id"] is not None:
                refunds[row["order_id"]].append(row)
        orders = {r["order_id"]: r for r in _rows(changes.get(ORDERS)) if _possible_order(r)}
        self._orders(orders, items, refunds)

    def _orders(
        self,
        orders: Mapping[int, Row],
        items: Mapping[int, Sequence[Row]],
        refunds: Mapping[int, Sequence[Row]],
    ) -> None:
        changed = []
        for number in dict.fromkeys([*orders, *items, *refunds]):
            id_ = gid("Order", number)
            row, lines = orders.get(number), items.get(number, ())
            if row is not None and row["is_deleted"]:
                self._server.delete_order(id_)
                continue
            known = self._server.order(id_)
            if known is None and row is None:
                # Lines of an order that was deleted, or never was one.
                continue
            before = None if known is None else _kept(known)
            order = known or _placed(_needed(row), lines)
            _follow(order, row, lines, refunds.get(number, ()))
            if before != _kept(order):
                changed.append(order)
        self._server.put_orders(changed)

    def _customers(self, rows: Iterable[Row]) -> None:
        kept = []
        for row in rows:
            if row["is_deleted"]:
                self._server.delete_customer(row["customer_id"])
                continue
            country = _COUNTRIES.get(row["country"], row["country"])
            kept.append(
                NewCustomer(
                    row["customer_id"],
                    to_micros(row["created_at"]),
                    to_micros(row["updated_at"]),
                    row["email"],
                    row["full_name"],
                    country,
                    row["accepts_marketing"],
                )
            )
        self._server.put_customers(kept)

    def _products(self, rows: Iterable[Row]) -> None:
        products = []
        for row in rows:
            number = _product_number(row["sku"])
            variant = NewVariant(number, row["sku"], _micros(row["price"]), _micros(row["cost"]))
            products.append(
                NewProduct(
                    number,
                    row["title"],
                    to_micros(row["created_at"]),
                    to_micros(row["updated_at"]),
                    [variant],
                    product_type=row["category"],
                    gift_card=row["sku"].startswith("GIFT"),
                )
            )
        self._server.put_products(products)


def _placed(row: Row, items: Sequence[Row]) -> Document:
    """A new order, from its row and the lines that it was placed with."""
    at, currency = to_micros(row["placed_at"]), row["currency"]
    first = [item for item in items if to_micros(item["created_at"]) == at]
    nets = [
        0
        if item["kind"] == "gift_card"
        else item["quantity"] * _micros(item["unit_price"]) - _micros(item["discount"])
        for item in first
    ]
    shares = _shared(_micros(row["discount_total"]), nets, currency)
    shipping = _micros(row["shipping_total"])
    taxed = [*(n - share for n, share in zip(nets, shares, strict=True)), shipping]
    *taxes, freight_tax = _shared(_micros(row["tax_total"]), taxed, currency)
    lines = [_line(item, share, tax) for item, share, tax in zip(first, shares, taxes, strict=True)]
    customer = row["customer_id"]
    new = NewOrder(
        lines,
        seconds(at),
        currency,
        row["order_id"],
        shipping=shipping,
        shipping_tax=freight_tax,
        customer=None if customer is None else gid("Customer", customer),
        email=row["email"],
        test=row["is_test"],
        source=row["channel"],
        country=row["country"],
        campaign=row["utm_campaign"],
    )
    return actions.place(new)


def _line(item: Row, share: int, tax: int) -> NewLine:
    number = _product_number(item["sku"])
    return NewLine(
        _micros(item["unit_price"]),
        item["quantity"],
        item["sku"],
        item["title"],
        discount=_micros(item["discount"]),
        order_discount=share,
        tax=tax,
        gift_card=item["kind"] == "gift_card",
        variant=gid("ProductVariant", number),
        product=gid("Product", number),
        number=item["item_id"],
    )


def _follow(order: Document, row: Row | None, items: Sequence[Row], refunds: Sequence[Row]) -> None:
    """Do to an order what its rows say has happened since."""
    updated = [to_micros(r["updated_at"]) for r in (*items, *refunds, *([row] if row else []))]
    at = seconds(max([moment_of(order["updatedAt"]), *updated]))
    if row is not None and row["status"] in _PAID:
        _pay(order, at)
    _edit(order, row, items)
    _refund(order, refunds)
    if row is not None:
        _end(order, row, at)
    order["updatedAt"] = moment_text(at)


def _pay(order: Document, at: int) -> None:
    if not any(each["kind"] == "SALE" for each in order["transactions"]):
        actions.pay(order, at)


def _edit(order: Document, row: Row | None, items: Sequence[Row]) -> None:
    """Other quantities, lines that came or went, and the tax that the order has with them."""
    known = {number_of(line["id"]): line for line in order["lineItems"]}
    quantities = {}
    for item in items:
        line = known.get(item["item_id"])
        wanted = 0 if item["is_deleted"] else item["quantity"]
        if line is not None and sold(line) != wanted:
            quantities[line["id"]] = wanted
    added = [
        _line(item, 0, 0)
        for item in items
        if item["item_id"] not in known and not item["is_deleted"]
    ]
    taxes = {}
    if row is not None:
        taxes = _taxes(order, _micros(row["tax_total"]), quantities)
    if not quantities and not added and not taxes:
        return
    touched = [to_micros(item["updated_at"]) for item in items]
    at = seconds(max([*touched, moment_of(order["createdAt"])]))
    actions.edit(order, at, quantities=quantities, add=added, taxes=taxes)
    if any(each["kind"] == "SALE" for each in order["transactions"]):
        actions.pay(order, at)


def _taxes(order: Document, total: int, quantities: Mapping[str, int]) -> dict[str, int]:
    """What the lines' tax becomes, so that the order has that much: the edited ones' change."""
    lines = order["lineItems"]
    gone = {id_ for id_, wanted in quantities.items() if wanted == 0}
    freight = sum(line["_tax"] for line in order["shippingLines"])
    now = freight + sum(line["_tax"] for line in lines)
    if now == total:
        return {}
    taxes = dict.fromkeys(gone, 0)
    missing = total - (now - sum(line["_tax"] for line in lines if line["id"] in gone))
    kept = [line for line in lines if line["id"] not in gone and not line["isGiftCard"]]
    edited = [line for line in kept if line["id"] in quantities]
    if kept:
        line = (edited or sorted(kept, key=net))[-1]
        taxes[line["id"]] = line["_tax"] + missing
    return taxes


def _refund(order: Document, refunds: Sequence[Row]) -> None:
    """One refund for what is given back at one moment."""
    known = {
        (each["createdAt"], number_of(part["_line"]))
        for each in order["refunds"]
        for part in each["refundLineItems"]
    }
    by_moment = defaultdict[int, list[Row]](list)
    for row in refunds:
        at = seconds(to_micros(row["refunded_at"]))
        if (moment_text(at), row["item_id"]) not in known:
            by_moment[at].append(row)
    for at, rows in sorted(by_moment.items()):
        lines = {
            gid("LineItem", row["item_id"]): (
                row["quantity"],
                _micros(row["amount"]),
                _micros(row["tax"]),
            )
            for row in rows
        }
        shipping = sum(_micros(row["shipping"]) for row in rows)
        actions.refund(
            order,
            at,
            lines=lines,
            shipping=(shipping, 0),
            restock=bool(rows[0]["restocked"]),
            note=rows[0]["reason"],
        )


def _end(order: Document, row: Row, at: int) -> None:
    if row["status"] == "payment_failed" and order["_void"] is None:
        actions.fail_payment(order, at)
    if row["status"] in ("shipped", "refunded", "partially_refunded") and not order["fulfillments"]:
        actions.fulfil(order, at)
    if row["cancelled_at"] is not None and order["cancelledAt"] is None:
        actions.cancel(order, seconds(to_micros(row["cancelled_at"])))


def _kept(order: Document) -> str:
    """All of an order, to tell whether it has changed."""
    return repr(order)


def _needed(row: Row | None) -> Row:
    if row is None:
        raise ValueError("an order begins with its row")
    return row


def _shared(total: int, weights: Sequence[int], currency: str) -> list[int]:
    """An amount in parts by weight, whole coins each; where nothing weighs, on the first."""
    if not weights:
        return []
    if sum(weights) <= 0:
        return [total] + [0] * (len(weights) - 1)
    group = np.zeros(len(weights), dtype=np.int64)
    amounts = np.array([total], dtype=np.int64)
    minor = np.array([minor_unit(currency)], dtype=np.int64)
    parts = allocate(group, np.array(weights, dtype=np.int64), amounts, minor)
    return [int(part) for part in parts]


def _rows(table: pa.Table | None) -> list[Row]:
    if table is None:
        return []
    found: list[Row] = table.to_pylist()
    return found


def _possible_order(row: Row) -> bool:
    return row["status"] != "zombie" and len(row["currency"]) == 3 and row["shipping_total"] >= 0


def _possible_line(row: Row) -> bool:
    return row["unit_price"] >= 0 and row["quantity"] is not None and len(row["currency"]) == 3


def _product_number(sku: str) -> int:
    """A number for a SKU: its own, or one that no other has."""
    tail = sku.rsplit("-", 1)[-1]
    return int(tail) if sku.startswith("SKU-") else 1_000_000 + int(tail)


def _micros(amount: int | Decimal) -> int:
    """The storefront's rows count micros."""
    return int(amount)
