"""A shop of each test's own: a warehouse and a lake on the worker's servers."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from shop_assets.io_managers.delta_store import DeltaStore
from shop_assets.servers import open_lake
from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.warehouse.databases import copied, emptied, make_template


@pytest.fixture(scope="session")
def shared(stack: Endpoints) -> Iterator[Warehouse]:
    with copied(stack, make_template(stack)) as url:
        yield Warehouse(url)


@pytest.fixture
def shop(
    stack: Endpoints, shared: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Endpoints]:
    """The endpoints that the resources find in the environment; nothing is there yet."""
    own = dataclasses.replace(
        stack, postgres_url=shared.url, s3_url=f"{stack.s3_url}/{uuid.uuid4().hex}"
    )
    monkeypatch.setenv("SHOP_HOME", str(tmp_path))
    for name, value in own.environment().items():
        monkeypatch.setenv(name, value)
    yield own
    emptied(shared.url)


@pytest.fixture
def warehouse(shop: Endpoints, shared: Warehouse) -> Warehouse:
    return shared


@pytest.fixture
def lake(shop: Endpoints) -> DeltaStore:
    return open_lake(shop)
