"""A Shopify shop: its objects, and what happens to them.

Each action changes objects as Shopify's own would: an order's `updatedAt` moves, its sums follow, a
ledger entry is made. Whatever is put is in the store when the method returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from shop_assets.demo.apis.serving import Clock
from shop_assets.demo.apis.shopify import catalogue, order_actions
from shop_assets.demo.apis.shopify.catalogue import NewCustomer, NewLevel, NewProduct
from shop_assets.demo.apis.shopify.order import Document, NewLine, NewOrder
from shop_assets.demo.apis.shopify.values import gid, moment_of, moment_text, number_of, seconds
from shop_assets.demo.apis.store import Store, Stored
from shop_assets.errors import UserError

_PLACES = 10_000


class ShopifyShop:
    """The shop behind a `ShopifyServer`, on a store that may outlive it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        name: str = "demo",
        currency: str = "EUR",
        timezone: str = "Europe/Berlin",
        taxes_included: bool = False,
    ) -> None:
        self.store = store
        self.clock = clock
        self.currency = currency
        now = self._now()
        shop = {
            "__typename": "Shop",
            "id": gid("Shop", 1),
            "name": name,
            "email": f"shop@{name}.example",
            "myshopifyDomain": f"{name}.myshopify.com",
            "currencyCode": currency,
            "ianaTimezone": timezone,
            "taxesIncluded": taxes_included,
            "createdAt": moment_text(now),
        }
        store.put([Stored("Shop", gid("Shop", 1), 1, "", now, now, shop)])

    def place_order(self, new: NewOrder) -> str:
        """Place an order; gives its id."""
        self.put_orders([order_actions.place(replace(new, at=seconds(new.at)))])
        return gid("Order", new.number)

    def place(self, lines: Sequence[NewLine], *, number: int | None = None, **more: object) -> str:
        """Place an order now, under the next number; `more`: of `NewOrder`. Gives its id."""
        new = NewOrder(lines, self._now(), self.currency, number or self.next_number("Order"))
        return self.place_order(replace(new, **more))  # type: ignore[arg-type]

    def pay_order(self, id: str, amount: int | None = None) -> None:  # noqa: A002
        """Take what is outstanding, or an amount in micros."""
        self._change(id, lambda order, at: order_actions.pay(order, at, amount))

    def fail_payment(self, id: str) -> None:  # noqa: A002
        """Let the payment of an order expire."""
        self._change(id, order_actions.fail_payment)

    def edit_order(
        self,
        id: str,  # noqa: A002
        quantities: Mapping[str, int] | None = None,
        add: Sequence[NewLine] = (),
    ) -> None:
        """Set lines (by id) to other quantities, and add lines."""
        self._change(
            id, lambda order, at: order_actions.edit(order, at, quantities=quantities, add=add)
        )

    def cancel_order(self, id: str, *, refund: bool = True) -> None:  # noqa: A002
        """Cancel an order; with `refund`, all that is left of it is given back."""

        def act(order: Document, at: int) -> None:
            left = {
                line["id"]: (line["currentQuantity"], None, None)
                for line in order["lineItems"]
                if line["currentQuantity"]
            }
            if refund and left:
                shipping = [
                    (s["_price"] - s["_discount"], s["_tax"]) for s in order["shippingLines"]
                ]
                paid = None if order["transactions"] else 0
                order_actions.refund(
                    order, at, lines=left, shipping=(shipping or [(0, 0)])[0], amount=paid
                )
            order_actions.cancel(order, at)

        self._change(id, act)

    def fulfil_order(self, id: str, quantities: Mapping[str, int] | None = None) -> None:  # noqa: A002
        """Send all of an order, or some units of some lines."""
        self._change(id, lambda order, at: order_actions.fulfil(order, at, quantities=quantities))

    def hold_order(self, id: str) -> None:  # noqa: A002
        """Put an order's fulfilment on hold, which does not move its `updatedAt`."""
        order = self._order(id)
        order_actions.hold(order)
        self.put_orders([order])

    def refund(
        self,
        id: str,  # noqa: A002
        quantities: Mapping[str, int] | None = None,
        *,
        shipping: int = 0,
        amount: int | None = None,
        restock: bool = True,
        note: str | None = None,
        return_id: str | None = None,
    ) -> str:
        """Refund units of lines and shipping; `amount`: what is truly paid out, in micros."""
        made: list[str] = []

        def act(order: Document, at: int) -> None:
            made.append(
                order_actions.refund(
                    order,
                    at,
                    lines={line: (units, None, None) for line, units in (quantities or {}).items()},
                    shipping=(shipping, 0),
                    amount=amount,
                    restock=restock,
                    note=note,
                    return_id=return_id,
                )
            )

        self._change(id, act)
        return made[0]

    def start_return(
        self,
        id: str,  # noqa: A002
        quantities: Mapping[str, int],
        reason: str = "UNWANTED",
    ) -> str:
        """Units of lines are sent back; gives the return's id."""
        made: list[str] = []
        self._change(
            id,
            lambda order, at: made.append(
                order_actions.start_return(order, at, quantities, reason)
            ),
        )
        return made[0]

    def close_return(self, id: str, return_id: str) -> None:  # noqa: A002
        """Nothing more is to come of a return of the order."""
        self._change(id, lambda order, at: order_actions.close_return(order, at, return_id))

    def touch_order(self, id: str) -> None:  # noqa: A002
        """Change nothing but the time of the change, as a note of a member of staff does."""
        self._change(id, lambda order, at: None)

    def delete_order(self, id: str) -> None:  # noqa: A002
        """Delete an order: no query finds it again."""
        self.store.delete("Order", id)

    def order(self, id: str) -> Document | None:  # noqa: A002
        """An order's document; None where there is none."""
        stored = self.store.get("Order", id)
        return stored.body if stored else None

    def put_orders(self, orders: Iterable[Document]) -> None:
        """Keep orders that `order_actions` has made or changed."""
        rows: list[Stored] = []
        for order in orders:
            created, updated = moment_of(order["createdAt"]), moment_of(order["updatedAt"])
            number = number_of(order["id"])
            rows.append(Stored("Order", order["id"], number, "", created, updated, order))
            for kind, parts in (("Refund", "refunds"), ("Return", "returns")):
                rows += [
                    Stored(kind, p["id"], number_of(p["id"]), order["id"], created, updated, {})
                    for p in order[parts]
                ]
        self.store.put(rows)

    def put_customers(self, customers: Iterable[NewCustomer]) -> None:
        """Keep customers as they are now."""
        rows = []
        for new in customers:
            at = seconds(new.updated_at)
            made = seconds(new.created_at)
            body = catalogue.customer(new, self.currency)
            rows.append(Stored("Customer", body["id"], new.number, "", made, at, body))
        self.store.put(rows)

    def delete_customer(self, number: int) -> None:
        """Delete a customer."""
        self.store.delete("Customer", gid("Customer", number))

    def put_products(self, products: Iterable[NewProduct]) -> None:
        """Keep products and their variants as they are now."""
        rows = []
        for new in products:
            made, at = seconds(new.created_at), seconds(new.updated_at)
            body = catalogue.product(new)
            rows.append(Stored("Product", body["id"], new.number, "", made, at, body))
            for position, each in enumerate(new.variants, 1):
                for part, parent in (
                    (catalogue.variant(new, each, position), body["id"]),
                    (catalogue.item(new, each, self.currency), ""),
                ):
                    kind = part["__typename"]
                    rows.append(Stored(kind, part["id"], each.number, parent, made, at, part))
        self.store.put(rows)

    def delete_product(self, number: int) -> None:
        """Delete a product, its variants and their stock: no query finds them again."""
        product = gid("Product", number)
        for each in self.store.select("ProductVariant", "parent = ?", (product,)):
            for place in self.store.select("Location"):
                level = f"{place.number}?inventory_item_id={each.number}"
                self.store.delete("InventoryLevel", gid("InventoryLevel", level))
            self.store.delete("InventoryItem", gid("InventoryItem", each.number))
            self.store.delete("ProductVariant", each.id)
        self.store.delete("Product", product)

    def put_location(self, number: int, name: str, *, active: bool = True) -> None:
        """Keep a location."""
        now = self._now()
        body = catalogue.location(number, name, now, active=active)
        self.store.put([Stored("Location", body["id"], number, "", now, now, body)])

    def put_levels(self, levels: Iterable[NewLevel]) -> None:
        """Keep what there is of variants at locations."""
        rows = []
        for new in levels:
            at = seconds(new.updated_at)
            body = catalogue.level(new, at)
            known = self.store.get("InventoryLevel", body["id"])
            made = known.created if known else at
            number = new.variant * _PLACES + new.location
            body["createdAt"] = moment_text(made)
            place = gid("Location", new.location)
            rows.append(Stored("InventoryLevel", body["id"], number, place, made, at, body))
        self.store.put(rows)

    def next_number(self, kind: str) -> int:
        """The number after the highest of a kind."""
        last = self.store.select(kind, descending=True, limit=1)
        return last[0].number + 1 if last else 1001

    def _change(self, id_: str, act: Callable[[Document, int], object]) -> None:
        order, at = self._order(id_), self._now()
        act(order, at)
        order["updatedAt"] = moment_text(max(at, moment_of(order["updatedAt"])))
        self.put_orders([order])

    def _order(self, id_: str) -> Document:
        found = self.order(id_)
        if found is None:
            raise UserError(f"there is no order {id_}")
        return found

    def _now(self) -> int:
        return seconds(self.clock.now())
