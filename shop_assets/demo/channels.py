"""The simulated shop's systems behind APIs: Shopify, WooCommerce and Stripe, as far as it has them.

Their objects stand in files beside what the other systems export, so that they outlive the servers.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from shop_assets.demo.apis import Clock, Store, serving
from shop_assets.demo.chance import to_moment
from shop_assets.demo.changes import Changes
from shop_assets.demo.homes import Home, open_homes
from shop_assets.demo.payments import Movements
from shop_assets.demo.plan import DemoPlan

_SECRET_BYTES = 24
_POINTS = 20_000.0
"""A large plan's, and more: what is shown is the shop, not the waiting."""


class MoneyFeed(Protocol):
    """Puts the shop's movements of money into a payment provider's server."""

    def put(self, money: Sequence[Movements], start: int, end: int) -> None:
        """Put those of a span, in microseconds since 1970."""
        ...


class Channels:
    """The APIs of a plan. `folder`: where their objects are; `now`: the shop's clock."""

    def __init__(self, plan: DemoPlan, folder: Path, now: int) -> None:
        self._clock = Clock(to_moment(now))
        self._stores: list[Store] = []
        self._secret = secrets.token_urlsafe(_SECRET_BYTES)
        self._feeds: dict[Home, Callable[[Changes], None]] = {}
        self._money: MoneyFeed | None = None
        self._apps: dict[str, object] = {}
        homes = open_homes(plan)
        if Home.SHOPIFY in homes:
            from shop_assets.demo.apis.shopify import SCOPES, ShopifyServer
            from shop_assets.demo.shopify_feed import ShopifyFeed

            shopify = ShopifyServer(
                self._store(folder, "shopify"),
                self._clock,
                tokens={self._secret: SCOPES},
                points=_POINTS,
                points_per_second=_POINTS,
                results=folder,
            )
            self._feeds[Home.SHOPIFY] = ShopifyFeed(shopify).put
            self._apps["SHOPIFY"] = shopify.app
        if Home.WOOCOMMERCE in homes:
            from shop_assets.demo.apis.woocommerce import WooCommerceServer
            from shop_assets.demo.woocommerce_feed import WooCommerceFeed

            woocommerce = WooCommerceServer(
                self._store(folder, "woocommerce"), self._clock, secret=self._secret
            )
            self._feeds[Home.WOOCOMMERCE] = WooCommerceFeed(woocommerce).put
            self._apps["WOOCOMMERCE"] = woocommerce.app
        if plan.stripe:
            from shop_assets.demo.apis.stripe import StripeServer
            from shop_assets.demo.apis.stripe.limits import CallLimits
            from shop_assets.demo.stripe_feed import StripeFeed

            stripe = StripeServer(
                self._store(folder, "stripe"),
                self._clock,
                key=self._secret,
                limits=CallLimits(None, None),
            )
            self._money = StripeFeed(stripe)
            self._apps["STRIPE"] = stripe.app

    def put(
        self, changes: Mapping[Home, Changes], money: Sequence[Movements], start: int, end: int
    ) -> None:
        """Put what happened in a span of the shop's time; put twice, it changes nothing."""
        self._clock.set(to_moment(end))
        for home, put in self._feeds.items():
            put(changes[home])
        if self._money is not None:
            self._money.put(money, start, end)

    @contextlib.contextmanager
    def served(self) -> Iterator[dict[str, str]]:
        """Serve the APIs on loopback; yields the variables that `examples/demo/shop.yaml` names."""
        variables = {"SHOP_DEMO_API_KEY": self._secret}
        with contextlib.ExitStack() as servers:
            for name, app in self._apps.items():
                url = servers.enter_context(serving(app, clock=self._clock))
                variables[f"SHOP_DEMO_{name}_URL"] = url
            yield variables

    def close(self) -> None:
        """Give back the files."""
        for store in self._stores:
            store.close()

    def _store(self, folder: Path, name: str) -> Store:
        folder.mkdir(parents=True, exist_ok=True)
        store = Store(folder / f"{name}.sqlite")
        self._stores.append(store)
        return store
