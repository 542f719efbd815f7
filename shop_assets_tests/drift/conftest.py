"""A shop of each test's own with a PostgreSQL source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.sweep.sql_shop import SqlShop, sql_shop
from shop_assets_tests.warehouse.databases import make_template


@pytest.fixture(scope="session")
def warehouse_template(stack: Endpoints) -> str:
    return make_template(stack)


@pytest.fixture
def web(stack: Endpoints, warehouse_template: str, tmp_path: Path) -> Iterator[SqlShop]:
    with sql_shop(stack, warehouse_template, tmp_path) as made:
        yield made
