"""A WooCommerce shop: what it reads by dates, refunds, and the customers that it reads whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from shop_assets.demo.apis import Clock, Faults, Store, serving
from shop_assets.demo.apis import woocommerce_objects as objects
from shop_assets.demo.apis.woocommerce import Kind, WooCommerceServer
from shop_assets.sources.protocol import Window
from shop_assets_tests.acceptance.http_source import HttpSource
from shop_assets_tests.acceptance.subject import (
    CANARY,
    HOUR,
    NOW,
    Feature,
    Seen,
    Servers,
    Stream,
    Subject,
    register,
)

_PAGE = 20
_WIDELY = {"page_size": 100, "timeout_seconds": 60}
_AT_ONCE, _LINES = 1_000, 20
_KINDS: dict[str, Kind] = {
    "orders": "order",
    "order_lines": "order",
    "refunds": "refund",
    "products": "product",
    "customers": "customer",
}


class WooSource(HttpSource):
    """A running shop. Its site is in a zone of its own."""

    fields: Mapping[str, Mapping[str, str]] = {
        "orders": {"key": "id", "time": "date_modified_gmt", "optional": "cart_hash"},
        "order_lines": {"key": "id", "time": "date_modified_gmt", "optional": "tax_class"},
        "refunds": {"key": "id", "time": "date_created_gmt", "optional": "refunded_by"},
        "products": {"key": "id", "time": "date_modified_gmt", "optional": "slug"},
        "customers": {"key": "id", "time": "date_created_gmt", "optional": "username"},
    }

    def __init__(self, url: str, faults: Faults, shop: WooCommerceServer) -> None:
        super().__init__(url, faults)
        self._shop = shop

    def settings(self, **options: Any) -> dict[str, Any]:
        return {
            "connector": "woocommerce",
            "api_url": self.url,
            "consumer_key": "ck_simulated",
            "consumer_secret": CANARY,
            "allow_private": True,
            "requests_per_second": 10_000,
            "timeout_seconds": 5,
            "retry_budget_seconds": 20,
            "customers": "hourly",
            "page_size": _PAGE,
            "streams": {
                **{name: {} for name in _KINDS if name != "orders"},
                "orders": {"columns": {"note": "customer_note"}},
            },
            **options,
        }

    def put(
        self, stream: str, moments: Sequence[datetime], texts: Sequence[str] | None = None
    ) -> list[str]:
        kind, shop = _KINDS[stream], self._shop
        said = list(texts or ["a note"] * len(moments))
        seconds = [int(moment.timestamp()) for moment in moments]
        numbers = shop.numbers("user" if kind == "customer" else "post", len(moments))
        items, parents = shop.numbers("item", len(moments)), range(0)
        if kind == "refund":
            parents = shop.numbers("post", len(moments))
            orders = (objects.order(number, {"currency": "EUR"}) for number in parents)
            shop.put("order", [(o, at, at) for o, at in zip(orders, seconds, strict=True)])
        bodies, keys = [], []
        for n, (number, text) in enumerate(zip(numbers, said, strict=True)):
            key = str(number)
            if kind == "order":
                line = objects.line_item(items[n], {"name": text, "quantity": 1, "total": "5"})
                body = objects.order(number, {"line_items": [line], "customer_note": text})
                key = f"{number}|{items[n]}" if stream == "order_lines" else key
            elif kind == "refund":
                body = objects.refund(number, parents[n], {"amount": "5", "reason": text})
                key = f"{number}:rest"
            elif kind == "product":
                body = objects.product(number, {"name": text})
            else:
                body = objects.customer(number, {"email": text})
            bodies.append(body)
            keys.append(key)
        shop.put(kind, [(b, at, at) for b, at in zip(bodies, seconds, strict=True)])
        return keys

    def flood(self, stream: str, rows: int) -> None:
        """As `fill`; orders with many lines where those are the rows."""
        kind, shop = _KINDS[stream], self._shop
        if stream != "order_lines":
            self.fill(stream, rows)
            return
        orders = -(-rows // _LINES)
        for first in range(0, orders, _AT_ONCE):
            count = min(_AT_ONCE, orders - first)
            items = iter(shop.numbers("item", count * _LINES))
            given = {"name": "a note", "quantity": 1, "total": "5"}
            bodies = [
                objects.order(
                    number,
                    {"line_items": [objects.line_item(next(items), given) for _ in range(_LINES)]},
                )
                for number in shop.numbers("post", count)
            ]
            start = int(HOUR.start.timestamp())
            times = [start + 3600 * (first + n) // orders for n in range(count)]
            shop.put(kind, [(b, at, at) for b, at in zip(bodies, times, strict=True)])

    def truth(self, stream: str, window: Window) -> Counter[Seen]:
        kind, shop = _KINDS[stream], self._shop
        if kind == "customer":
            return Counter(Seen(each.id, None) for each in shop.store.select(kind))
        found = shop.truth(kind, window.start, window.end)
        if stream == "refunds":
            return Counter(Seen(f"{number}:rest", at) for number, at in found.items())
        if stream == "order_lines":
            return Counter(
                Seen(f"{number}|{line['id']}", found[number])
                for number, order in shop.held("order", list(found)).items()
                for line in order.body["line_items"]
            )
        return Counter(Seen(str(number), at) for number, at in found.items())

    def change(self, stream: str, key: str, moment: datetime) -> None:
        self._shop.clock.set(moment)
        number = int(key.split("|", maxsplit=1)[0])
        if stream == "products":
            self._shop.edit_product(number, slug="changed")
        elif stream == "customers":
            self._shop.edit_customer(number, first_name="Changed")
        else:
            self._shop.trash(number)


@contextmanager
def shop(_: Servers) -> Iterator[WooSource]:
    """A shop without orders."""
    clock, faults, store = Clock(NOW), Faults(), Store()
    server = WooCommerceServer(store, clock, secret=CANARY, zone="Europe/Berlin")
    with serving(server.app, faults=faults, clock=clock) as url:
        yield WooSource(url, faults, server)
    store.close()


_ALL: tuple[Feature, ...] = ("http", "checkpoints", "secret", "schema")

register(
    Subject(
        "woocommerce",
        shop,
        {
            "orders": Stream(("id",), "note", _PAGE),
            "order_lines": Stream(("order_id", "id"), "name", _PAGE),
            "products": Stream(("id",), "name", _PAGE),
        },
        frozenset({*_ALL, "windows", "changes"}),
        many=2_200,
        widely=_WIDELY,
    )
)
register(
    Subject(
        "woocommerce-refunds",
        shop,
        {"refunds": Stream(("id",), "reason", _PAGE)},
        frozenset({*_ALL, "windows"}),
        many=2_200,
        widely=_WIDELY,
        like="woocommerce",
    )
)
register(
    Subject(
        "woocommerce-customers",
        shop,
        {"customers": Stream(("id",), "email", _PAGE)},
        frozenset({*_ALL}),
        many=2_200,
        widely=_WIDELY,
        like="woocommerce",
    )
)
