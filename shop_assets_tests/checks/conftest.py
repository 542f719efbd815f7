"""A warehouse for the checks that ask one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.warehouse.databases import copied, make_template


@pytest.fixture(scope="session")
def checked_warehouse(stack: Endpoints) -> Iterator[Warehouse]:
    with copied(stack, make_template(stack)) as url:
        yield Warehouse(url, zone="Europe/Berlin")


@pytest.fixture
def warehouse(checked_warehouse: Warehouse) -> Warehouse:
    """A warehouse without rows."""
    with checked_warehouse.transaction() as cursor:
        cursor.execute("TRUNCATE meta.row_ledger, meta.stale_slices, warehouse.sales_ledger")
    return checked_warehouse
