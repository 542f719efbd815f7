"""Systems that are read through their providers' HTTP APIs: Stripe, Shopify, WooCommerce.

What their streams become is known beforehand (`shop_assets.sources.presets`): a source needs no
more than where it is and its key. What `shop.yaml` says beside it wins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from shop_assets.settings.mapping import EntityMapping
from shop_assets.settings.presets import with_streams
from shop_assets.settings.streams import SourceBase, StreamBase
from shop_assets.settings.values import (
    Name,
    Secret,
    WrongValueError,
    has_password,
    without_password,
)


class ApiStream(StreamBase):
    """One kind of object of an API, under the connector's own name for it.

    Its columns are listed with the connector, in `docs/connect.md`; `object` is all of it, as JSON.
    """

    entities: dict[str, EntityMapping] = Field(default_factory=dict)
    """What its rows become, over what the connector knows already."""
    columns: dict[str, str] = Field(default_factory=dict)
    """More columns: a name for each, and the dotted path in the object (`metadata.gift`)."""


class ApiSource(SourceBase):
    """What every source behind an HTTP API has."""

    STREAMS: ClassVar[tuple[str, ...]] = ()
    """The streams that the connector can read."""

    api_url: str | None = None
    """Where the API is, if not at the provider's own address."""
    allow_private: bool = False
    """Whether the API may be at a private or loopback address, and without TLS: a test server."""
    requests_per_second: float = Field(default=10.0, ge=0.01, le=10_000)
    """The most, of all runs together: they share the limit through Redis."""
    timeout_seconds: float = Field(default=60.0, ge=0.05, le=3600)
    """For an answer to begin and to go on."""
    retry_budget_seconds: float = Field(default=300.0, ge=0, le=24 * 3600)
    """How long one read may wait for an API that refuses, before it fails."""
    streams: dict[Name, ApiStream] = Field(default_factory=dict)
    """What to read, by the connector's names; all that it has, if not given."""

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, given: Any) -> Any:
        """The given streams, or all, each with what the connector knows of it."""
        if not isinstance(given, Mapping):
            return given
        return with_streams(given, str(given.get("connector")))

    @model_validator(mode="after")
    def _known_streams(self) -> ApiSource:
        for name in self.streams:
            if name not in self.STREAMS:
                raise WrongValueError(
                    f"{name} is no stream of the connector",
                    f"one of {', '.join(self.STREAMS)}",
                    at=("streams", name),
                )
        return self

    @model_validator(mode="after")
    def _secure_address(self) -> ApiSource:
        if self.api_url is None:
            return self
        if not re.match(r"https?://[^/]", self.api_url) or has_password(self.api_url):
            # What is no address at all may be a key that stands in the wrong place.
            shown = without_password(self.api_url) if "://" in self.api_url else "what stands there"
            raise WrongValueError(
                f"{shown} is no address of an API",
                "https://host",
                at=("api_url",),
            )
        if urlsplit(self.api_url).scheme == "http" and not self.allow_private:
            raise WrongValueError(
                "api_url is read without TLS", "https://, or allow_private: true", at=("api_url",)
            )
        return self


class StripeSource(ApiSource):
    """A Stripe account, read with a restricted key."""

    STREAMS: ClassVar[tuple[str, ...]] = (
        "balance_transactions",
        "charges",
        "refunds",
        "disputes",
        "payouts",
        "payout_transactions",
    )

    connector: Literal["stripe"]
    """Says that the source is a Stripe account."""
    api_key: Secret
    """A restricted key that may read: `rk_live_…`."""
    account: str | None = None
    """The connected account to read, of a platform's key: `acct_…`."""
    order_id: str = "metadata.order_id"
    """Where a charge names the order that it pays for: a dotted path."""
    relist_days: int = Field(default=400, ge=1, le=10_000)
    """How far back objects are listed anew, after a pause longer than Stripe keeps events."""


class ShopifySource(ApiSource):
    """A Shopify shop, read through the Admin GraphQL API."""

    STREAMS: ClassVar[tuple[str, ...]] = (
        "orders",
        "order_lines",
        "refunds",
        "returns",
        "agreements",
        "transactions",
        "customers",
        "products",
        "inventory_levels",
    )

    connector: Literal["shopify"]
    """Says that the source is a Shopify shop."""
    shop: str
    """Its name: `my-shop.myshopify.com`."""
    token: Secret
    """The Admin API access token of a custom app: `shpat_…`."""
    api_version: str = "2026-07"
    """Shopify's version of the API."""
    bulk_from_hours: int = Field(default=24, ge=1, le=10_000)
    """Windows of at least so many hours are read by bulk operations."""

    @property
    def whole(self) -> frozenset[str]:
        """All products are read once a day."""
        return frozenset({"products"})

    @field_validator("shop")
    @classmethod
    def _domain(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*\.myshopify\.com", value):
            # A token has an underscore, a shop's name has none.
            shown = "what stands there" if "_" in value else repr(value)
            raise WrongValueError(f"{shown} is no Shopify shop", "one like name.myshopify.com")
        return value

    @field_validator("api_version")
    @classmethod
    def _version(cls, value: str) -> str:
        if not re.fullmatch(r"20[0-9]{2}-[01][0-9]|unstable", value):
            raise WrongValueError(f"{value!r} is no version of the API", "one like 2026-07")
        return value


class WooCommerceSource(ApiSource):
    """A WooCommerce shop, read through its REST API (version 3)."""

    STREAMS: ClassVar[tuple[str, ...]] = (
        "orders",
        "order_lines",
        "refunds",
        "products",
        "customers",
    )

    connector: Literal["woocommerce"]
    """Says that the source is a WooCommerce shop."""
    api_url: str
    """The shop's address: `https://shop.example`."""
    consumer_key: Secret
    """Of a key that may read: `ck_…`."""
    consumer_secret: Secret
    """The same key's secret: `cs_…`."""
    reread_days: int = Field(default=7, ge=0, le=400)
    """Orders of so many days are read again once a day, for edits that change no date."""
    customers: Literal["daily", "hourly"] = "daily"
    """How often all customers are read: WooCommerce does not say which of them have changed."""
    page_size: int = Field(default=100, ge=2, le=100)
    """Objects to ask for at once: fewer where the shop's host takes too long for a hundred."""
    permalinks: Literal["pretty", "plain"] = "pretty"
    """`plain` where the site has no readable addresses, so that `/wp-json/` is not found."""

    @property
    def whole(self) -> frozenset[str]:
        """All customers and products are read at least once a day."""
        return frozenset({"customers", "products"})
