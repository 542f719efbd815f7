"""A simulated WooCommerce shop on loopback, and the connector to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from shop_assets.demo.apis import serving
from shop_assets.demo.apis.woocommerce import WooCommerceServer
from shop_assets.settings.apis import WooCommerceSource
from shop_assets.sources.protocol import Window
from shop_assets.sources.rate_limit import RateLimit
from shop_assets.sources.woocommerce import WooCommerceConnector
from shop_assets_tests.demo.api_shop import UNLIMITED, WINDOW, ApiShop, made_for


@dataclass
class Woo(ApiShop):
    """A shop of WooCommerce's."""

    shop: WooCommerceServer
    connector: WooCommerceConnector

    def ids(self, stream: str, window: Window = WINDOW, **more: Any) -> list[str]:
        return [row["id"] for row in self.rows(stream, window, **more)]

    def place(self, count: int = 1, **given: Any) -> list[int]:
        """Orders of a line each, placed at once."""
        line = {"product_id": 1, "quantity": 2, "subtotal": "20", "total": "18", "total_tax": "3"}
        return self.shop.place_many([{"line_items": [line], **given}] * count)

    def line(self, order: int, number: int = 0) -> int:
        """The id of a line of an order."""
        stored = self.shop.store.get("order", str(order))
        assert stored is not None
        found: int = stored.body["line_items"][number]["id"]
        return found


Makes = Callable[..., Woo]


@pytest.fixture
def woo_with() -> Iterator[Makes]:
    """Makes shops; options as of the server, those of the source under `source`."""
    with ExitStack() as stack:

        def make(*, source: dict[str, Any] | None = None, **options: Any) -> Woo:
            clock, faults, store = made_for(stack)
            shop = WooCommerceServer(store, clock, **options)
            url = stack.enter_context(serving(shop.app, faults=faults, clock=clock))
            given = {
                "connector": "woocommerce",
                "api_url": url,
                "consumer_key": "ck_simulated",
                "consumer_secret": "cs_simulated",
                **UNLIMITED,
                **(source or {}),
            }
            settings = WooCommerceSource.model_validate(given)
            connector = WooCommerceConnector("woo", settings, RateLimit("woo", 10_000))
            stack.callback(connector.close)
            return Woo(clock, faults, url, connector, shop)

        yield make


@pytest.fixture
def woo(woo_with: Makes) -> Woo:
    """A shop of the newest version, in UTC."""
    return woo_with()
