"""A WooCommerce shop with its REST API (version 3): what it holds, and what happens to it.

`WooCommerceServer` keeps the objects and changes them as the shop's own actions do; its `app`
answers as WordPress does (`woocommerce_api`). What is put with `put` comes from elsewhere, whole.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from starlette.applications import Starlette

from shop_assets.demo.apis import woocommerce_objects as objects
from shop_assets.demo.apis.serving import Clock
from shop_assets.demo.apis.store import Store, Stored
from shop_assets.demo.apis.woocommerce_objects import Object, money

Kind = Literal["order", "refund", "product", "variation", "customer"]
KINDS: tuple[Kind, ...] = ("order", "refund", "product", "variation", "customer")
_MICROS = 1_000_000
_LINES = {
    "line_items": objects.line_item,
    "shipping_lines": objects.shipping_line,
    "fee_lines": objects.fee_line,
    "coupon_lines": objects.coupon_line,
}


class WooCommerceServer:
    """A shop at `app`, whose objects live in `store` by the time of `clock`.

    `zone`: the site's. `plain_permalinks`: the API is at `/?rest_route=` alone. `forbidden`: kinds
    that the key's user may not see. `lacking`: routes that a shop of an older version does not have
    (`/refunds` came with 9.0, `/variations` with 10.3).
    """

    decimals = 2
    """Of amounts in answers that are not asked for others."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        key: str = "ck_simulated",
        secret: str = "cs_simulated",  # noqa: S107
        zone: str = "UTC",
        plain_permalinks: bool = False,
        forbidden: Collection[Kind] = (),
        lacking: Collection[str] = (),
    ) -> None:
        self.store, self.clock = store, clock
        self.key, self.secret = key, secret
        self.zone = ZoneInfo(zone)
        self.plain_permalinks = plain_permalinks
        self.forbidden = frozenset(forbidden)
        self.lacking = frozenset(lacking)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        from shop_assets.demo.apis.woocommerce_api import application

        return application(self)

    def numbers(self, of: Literal["post", "item", "user"], count: int = 1) -> range:
        """So many new ids: of orders, refunds and products; of their lines; of users."""
        kept = self.store.get("counter", of)
        first = 1 + (kept.number if kept else 0)
        if not count:
            return range(0)
        self.store.put([Stored("counter", of, first + count - 1, "", 0, 0, {})])
        return range(first, first + count)

    def put(self, kind: Kind, given: Iterable[tuple[Object, int, int]]) -> None:
        """Keep whole objects (without dates), each with when it was created and last modified.

        Moments are seconds since 1970. An object of the same kind and id is replaced.
        """
        stored = [self._stored(kind, body, created, changed) for body, created, changed in given]
        self.store.put(stored)

    def held(self, kind: Kind, numbers: Sequence[int]) -> dict[int, Stored]:
        """Those of the objects that are there, by their ids."""
        found: dict[int, Stored] = {}
        for start in range(0, len(numbers), 500):
            some = tuple(numbers[start : start + 500])
            marks = ", ".join("?" * len(some))
            for each in self.store.select(kind, f"number IN ({marks})", some):
                found[each.number] = each
        return found

    def truth(self, kind: Kind, start: dt.datetime, end: dt.datetime) -> dict[int, dt.datetime]:
        """The ids of all objects whose last change is in `[start, end)`, with its moment.

        Objects in the trash are among them. Of a refund it is when it was made.
        """
        low, high = (round(at.timestamp() * _MICROS) for at in (start, end))
        found = self.store.select(kind, "updated >= ? AND updated < ?", (low, high))
        return {o.number: dt.datetime.fromtimestamp(o.updated // _MICROS, dt.UTC) for o in found}

    def place(self, **given: Any) -> int:
        """A new order with what is given of it; its id. Lines get ids of their own."""
        return self.place_many([given])[0]

    def place_many(self, given: Sequence[Mapping[str, Any]]) -> list[int]:
        """New orders, all at once; their ids."""
        numbers, now = self.numbers("post", len(given)), self.clock.seconds
        made = map(self._with_lines, given)
        whole = [objects.order(number, each) for number, each in zip(numbers, made, strict=True)]
        self.put("order", [(body, now, now) for body in whole])
        return list(numbers)

    def edit(self, order: int, *, silently: bool = False, **given: Any) -> None:
        """Change an order; `silently`: as plugins do that save a line and not its order."""
        stored = self._order(order)
        body = objects.order(order, {**stored.body, **self._with_lines(given)})
        changed = stored.updated // _MICROS if silently else self.clock.seconds
        self.put("order", [(body, stored.created // _MICROS, changed)])

    def take_out(self, order: int, line: int, *, silently: bool = False) -> None:
        """Take a line or fee out of an order; nothing is left of it. `silently` as in `edit`.

        As in the shop's admin, this needs an order that can still be edited; `ValueError` else.
        """
        body = self._order(order).body
        if not body["is_editable"] and not silently:
            raise ValueError(f"order {order} is {body['status']}; expected pending or on-hold")
        left = {
            name: [each for each in body[name] if each["id"] != line]
            for name in ("line_items", "fee_lines")
        }
        if all(len(left[name]) == len(body[name]) for name in left):
            raise KeyError(f"there is no line {line} in order {order}")
        self.edit(order, silently=silently, **left)

    def complete(self, order: int) -> None:
        """The order is fulfilled."""
        self._status(order, "completed", "date_completed")

    def pay(self, order: int) -> None:
        """The order is paid."""
        self._status(order, "processing", "date_paid")

    def cancel(self, order: int) -> None:
        """The order is cancelled."""
        self._status(order, "cancelled")

    def trash(self, order: int) -> None:
        """Put the order into the trash."""
        self._status(order, "trash")

    def delete(self, kind: Kind, number: int) -> None:
        """Take an object away for good; with an order its refunds, with a product its variations.

        Nothing else tells of it: a refund that is deleted leaves its order's date alone.
        """
        stored = self._get(kind, number)
        for child in {"order": ("refund",), "product": ("variation",)}.get(kind, ()):
            for each in self.store.select(child, "parent = ?", (str(number),)):
                self.store.delete(child, each.id)
        if kind == "refund":
            order = self._order(int(stored.parent))
            left = [r for r in order.body["refunds"] if r["id"] != number]
            self.edit(order.number, silently=True, refunds=left)
        self.store.delete(kind, str(number))

    def refund(
        self,
        order: int,
        lines: Mapping[int, Mapping[str, Any]] | None = None,
        *,
        amount: str | None = None,
        shipping: str | None = None,
        reason: str = "",
    ) -> int:
        """Give money back; the refund's id. The order is modified, and refunded once all is.

        `lines`: by the line's id `quantity`, `total` and `total_tax` (above zero). `shipping`: of
        the order's shipping, before tax. `amount`: all of it, if more than these.
        """
        stored = self._order(order)
        [number] = self.numbers("post")
        body = objects.refund(number, order, {"reason": reason})
        items = {item["id"]: item for item in stored.body["line_items"]}
        for of, back in (lines or {}).items():
            body["line_items"].append(self._returned(items[of], back))
        for line in stored.body["shipping_lines"][:1] if shipping is not None else ():
            back = {"total": money(-Decimal(shipping or 0)), "total_tax": "0"}
            body["shipping_lines"].append(self._negative(line, back))
        parts = [*body["line_items"], *body["shipping_lines"]]
        whole = -sum((Decimal(p["total"]) + Decimal(p["total_tax"]) for p in parts), Decimal(0))
        body["amount"] = money(amount if amount is not None else whole)
        now = self.clock.seconds
        self.put("refund", [(body, now, now)])
        short = {"id": number, "reason": reason, "total": money(-Decimal(body["amount"]))}
        refunds = [short, *stored.body["refunds"]]
        given = sum((-Decimal(r["total"]) for r in refunds), Decimal(0))
        status = "refunded" if given >= Decimal(stored.body["total"]) else stored.body["status"]
        self.edit(order, refunds=refunds, status=status)
        return number

    def add_customer(self, **given: Any) -> int:
        """A new customer's id. That one was never modified, as the API says it."""
        [number] = self.numbers("user")
        now = self.clock.seconds
        body = objects.customer(number, given)
        self.put("customer", [(body, now, now)])
        return number

    def edit_customer(self, number: int, **given: Any) -> None:
        """Change a customer."""
        stored = self._get("customer", number)
        body = objects.customer(number, {**stored.body, **given})
        self.put("customer", [(body, stored.created // _MICROS, self.clock.seconds)])

    def add_product(self, **given: Any) -> int:
        """A new product's id; `parent_id` makes it a variation of that one."""
        [number] = self.numbers("post")
        now = self.clock.seconds
        kind: Kind = "variation" if given.get("parent_id") else "product"
        usual = {"type": "variation"} if kind == "variation" else {}
        self.put(kind, [(objects.product(number, {**usual, **given}), now, now)])
        if kind == "variation":
            parent = self._get("product", given["parent_id"])
            known = {"type": "variable", "variations": [*parent.body["variations"], number]}
            self.put("product", [({**parent.body, **known}, parent.created // _MICROS, now)])
        return number

    def edit_product(self, number: int, **given: Any) -> None:
        """Change a product, or a variation: that leaves its product's date alone."""
        kind: Kind = "variation" if self.store.get("variation", str(number)) else "product"
        stored = self._get(kind, number)
        body = objects.product(number, {**stored.body, **given})
        self.put(kind, [(body, stored.created // _MICROS, self.clock.seconds)])

    def _status(self, order: int, status: str, name: str | None = None) -> None:
        at = objects.dates(name, self.clock.seconds, self.zone) if name else {}
        self.edit(order, status=status, **at)

    def _order(self, number: int) -> Stored:
        return self._get("order", number)

    def _get(self, kind: Kind, number: int) -> Stored:
        stored = self.store.get(kind, str(number))
        if stored is None:
            raise KeyError(f"there is no {kind} {number}")
        return stored

    def _with_lines(self, given: Mapping[str, Any]) -> Object:
        """What is given of an order; lines without ids get new ones."""
        result = dict(given)
        lines = [line for name in _LINES for line in result.get(name, ())]
        new = iter(self.numbers("item", sum("id" not in line for line in lines)))
        for name, make in _LINES.items():
            if name in result:
                result[name] = [make(line.get("id") or next(new), line) for line in result[name]]
        return result

    def _returned(self, item: Mapping[str, Any], back: Mapping[str, Any]) -> Object:
        total = money(-Decimal(back.get("total", "0")))
        tax = money(-Decimal(back.get("total_tax", "0")))
        amounts = {"subtotal": total, "total": total, "subtotal_tax": tax, "total_tax": tax}
        line = self._negative(item, amounts)
        line["quantity"] = -int(back.get("quantity", 0))
        return line

    def _negative(self, line: Mapping[str, Any], amounts: Object) -> Object:
        [number] = self.numbers("item")
        refunded = objects.meta({"_refunded_item_id": str(line["id"])})
        return {**line, **amounts, "id": number, "meta_data": refunded}

    def _stored(self, kind: Kind, body: Object, created: int, changed: int) -> Stored:
        never = kind == "customer" and created == changed
        times = {
            **objects.dates("date_created", created, self.zone),
            **objects.dates("date_modified", None if never else changed, self.zone),
        }
        if kind == "refund":
            del times["date_modified"], times["date_modified_gmt"]
        whole = {**body, **times}
        if kind == "order":
            for name in ("date_completed", "date_paid"):
                for key in (name, f"{name}_gmt"):
                    whole.setdefault(key, None)
        number = int(body["id"])
        # Orders and products have no parent; they are found by their status there.
        parent = str(body.get("parent_id") or "")
        if kind in ("order", "product"):
            parent = str(body["status"])
        return Stored(
            kind, str(number), number, parent, created * _MICROS, changed * _MICROS, whole
        )


def woocommerce_app(store: Store, clock: Clock, **options: Any) -> Starlette:
    """The application of a shop with what is in the store; options as of `WooCommerceServer`."""
    return WooCommerceServer(store, clock, **options).app
