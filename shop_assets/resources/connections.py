"""Dagster resources for the systems outside.

They hold the names of environment variables, not secrets, so that nothing secret stands in run
configuration or the UI. Connections are made when first used, in the process that uses them.
"""

import os
import threading
from pathlib import Path

import redis
from dagster import ConfigurableResource
from pydantic import PrivateAttr
from redis.backoff import NoBackoff
from redis.retry import Retry

from shop_assets.io_managers.delta_store import DeltaStore
from shop_assets.servers import endpoints, open_lake, open_warehouse
from shop_assets.settings import ShopSettings, load_settings
from shop_assets.settings.apis import ApiSource
from shop_assets.sources import connect
from shop_assets.sources.protocol import Connector
from shop_assets.sources.rate_limit import RateLimit
from shop_assets.warehouse.connection import Warehouse

_OPENING = threading.Lock()


class WarehouseResource(ConfigurableResource[None]):
    """The PostgreSQL warehouse; `zone` is the shop's time zone, `shop` its name."""

    zone: str
    shop: str | None = None
    _warehouse: Warehouse | None = PrivateAttr(default=None)

    def open(self) -> Warehouse:
        """The warehouse, connected on first use."""
        if self._warehouse is None:
            where = endpoints()
            self._warehouse = open_warehouse(where, self.zone, self.shop)
        return self._warehouse


class LakeResource(ConfigurableResource[None]):
    """The Delta Lake tables on S3."""

    _store: DeltaStore | None = PrivateAttr(default=None)

    def open(self) -> DeltaStore:
        """The lake's store, connected on first use."""
        if self._store is None:
            self._store = open_lake(endpoints())
        return self._store


class SourcesResource(ConfigurableResource[None]):
    """The shop's sources, as `shop.yaml` at `config` names them."""

    config: str
    _settings: ShopSettings | None = PrivateAttr(default=None)
    _connectors: dict[tuple[str, str], Connector] = PrivateAttr(default_factory=dict)
    _limits: dict[str, RateLimit] = PrivateAttr(default_factory=dict)

    def settings(self) -> ShopSettings:
        """The shop's configuration."""
        if self._settings is None:
            self._settings = load_settings(Path(self.config), os.environ)
        return self._settings

    def open(self, source: str, stream: str) -> Connector:
        """The connector that reads a stream of a source, made on first use.

        Streams of one source may be read at the same time: those of an API by a connector each,
        which knows one read at a time, within the one limit of the source.
        """
        with _OPENING:
            settings = self.settings()
            declared = settings.sources[source]
            limit = self._limit(source, declared) if isinstance(declared, ApiSource) else None
            key = (source, stream if limit is not None else "")
            if key not in self._connectors:
                self._connectors[key] = connect(
                    source, declared, base=settings.path.parent, limit=limit
                )
            return self._connectors[key]

    def _limit(self, source: str, declared: ApiSource) -> RateLimit:
        if source not in self._limits:
            self._limits[source] = RateLimit(
                source,
                declared.requests_per_second,
                redis_url=endpoints().redis_url,
                shares=int(os.environ.get("SHOP_MAX_CONCURRENT_RUNS", "2")),
            )
        return self._limits[source]


class CacheResource(ConfigurableResource[None]):
    """Redis, for figures that dashboards read often. It may be away or empty at any time."""

    def put(self, key: str, value: str, seconds: int) -> bool:
        """Store a text for some seconds; False where Redis cannot be reached."""
        url = endpoints().redis_url
        if url is None:
            return False
        # Once, without the client's own retries: what is not stored now is computed again later.
        client = redis.Redis.from_url(
            url, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
        )
        try:
            client.set(key, value, ex=seconds)
        except redis.RedisError:
            return False
        finally:
            client.close()
        return True
