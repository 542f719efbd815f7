"""An empty warehouse for each test, on the worker's PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.warehouse.databases import copied, emptied, make_template


@pytest.fixture(scope="session")
def template(stack: Endpoints) -> str:
    return make_template(stack)


@pytest.fixture(scope="session")
def shared(stack: Endpoints, template: str) -> Iterator[Warehouse]:
    with copied(stack, template) as url:
        yield Warehouse(url)


@pytest.fixture
def warehouse(shared: Warehouse) -> Iterator[Warehouse]:
    """A warehouse without rows; its tables are those of other tests too."""
    yield shared
    emptied(shared.url)


@pytest.fixture
def url(warehouse: Warehouse) -> str:
    """Where `warehouse` is."""
    return warehouse.url


@pytest.fixture
def own_url(stack: Endpoints, template: str) -> Iterator[str]:
    """Where a warehouse is whose tables are the test's own, to be changed."""
    with copied(stack, template) as address:
        yield address
