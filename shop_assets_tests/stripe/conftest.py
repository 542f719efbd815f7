"""A running Stripe account for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shop_assets_tests.stripe.accounts import Api, account, running


@pytest.fixture
def api() -> Iterator[Api]:
    with running(account()) as found:
        yield found
