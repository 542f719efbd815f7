"""A shop of a test's own, of any configuration, whose runs are kept in memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dagster import DagsterInstance

from shop_assets.definitions import build_definitions
from shop_assets.settings import load_settings
from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.automation.tiny_shop import TinyShop
from shop_assets_tests.warehouse.databases import copied


@contextmanager
def opened_shop(
    stack: Endpoints, template: str, folder: Path, configuration: str
) -> Iterator[TinyShop]:
    """A shop that nothing has been loaded of: a warehouse and a lake of its own."""
    path = folder / "shop.yaml"
    path.write_text(configuration, "utf-8")
    with (
        pytest.MonkeyPatch.context() as environment,
        copied(stack, template) as url,
        DagsterInstance.ephemeral() as instance,
    ):
        places = {
            "SHOP_HOME": str(folder / "home"),
            "SHOP_S3_URL": f"{stack.s3_url}/{uuid.uuid4().hex}",
            "SHOP_POSTGRES_URL": url,
        }
        for name, value in {**stack.environment(), **places}.items():
            environment.setenv(name, value)
        settings = load_settings(path, {})
        warehouse = Warehouse(url, zone=settings.shop.timezone)
        yield TinyShop(folder, settings, build_definitions(settings), instance, warehouse, "")
