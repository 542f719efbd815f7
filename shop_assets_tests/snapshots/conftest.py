"""A shop whose tables say no time of change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.sweep.sql_shop import SqlShop, sql_shop
from shop_assets_tests.warehouse.databases import copied, make_template


@pytest.fixture(scope="session")
def warehouse_template(stack: Endpoints) -> str:
    return make_template(stack)


@pytest.fixture
def warehouse(stack: Endpoints, warehouse_template: str) -> Iterator[Warehouse]:
    with copied(stack, warehouse_template) as url:
        yield Warehouse(url)


@pytest.fixture
def web(stack: Endpoints, warehouse_template: str, tmp_path: Path) -> Iterator[SqlShop]:
    with sql_shop(stack, warehouse_template, tmp_path) as made:
        path = made.shop.settings.path
        lines = path.read_text("utf-8").splitlines(keepends=True)
        timed = ("cursor:", "sweep: daily", "version_at:")
        path.write_text("".join(line for line in lines if not line.strip().startswith(timed)))
        made.restart()
        made.run(
            "ALTER TABLE orders DROP COLUMN updated_at",
            "ALTER TABLE order_items DROP COLUMN updated_at",
        )
        yield made
