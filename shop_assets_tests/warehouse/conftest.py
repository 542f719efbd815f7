"""A warehouse of each test's own, on the worker's PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.warehouse.databases import copied, make_template


@pytest.fixture(scope="session")
def template(stack: Endpoints) -> str:
    return make_template(stack)


@pytest.fixture
def url(stack: Endpoints, template: str) -> Iterator[str]:
    with copied(stack, template) as address:
        yield address


@pytest.fixture
def warehouse(url: str) -> Warehouse:
    return Warehouse(url)
