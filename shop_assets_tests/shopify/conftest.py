"""A simulated Shopify shop on loopback, and the connector to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from shop_assets.demo.apis import serving
from shop_assets.demo.apis.shopify import SCOPES, TOKEN, NewLine, ShopifyServer
from shop_assets.settings.apis import ShopifySource
from shop_assets.sources.protocol import Window
from shop_assets.sources.rate_limit import RateLimit
from shop_assets.sources.shopify import ShopifyConnector, bulk
from shop_assets_tests.demo.api_shop import HOUR, START, UNLIMITED, ApiShop, made_for

DAY = Window(START, START + 24 * HOUR)
EUR = 1_000_000


@dataclass
class Shop(ApiShop):
    """A shop of Shopify's."""

    server: ShopifyServer
    connector: ShopifyConnector

    def place(self, *lines: NewLine, paid: bool = True, **more: Any) -> str:
        """A paid order of two lines, if no others are given."""
        ordered = lines or (
            NewLine(10 * EUR, 2, "LAMP", discount=EUR, tax=3_610_000),
            NewLine(5 * EUR, 1, "MUG", tax=950_000),
        )
        order = self.server.place(ordered, **{"shipping": 4_900_000, **more})
        if paid:
            self.server.pay_order(order)
        return order

    def lines(self, order: str) -> list[str]:
        """The ids of an order's lines."""
        found = self.server.order(order)
        assert found is not None
        return [line["id"] for line in found["lineItems"]]

    def asked(self, text: str) -> list[str]:
        """The bodies of the calls that have this in them."""
        return [call.body.decode() for call in self.faults.calls if text in call.body.decode()]

    def ask(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        token: str = TOKEN,
        version: str = "2026-07",
    ) -> httpx.Response:
        """A call of one's own."""
        return httpx.post(
            f"{self.url}/admin/api/{version}/graphql.json",
            json={"query": query, "variables": variables or {}},
            headers={"x-shopify-access-token": token},
        )


Makes = Callable[..., Shop]


@pytest.fixture
def shop_with(monkeypatch: pytest.MonkeyPatch) -> Iterator[Makes]:
    """Makes shops; options as of the server, those of the source under `source`."""
    monkeypatch.setattr(bulk, "_FIRST_LOOK", 0.01)
    with ExitStack() as stack:

        def make(*, source: dict[str, Any] | None = None, **options: Any) -> Shop:
            clock, faults, store = made_for(stack)
            limits = {"points": 1e6, "points_per_second": 1e6, "tokens": {TOKEN: SCOPES}}
            server = ShopifyServer(store, clock, **{**limits, **options})
            server.put_location(1, "Berlin")
            server.put_location(2, "Paris")
            url = stack.enter_context(serving(server.app, faults=faults, clock=clock))
            given = {
                "connector": "shopify",
                "shop": "demo.myshopify.com",
                "token": TOKEN,
                "api_url": url,
                **UNLIMITED,
                **(source or {}),
            }
            settings = ShopifySource.model_validate(given)
            connector = ShopifyConnector("shop", settings, RateLimit("shop", 10_000))
            stack.callback(connector.close)
            return Shop(clock, faults, url, connector, server)

        yield make


@pytest.fixture
def shop(shop_with: Makes) -> Shop:
    """A shop that is not throttled."""
    return shop_with()
