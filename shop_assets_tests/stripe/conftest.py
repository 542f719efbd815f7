"""A running Stripe account for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shop_assets_tests.stripe.accounts import Api, account, running
from shop_assets_tests.stripe.reading import OPENED


@pytest.fixture
def api() -> Iterator[Api]:
    with running(account()) as found:
        yield found


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close what was opened."""
    yield
    while OPENED:
        OPENED.pop().close()
