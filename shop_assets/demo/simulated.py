"""A provider's API by itself, on loopback, with some orders: for `shop-assets simulate`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from shop_assets.demo.apis import Clock, Store
from shop_assets.demo.apis.shopify import (
    TOKEN,
    NewCustomer,
    NewLine,
    NewProduct,
    NewVariant,
    ShopifyServer,
)
from shop_assets.demo.apis.stripe import KEY, StripeServer
from shop_assets.demo.apis.woocommerce import WooCommerceServer
from shop_assets.demo.sample_orders import (
    ARTICLES,
    CENT,
    MICROS,
    PEOPLE,
    SampleOrder,
    moments,
    sample_orders,
)

_PORTS = {"stripe": 8301, "shopify": 8302, "woocommerce": 8303}
_KINDS = {"stripe": "charge", "shopify": "Order", "woocommerce": "order"}
_PAY_OUT_EACH = dt.timedelta(days=7)
_SHOP = "demo.myshopify.com"


@dataclass(frozen=True)
class Simulated:
    """A provider's API: its ASGI application, and how a configuration names it."""

    provider: str
    app: Any
    objects: int
    options: dict[str, str]
    secrets: dict[str, str]


def simulated(
    provider: str, *, objects: int, state: Path | None = None, now: dt.datetime | None = None
) -> Simulated:
    """The API of a provider, with so many orders of the last month where its state has none yet.

    `state`: a file in which all is kept; in memory, if not given. `objects`: of the answer, how
    many orders or charges there are. `now`: until when there are orders.
    """
    store = Store(state)
    if objects and not store.count(_KINDS[provider]):
        until = now or dt.datetime.now(dt.UTC)
        _FILL[provider](store, sample_orders(objects, until))
    count = store.count(_KINDS[provider])
    clock = Clock()
    if provider == "stripe":
        return Simulated(provider, StripeServer(store, clock).app, count, {}, {"api_key": KEY})
    if provider == "shopify":
        app = ShopifyServer(store, clock).app
        return Simulated(provider, app, count, {"shop": _SHOP}, {"token": TOKEN})
    shop = WooCommerceServer(store, clock)
    keys = {"consumer_key": shop.key, "consumer_secret": shop.secret}
    return Simulated(provider, shop.app, count, {}, keys)


def port_of(provider: str) -> int:
    """The port that a provider's API has where none is chosen."""
    return _PORTS[provider]


def fill_stripe(store: Store, orders: Sequence[SampleOrder]) -> None:
    """Charge and refund what the orders say, and pay it out once a week."""
    clock = Clock(orders[0].placed_at)
    server = StripeServer(store, clock)
    charges: dict[int, str] = {}
    paid_out = orders[0].placed_at
    for moment in moments(orders):
        while moment.at >= paid_out + _PAY_OUT_EACH:
            paid_out += _PAY_OUT_EACH
            clock.set(paid_out)
            for payout in server.pay_out():
                server.send_payout(payout)
                server.settle_payout(payout)
        clock.set(moment.at)
        order = moment.order
        if moment.what == "paid":
            charges[order.number] = server.charge(
                order.total // CENT, "eur", order_id=str(order.number)
            )
        elif moment.what == "refunded":
            server.refund(charges[order.number], order.lines[0].amount // CENT)


def fill_shopify(store: Store, orders: Sequence[SampleOrder]) -> None:
    """Place, pay, fulfil and refund the orders, after their customers and products are there."""
    begin = orders[0].placed_at - dt.timedelta(hours=1)
    clock = Clock(begin)
    shop = ShopifyServer(store, clock)
    made = round(begin.timestamp() * MICROS)
    shop.put_products(
        NewProduct(n, title, made, made, [NewVariant(n, sku, price)])
        for n, (sku, title, price) in enumerate(ARTICLES, 1)
    )
    shop.put_customers(
        NewCustomer(n, made, made, f"{name.split(maxsplit=1)[0].lower()}@example.org", name, "DE")
        for n, name in enumerate(PEOPLE, 1)
    )
    ids: dict[int, str] = {}
    for moment in moments(orders):
        clock.set(moment.at)
        order = moment.order
        if moment.what == "placed":
            lines = [
                NewLine(
                    ARTICLES[line.article][2],
                    line.quantity,
                    *ARTICLES[line.article][:2],
                    product=f"gid://shopify/Product/{line.article + 1}",
                    variant=f"gid://shopify/ProductVariant/{line.article + 1}",
                )
                for line in order.lines
            ]
            ids[order.number] = shop.place(
                lines,
                number=order.number,
                shipping=order.shipping,
                customer=f"gid://shopify/Customer/{order.person + 1}",
                email=order.email,
                country="DE",
            )
        elif moment.what == "paid":
            shop.pay_order(ids[order.number])
            shop.fulfil_order(ids[order.number])
        else:
            placed = shop.order(ids[order.number])
            line = (placed or {})["lineItems"][0]
            shop.refund(ids[order.number], {line["id"]: order.lines[0].quantity})


def fill_woocommerce(store: Store, orders: Sequence[SampleOrder]) -> None:
    """Place, pay, complete and refund the orders; their customers are guests."""
    clock = Clock(orders[0].placed_at)
    shop = WooCommerceServer(store, clock)
    ids: dict[int, int] = {}
    for moment in moments(orders):
        clock.set(moment.at)
        order = moment.order
        if moment.what == "placed":
            lines = [
                {
                    "sku": ARTICLES[line.article][0],
                    "name": ARTICLES[line.article][1],
                    "quantity": line.quantity,
                    "subtotal": _major(line.amount),
                    "total": _major(line.amount),
                }
                for line in order.lines
            ]
            ids[order.number] = shop.place(
                line_items=lines,
                shipping_lines=[{"total": _major(order.shipping)}],
                billing={"email": order.email, "country": "DE"},
            )
        elif moment.what == "paid":
            shop.pay(ids[order.number])
            shop.complete(ids[order.number])
        else:
            stored = store.get("order", str(ids[order.number]))
            body = {} if stored is None else stored.body
            line, back = body["line_items"][0], order.lines[0]
            given = {"quantity": back.quantity, "total": _major(back.amount)}
            shop.refund(ids[order.number], {line["id"]: given})


_FILL: dict[str, Callable[[Store, Sequence[SampleOrder]], None]] = {
    "stripe": fill_stripe,
    "shopify": fill_shopify,
    "woocommerce": fill_woocommerce,
}


def _major(micros: int) -> str:
    return format(Decimal(micros) / MICROS, "f")
