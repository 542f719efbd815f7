"""The shop's servers as this process finds them, its warehouse and its lake.

Without Dagster, which takes a second to import: a command that only looks something up needs none.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from shop_assets.stack.endpoints import Endpoints, resolve_endpoints

if TYPE_CHECKING:
    from shop_assets.io_managers.delta_store import DeltaStore
    from shop_assets.warehouse.connection import Warehouse


def home() -> Path:
    """The folder of the embedded stack and of generated credentials: `SHOP_HOME` or `.shop`."""
    return Path(os.environ.get("SHOP_HOME", ".shop")).absolute()


def endpoints() -> Endpoints:
    """Where PostgreSQL, S3 and Redis are: from the environment, else the embedded stack."""
    return resolve_endpoints(home(), os.environ)


def open_warehouse(where: Endpoints, zone: str, shop: str | None = None) -> Warehouse:
    """The warehouse at those endpoints, with its schemas and tables made if they are missing.

    `shop`: whose it must be; if not given, it may be anyone's.
    """
    return _warehouse(where.postgres_url, where.postgres_reader_url, zone, shop)


@functools.lru_cache(maxsize=4)
def _warehouse(url: str, reader_url: str, zone: str, shop: str | None) -> Warehouse:
    """One for the process: each would connect anew, and ask whether its tables are there."""
    from shop_assets.warehouse.connection import Warehouse

    reader, loader = _role(reader_url), _role(url)
    warehouse = Warehouse(url, zone=zone, reader=reader if reader != loader else None, shop=shop)
    warehouse.create()
    return warehouse


def _role(url: str) -> str | None:
    name = urlsplit(url).username
    return unquote(name) if name else None


def open_lake(where: Endpoints) -> DeltaStore:
    """The lake at those endpoints."""
    return _lake(f"{where.s3_url.rstrip('/')}/lake", tuple(sorted(where.storage_options().items())))


@functools.lru_cache(maxsize=4)
def _lake(root: str, options: tuple[tuple[str, str], ...]) -> DeltaStore:
    """One for the process: it keeps its tables open."""
    from shop_assets.io_managers.delta_store import DeltaStore

    return DeltaStore(root, dict(options))
