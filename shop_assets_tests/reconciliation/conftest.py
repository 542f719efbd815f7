"""An empty warehouse for each test, on the worker's PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.warehouse.databases import copied, emptied, make_template


@pytest.fixture(scope="session")
def warehouse_template(stack: Endpoints) -> str:
    return make_template(stack)


@pytest.fixture(scope="module")
def shared(stack: Endpoints, warehouse_template: str) -> Iterator[Warehouse]:
    with copied(stack, warehouse_template) as url:
        yield Warehouse(url)


@pytest.fixture
def warehouse(shared: Warehouse) -> Iterator[Warehouse]:
    """A warehouse without rows."""
    yield shared
    emptied(shared.url)
