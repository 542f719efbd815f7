"""The simulated shop's own rows as the objects of a WooCommerce shop.

What `storefront.changes` gives for a span is put into a `WooCommerceServer`. The same rows twice
change nothing, and whoever reads the server gets the sales of the storefront.

What WooCommerce does not have, or has differently:

- Times are whole seconds. Ids are the storefront's own; a refund has that of its first line.
- A discount on the order is shared by the lines that were placed with it, by their amounts, and
  stays on them; gift cards bear none. A line's discount is what its total is below its subtotal.
- Tax stands on the first line of an order or refund that is no gift card, and not on each.
- A line that an edit takes out stays, with no units and no amounts.
- Lines do not say when they were added: `_added_at` in their metadata does.
- Test orders are those that WooPayments took in test mode (`_wcpay_mode`). Deleted ones are in the
  trash; customers who are deleted are gone for good.
- Broken rows that WooCommerce cannot hold are left out: lines and refunds that are negative, of no
  quantity or of an impossible currency. Broken orders are put as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from shop_assets.demo import storefront
from shop_assets.demo.allocation import allocate
from shop_assets.demo.apis import woocommerce_objects as objects
from shop_assets.demo.apis.store import Stored
from shop_assets.demo.apis.woocommerce import WooCommerceServer
from shop_assets.demo.apis.woocommerce_objects import Object
from shop_assets.demo.catalogue import CURRENCIES, MINOR
from shop_assets.demo.chance import to_moment

Row = Mapping[str, Any]

ADDED_AT = "_added_at"
"""In a line's metadata: when it was added to its order, UTC."""

_SHARE = "_share"
_GIFT_CARD = "wc_gc_giftcard_amount"
_STATUSES = {
    "pending": "pending",
    "paid": "processing",
    "shipped": "completed",
    "partially_refunded": "completed",
    "refunded": "refunded",
    "cancelled": "cancelled",
    "payment_failed": "failed",
}
_VIA = {"web": "checkout", "phone": "admin", "marketplace": "rest-api"}
_MICROS = 1_000_000
_UNIT = {str(code): int(unit) for code, unit in zip(CURRENCIES, MINOR, strict=True)}
_PRODUCT_IDS = 10_000_000_000_000
"""Products' ids begin here: beyond those of all orders and refunds."""


class WooCommerceFeed:
    """Puts the storefront's rows into a shop."""

    def __init__(self, shop: WooCommerceServer) -> None:
        self._shop = shop
        self._products: dict[str, int] = {
            stored.body["sku"]: stored.number for stored in shop.store.select("product")
        }

    def put(self, changes: Mapping[sa.Table, pa.Table]) -> None:
        """Put what `storefront.changes` gives; products before what is sold of them."""
        given = {table: _rows(rows) for table, rows in changes.items()}
        self._put_products(given.get(storefront.PRODUCTS, []))
        self._put_customers(given.get(storefront.CUSTOMERS, []))
        self._put_orders(
            given.get(storefront.ORDERS, []),
            [row for row in given.get(storefront.ORDER_ITEMS, []) if _is_line(row)],
            [row for row in given.get(storefront.REFUNDS, []) if row["amount"] >= 0],
        )

    def _put_products(self, rows: Iterable[Row]) -> None:
        found = []
        for row in rows:
            number = self._products.setdefault(row["sku"], _PRODUCT_IDS + len(self._products) + 1)
            price = objects.money(_major(row["price"]))
            body = objects.product(
                number,
                {
                    "name": row["title"],
                    "slug": row["sku"].lower(),
                    "sku": row["sku"],
                    "regular_price": price,
                    "categories": [{"id": 1, "name": row["category"], "slug": "category"}],
                    "cost_of_goods_sold": {"total_value": objects.money(_major(row["cost"]))},
                    "meta_data": objects.meta({"_lead_time_days": str(row["lead_time_days"])}),
                },
            )
            found.append((body, _seconds(row["created_at"]), _seconds(row["updated_at"])))
        self._shop.put("product", found)

    def _put_customers(self, rows: Iterable[Row]) -> None:
        found = []
        for row in rows:
            if row["is_deleted"]:
                self._shop.store.delete("customer", str(row["customer_id"]))
                continue
            first, _, last = (row["full_name"] or "").partition(" ")
            consent = {"accepts_marketing": "yes" if row["accepts_marketing"] else "no"}
            body = objects.customer(
                row["customer_id"],
                {
                    "email": row["email"],
                    "first_name": first,
                    "last_name": last,
                    "billing": {"country": row["country"], "email": row["email"]},
                    "meta_data": objects.meta(consent),
                },
            )
            found.append((body, _seconds(row["created_at"]), _seconds(row["updated_at"])))
        self._shop.put("customer", found)

    def _put_orders(self, orders: list[Row], items: list[Row], refunds: list[Row]) -> None:
        concerned = {row["order_id"] for rows in (orders, items, refunds) for row in rows}
        held = self._shop.held("order", sorted(concerned))
        heads = {row["order_id"]: row for row in orders}
        lines, backs = _by_order(items), _by_order(refunds)
        shares = _shares([o for o in orders if o["order_id"] not in held], lines)
        whole, given_back = [], []
        for number in sorted(concerned):
            head, before = heads.get(number), held.get(number)
            if head is None and before is None:
                continue
            order = _Order(number, head, before, self._products)
            for line in lines.get(number, ()):
                order.put_line(line, shares.get(line["item_id"], 0))
            given_back += order.put_refunds(backs.get(number, ()))
            whole.append(order.finished())
        self._shop.put("refund", given_back)
        self._shop.put("order", whole)


class _Order:
    """An order as it is to be: as it was, with what has changed of it."""

    def __init__(
        self, number: int, head: Row | None, before: Stored | None, products: Mapping[str, int]
    ) -> None:
        self._products = products
        self._body: Object = dict(before.body) if before else {}
        self._body["id"] = number
        self._times = (before.created // _MICROS, before.updated // _MICROS) if before else (0, 0)
        self._lines: dict[int, Object] = {
            line["id"]: line for line in self._body.get("line_items", ())
        }
        self._tax: int | None = None
        if head is not None:
            self._put_head(head)

    def _put_head(self, head: Row) -> None:
        status = "trash" if head["is_deleted"] else _STATUSES.get(head["status"], head["status"])
        customer, email = head["customer_id"] or 0, head["email"] or ""
        attribution = {"_wc_order_attribution_utm_campaign": head["utm_campaign"]}
        meta = {
            "_wcpay_mode": "test" if head["is_test"] else "prod",
            **(attribution if head["utm_campaign"] else {}),
        }
        address = {"country": head["country"]}
        shipping = {"total": objects.money(_major(head["shipping_total"]))}
        self._body |= {
            "status": status,
            "currency": head["currency"],
            "customer_id": customer,
            "created_via": _VIA.get(head["channel"], head["channel"]),
            "billing": {**address, "email": email},
            "shipping": address,
            "meta_data": objects.meta(meta),
            "shipping_lines": [objects.shipping_line(self._body["id"], shipping)],
        }
        self._times = (_seconds(head["placed_at"]), _seconds(head["updated_at"]))
        self._tax = head["tax_total"]

    def put_line(self, row: Row, share: int) -> None:
        """Add or change a line. `share`: of the order's discount, for one that is new."""
        number = row["item_id"]
        before = self._lines.get(number)
        if before is not None:
            share = int(next(m["value"] for m in before["meta_data"] if m["key"] == _SHARE))
        gone = row["is_deleted"]
        quantity = 0 if gone else row["quantity"]
        subtotal = quantity * row["unit_price"]
        total = 0 if gone else subtotal - row["discount"] - share
        added = to_moment(row["created_at"]).isoformat()
        meta = {ADDED_AT: added, _SHARE: str(share)}
        if row["kind"] == "gift_card":
            meta[_GIFT_CARD] = objects.money(_major(row["unit_price"]))
        self._lines[number] = objects.line_item(
            number,
            {
                "name": row["title"],
                "product_id": self._products.get(row["sku"], 0),
                "sku": row["sku"],
                "quantity": quantity,
                "subtotal": objects.money(_major(subtotal)),
                "subtotal_tax": "0",
                "total": objects.money(_major(total)),
                "total_tax": "0" if before is None else before["total_tax"],
                "meta_data": objects.meta(meta),
            },
        )

    def put_refunds(self, rows: Iterable[Row]) -> list[tuple[Object, int, int]]:
        """The refunds of the rows: one for all lines given back at the same moment."""
        together: dict[int, list[Row]] = defaultdict(list)
        for row in rows:
            together[_seconds(row["refunded_at"])].append(row)
        found, short = [], {r["id"]: r for r in self._body.get("refunds", ())}
        for at, parts in together.items():
            refund = self._refund(sorted(parts, key=lambda row: row["refund_id"]))
            found.append((refund, at, at))
            total = objects.money(f"-{refund['amount']}")
            short[refund["id"]] = {"id": refund["id"], "reason": refund["reason"], "total": total}
        self._body["refunds"] = [short[number] for number in sorted(short, reverse=True)]
        return found

    def _refund(self, parts: list[Row]) -> Object:
        lines = []
        for row in parts:
            total, tax = (objects.money(_major(-row[name])) for name in ("amount", "tax"))
            known = self._lines.get(row["item_id"], {})
            refunded = objects.meta({"_refunded_item_id": str(row["item_id"])})
            amounts = {"subtotal": total, "total": total, "subtotal_tax": tax, "total_tax": tax}
            lines.append(
                objects.line_item(
                    row["refund_id"],
                    {
                        **{name: known[name] for name in ("name", "product_id", "sku") if known},
                        **amounts,
                        "quantity": -row["quantity"],
                        "meta_data": refunded,
                    },
                )
            )
        shipping = sum(row["shipping"] for row in parts)
        amount = sum(row["amount"] + row["tax"] for row in parts) + shipping
        number = parts[0]["refund_id"]
        back = {
            "total": objects.money(_major(-shipping)),
            "meta_data": objects.meta({"_refunded_item_id": str(self._body["id"])}),
        }
        restocked = {"_restock_refunded_items": "yes" if parts[0]["restocked"] else "no"}
        return objects.refund(
            number,
            self._body["id"],
            {
                "amount": objects.money(_major(amount)),
                "reason": parts[0]["reason"] or "",
                "meta_data": objects.meta(restocked),
                "line_items": lines,
                "shipping_lines": [objects.shipping_line(number, back)] if shipping else [],
            },
        )

    def finished(self) -> tuple[Object, int, int]:
        """The order, with when it was placed and last modified."""
        lines = [self._lines[number] for number in sorted(self._lines)]
        if self._tax is not None:
            taxed = next((n for n, each in enumerate(lines) if not _is_gift(each)), None)
            tax = objects.money(_major(self._tax))
            lines = [
                {**line, "total_tax": tax if n == taxed else "0"} for n, line in enumerate(lines)
            ]
            rest = tax if taxed is None else "0"
            charged = [{**s, "total_tax": rest} for s in self._body["shipping_lines"]]
            self._body["shipping_lines"] = charged
        body = objects.order(self._body["id"], {**self._body, "line_items": lines})
        return body, *self._times


def _rows(table: pa.Table) -> list[Row]:
    """The rows as Python's values; times as microseconds since 1970."""
    columns = [
        column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        for column in table.columns
    ]
    names = table.column_names
    values = (column.to_pylist() for column in columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _is_line(row: Row) -> bool:
    """Whether WooCommerce could hold the line."""
    return row["quantity"] is not None and row["unit_price"] >= 0 and row["currency"] in _UNIT


def _is_gift(line: Object) -> bool:
    return any(m["key"] == _GIFT_CARD for m in line["meta_data"])


def _by_order(rows: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["order_id"]].append(row)
    return found


def _shares(orders: Sequence[Row], lines: Mapping[int, Sequence[Row]]) -> dict[int, int]:
    """Each line's share of the discount on its order, by the lines' ids."""
    reduced = [o for o in orders if o["discount_total"] and lines.get(o["order_id"])]
    own = [(n, line) for n, order in enumerate(reduced) for line in lines[order["order_id"]]]
    if not own:
        return {}
    weights = [
        0
        if line["kind"] == "gift_card"
        else line["quantity"] * line["unit_price"] - line["discount"]
        for _, line in own
    ]
    shares = allocate(
        np.array([n for n, _ in own], dtype=np.int64),
        np.array(weights, dtype=np.int64),
        np.array([order["discount_total"] for order in reduced], dtype=np.int64),
        np.array([_UNIT[order["currency"]] for order in reduced], dtype=np.int64),
    )
    return {line["item_id"]: int(s) for (_, line), s in zip(own, shares, strict=True)}


def _major(micros: int) -> Decimal:
    return Decimal(micros).scaleb(-6)


def _seconds(micros: int) -> int:
    return micros // _MICROS
