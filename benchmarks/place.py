"""Where a benchmark runs: a folder and an embedded stack of its own, thrown away afterwards."""

from __future__ import annotations

import dataclasses
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shop_assets.stack import embedded
from shop_assets.stack.endpoints import Endpoints
from shop_assets.stack.postgres import create_database
from shop_assets.warehouse.connection import Warehouse


@dataclass(frozen=True)
class Place:
    """A home folder with a running stack. `folder`: for files of the benchmark's own."""

    home: Path
    endpoints: Endpoints
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)

    @property
    def folder(self) -> Path:
        """A folder beside the stack's."""
        where = self.home / "benchmark"
        where.mkdir(exist_ok=True)
        return where

    @property
    def admin_url(self) -> str:
        """The superuser's URL of the embedded PostgreSQL."""
        if self.endpoints.postgres_admin_url is None:
            raise ValueError("expected the embedded server, found another")
        return self.endpoints.postgres_admin_url

    def database(self, name: str) -> str:
        """The URL of a database of that name, made where it is missing."""
        return create_database(self.admin_url, name, owner="bench", password=self.password)

    def warehouse(self, name: str) -> Warehouse:
        """A warehouse in a database of its own, with all tables and no rows."""
        warehouse = Warehouse(self.database(name))
        warehouse.create()
        return warehouse

    def as_warehouse(self, warehouse: Warehouse) -> None:
        """Let the platform's own resources find that warehouse, and this lake."""
        own = dataclasses.replace(
            self.endpoints,
            postgres_url=warehouse.url,
            postgres_reader_url=warehouse.url,
        )
        os.environ.update({"SHOP_HOME": str(self.folder), **own.environment()})


def engine_of(url: str, **options: Any) -> sa.Engine:
    """SQLAlchemy's engine for a server's URL, by the driver that most use."""
    return sa.create_engine("postgresql+psycopg2" + url.removeprefix("postgresql"), **options)


@contextmanager
def placed() -> Iterator[Place]:
    """A place with fresh servers, which write as safely as a user's do; they end with it."""
    for name in [n for n in os.environ if n.startswith(("SHOP_", "DAGSTER_", "AWS_"))]:
        if name != "SHOP_REAL_DATA":
            del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="shop-bench-") as folder:
        home = Path(folder)
        # The server of PostgreSQL runs as another account where we are root.
        home.chmod(0o711)
        with embedded.running(home, environ={}) as endpoints:
            yield Place(home, endpoints)
