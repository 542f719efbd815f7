"""Shopify, read page by page and in bulk, against the local server of its API."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from shop_assets.demo.apis.faults import Faults
from shop_assets.demo.apis.serving import Clock, serving
from shop_assets.demo.apis.shopify import (
    SCOPES,
    NewCustomer,
    NewLevel,
    NewLine,
    NewOrder,
    NewProduct,
    NewVariant,
    ShopifyServer,
)
from shop_assets.demo.apis.shopify import order_actions as actions
from shop_assets.demo.apis.shopify.values import moment_text, number_of, seconds
from shop_assets.demo.apis.store import Store
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

_EUR = 1_000_000
_PLACES = (1, 2)
_PER_ORDER = 100_000
_SECOND, _AT_ONCE = 1_000_000, 1_000
_MANY, _NUMBER = 10, 9_876_543_210
"""Parts of an order that `flood` makes, and the number of the order that others are made like."""
_OF_ORDERS = {
    "order_lines": "lineItems",
    "transactions": "transactions",
}


class ShopifySubject(HttpSource):
    """A shop of the local server; everything it has is made by `put`."""

    fields: Mapping[str, Mapping[str, str]] = {
        **{
            stream: {
                "key": "id",
                "time": "updatedAt",
                "optional": "test",
                "marker": "updatedAt",
            }
            for stream in ("orders", "order_lines", "refunds", "agreements")
        },
        "products": {
            "key": "id",
            "time": "updatedAt",
            "optional": "vendor",
            "marker": "updatedAt",
        },
        "inventory_levels": {
            "key": "id",
            "time": "updatedAt",
            "optional": "quantities",
            "marker": "updatedAt",
        },
    }

    def __init__(self, url: str, faults: Faults, server: ShopifyServer, *, bulk: bool) -> None:
        super().__init__(url, faults)
        self._server = server
        self._bulk = bulk
        self._next = 1000
        for place in _PLACES:
            server.put_location(place, f"Place {place}")

    def settings(self, **options: Any) -> dict[str, Any]:
        return {
            "connector": "shopify",
            "shop": "demo.myshopify.com",
            "token": CANARY,
            "api_url": self.url,
            "allow_private": True,
            "requests_per_second": 10_000,
            "bulk_from_hours": 1 if self._bulk else 10_000,
            **options,
        }

    def put(
        self, stream: str, moments: Sequence[datetime], texts: Sequence[str] | None = None
    ) -> list[str]:
        given = list(texts) if texts is not None else [f"text {n}" for n in range(len(moments))]
        numbers = range(self._next + 1, self._next + 1 + len(moments))
        self._next += len(moments)
        pairs = list(zip(numbers, map(seconds, moments), given, strict=True))
        if stream == "products":
            self._server.put_products(
                NewProduct(n, text, at, at, [NewVariant(n, f"SKU-{n}", _EUR)])
                for n, at, text in pairs
            )
            return [str(n) for n in numbers]
        if stream == "customers":
            self._server.put_customers(NewCustomer(n, at, at, text) for n, at, text in pairs)
            return [str(n) for n in numbers]
        if stream == "inventory_levels":
            levels = [NewLevel(n, _PLACES[n % 2], at, {"available": n}) for n, at, _ in pairs]
            self._server.put_products(
                NewProduct(n, "Lamp", at, at, [NewVariant(n, text, _EUR)]) for n, at, text in pairs
            )
            self._server.put_levels(levels)
            return [f"{level.location}:{level.variant}" for level in levels]
        orders = [self._order(stream, n, at, text) for n, at, text in pairs]
        self._server.put_orders(orders)
        return [_keys(stream, order)[0] for order in orders]

    def flood(self, stream: str, rows: int) -> None:
        """As `fill`; where parts of orders are the rows, many in each of orders that are all alike
        but for their ids and times."""
        if stream not in ("refunds", "order_lines"):
            self.fill(stream, rows)
            return
        start, orders = seconds(HOUR.start), -(-rows // _MANY)
        like = json.dumps(self._order(stream, _NUMBER, start, "a note", _MANY, _MANY))
        told = moment_text(start)
        for first in range(0, orders, _AT_ONCE):
            self._server.put_orders(
                json.loads(
                    like.replace(str(_NUMBER), str(self._next + n)).replace(
                        told, moment_text(start + 3600 * _SECOND * n // orders)
                    )
                )
                for n in range(first, min(orders, first + _AT_ONCE))
            )
        self._next += orders

    def truth(self, stream: str, window: Window) -> Counter[Seen]:
        kind = {"products": "ProductVariant", "inventory_levels": "InventoryLevel"}
        span = (seconds(window.start), seconds(window.end))
        found: Counter[Seen] = Counter()
        where = "updated >= ? AND updated < ?"
        for stored in self._server.store.select(kind.get(stream, "Order"), where, span):
            at = window.start + timedelta(microseconds=stored.updated - span[0])
            found.update(Seen(key, at) for key in _keys(stream, stored.body))
        return found

    def change(self, stream: str, key: str, moment: datetime) -> None:
        at = seconds(moment)
        if stream == "products":
            number = int(key)
            product = NewProduct(number, "Other", at, at, [NewVariant(number, "NEW", _EUR)])
            self._server.put_products([product])
        elif stream == "inventory_levels":
            place, item = key.split(":")
            self._server.put_levels([NewLevel(int(item), int(place), at, {"available": 1})])
        else:
            number = int(key.split(":", maxsplit=1)[0])
            number = number if stream == "orders" else number // _PER_ORDER
            order = self._server.order(f"gid://shopify/Order/{number}")
            assert order is not None
            order["updatedAt"] = moment_text(at)
            self._server.put_orders([order])

    def _order(
        self, stream: str, number: int, at: int, text: str, lines: int = 2, returned: int = 1
    ) -> dict[str, Any]:
        first = NewLine(10 * _EUR, 2, f"SKU-{number}", title=text)
        sold = [first, *[NewLine(5 * _EUR, 1)] * (lines - 1)]
        new = NewOrder(sold, at, "EUR", number, shipping=4 * _EUR, source=text)
        order = actions.place(new)
        if stream == "refunds":
            actions.pay(order, at)
            back = [line["id"] for line in order["lineItems"][:returned]]
            actions.refund(order, at, lines=dict.fromkeys(back, (1, None, None)), note=text)
        return order


def _keys(stream: str, body: Mapping[str, Any]) -> list[str]:
    """The keys of the rows of an object, that of the row with the text first."""
    if stream == "inventory_levels":
        return [body["id"].rsplit("/", 1)[1].replace("?inventory_item_id=", ":")]
    if stream in ("products", "orders"):
        return [str(number_of(body["id"]))]
    if stream == "refunds":
        return [
            f"{number_of(refund['id'])}:{number_of(line['_line'])}"
            for refund in body["refunds"]
            for line in refund["refundLineItems"]
        ]
    if stream == "agreements":
        return [str(number_of(s["id"])) for a in body["agreements"] for s in a["sales"]]
    return [str(number_of(part["id"])) for part in body[_OF_ORDERS[stream]]]


def _opened(*, bulk: bool) -> Any:
    @contextmanager
    def opened(_: Servers) -> Iterator[ShopifySubject]:
        faults, clock, store = Faults(), Clock(NOW), Store()
        server = ShopifyServer(
            store, clock, tokens={CANARY: SCOPES}, points=1e9, points_per_second=1e9
        )
        server.bulk.looks = 1
        with serving(server.app, faults=faults, clock=clock) as url:
            yield ShopifySubject(url, faults, server, bulk=bulk)
        store.close()

    return opened


# Of each way to read one stream: lists and details by ids, lists within objects, and a bulk file.
# What is particular to the others is in shop_assets_tests/shopify.
_FEATURES: frozenset[Feature] = frozenset(
    {"windows", "http", "checkpoints", "changes", "secret", "schema"}
)
register(
    Subject(
        "shopify",
        _opened(bulk=False),
        {
            "refunds": Stream(("part_id",), "note", 10),
            "inventory_levels": Stream(("level_id",), "sku", 10),
        },
        _FEATURES,
        many=3_000,
        holds=36,
    )
)
register(
    Subject(
        "shopify-bulk",
        _opened(bulk=True),
        {"order_lines": Stream(("line_id",), "title", 20)},
        _FEATURES,
        many=5_000,
    )
)
