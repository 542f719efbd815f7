"""The database that the histories are played in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.histories.comparison import Bench
from shop_assets_tests.warehouse.databases import copied, make_template


@pytest.fixture(scope="session")
def bench(stack: Endpoints) -> Iterator[Bench]:
    with copied(stack, make_template(stack)) as url:
        found = Bench(url)
        yield found
        found.close()
