"""Source systems: one module per connector, all behind one small protocol.

`connect` gives the connector that a source's configuration asks for.
"""

from __future__ import annotations

from pathlib import Path

from shop_assets.settings.apis import ShopifySource, StripeSource
from shop_assets.settings.file_streams import FilesSource
from shop_assets.settings.shop import Source, SqlSource
from shop_assets.sources.errors import SourceError
from shop_assets.sources.files import FilesConnector
from shop_assets.sources.protocol import (
    PROVENANCE,
    Batch,
    Connector,
    ReadRequest,
    StreamCheck,
    Window,
)
from shop_assets.sources.rate_limit import RateLimit

__all__ = [
    "PROVENANCE",
    "Batch",
    "Connector",
    "ReadRequest",
    "SourceError",
    "StreamCheck",
    "Window",
    "connect",
]


def connect(
    name: str,
    source: Source,
    *,
    base: Path,
    redis_url: str | None = None,
    shares: int = 1,
    limit: RateLimit | None = None,
) -> Connector:
    """The connector of a source. `base`: the folder of `shop.yaml`, for relative urls.

    `redis_url` and `shares`: for the limit on an API's calls, see `RateLimit`; or `limit` itself.
    Nothing is opened before the first read or check; `SourceError` for an impossible address.
    """
    if isinstance(source, SqlSource):
        from shop_assets.sources.sql import SqlConnector

        return SqlConnector(name, source, base=base)
    if isinstance(source, FilesSource):
        return FilesConnector(name, source, base=base)
    if limit is None:
        limit = RateLimit(name, source.requests_per_second, redis_url=redis_url, shares=shares)
    if isinstance(source, StripeSource):
        from shop_assets.sources.stripe import StripeConnector

        return StripeConnector(name, source, limit)
    if isinstance(source, ShopifySource):
        from shop_assets.sources.shopify import ShopifyConnector

        return ShopifyConnector(name, source, limit)
    from shop_assets.sources.woocommerce import WooCommerceConnector

    return WooCommerceConnector(name, source, limit)
