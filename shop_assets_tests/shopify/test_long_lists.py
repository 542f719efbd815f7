"""Lists of more objects than Shopify pages to, which is 25,000; fewer here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from shop_assets.demo.apis.shopify import NewLevel, NewProduct, NewVariant, connections
from shop_assets.sources.errors import SourceError
from shop_assets.sources.protocol import Batch, ReadRequest
from shop_assets.sources.shopify import connector, lists
from shop_assets_tests.demo.api_shop import START, WINDOW
from shop_assets_tests.shopify.conftest import EUR, Shop

_SECOND = 1_000_000
_STREAMS = pytest.mark.parametrize("stream", ["orders", "inventory_levels"])


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are paged to 25 objects, 5 at once, and asked for anew after 20."""
    monkeypatch.setattr(lists, "MOST", 5)
    monkeypatch.setattr(lists, "_FIRST", 5)
    monkeypatch.setattr(connections, "MOST_PAGED", 25)
    monkeypatch.setattr(connector, "MOST_PAGED", 20)


def stocked(shop: Shop, count: int, every: float = 30.0) -> None:
    """Levels at the first location that changed one after the other, and one at the second."""
    at = int(START.timestamp()) * _SECOND
    moments = [at + int(n * every * _SECOND) for n in range(count)]
    # Levels come by the items' numbers, which say nothing of when they changed.
    numbers = [1 + (n * 37) % count for n in range(count)]
    shop.server.put_products(
        NewProduct(n, "Lamp", at, at, [NewVariant(n, f"SKU-{n}", EUR)]) for n in numbers
    )
    pairs = list(zip(numbers, moments, strict=True))
    shop.server.put_levels(NewLevel(n, 1, moment, {"available": n}) for n, moment in pairs)
    shop.server.put_levels([NewLevel(1, 2, at, {"available": 1})])


def ordered(shop: Shop, count: int) -> None:
    """Orders, three a second."""
    for n in range(count):
        shop.place(paid=False)
        if n % 3 == 0:
            shop.tick(seconds=1)


def put(shop: Shop, stream: str) -> None:
    """95 objects, and of stock one at another location."""
    if stream == "orders":
        ordered(shop, 95)
    else:
        stocked(shop, 95)


def batches(shop: Shop, stream: str, checkpoint: Mapping[str, Any] | None = None) -> list[Batch]:
    return list(shop.connector.read(ReadRequest(stream, WINDOW, checkpoint)))


def ids(found: list[Batch], stream: str) -> list[str]:
    key = "order_id" if stream == "orders" else "level_id"
    return [id_ for batch in found for id_ in batch.rows[key].to_pylist()]


@pytest.mark.usefixtures("few")
@_STREAMS
def test_longer_lists_are_read_whole(shop: Shop, stream: str) -> None:
    put(shop, stream)
    found = ids(batches(shop, stream), stream)
    assert len(set(found)) == 95 + (stream != "orders")


@pytest.mark.usefixtures("few")
@_STREAMS
def test_a_read_goes_on_in_a_longer_list_wherever_it_broke(shop: Shop, stream: str) -> None:
    put(shop, stream)
    whole = batches(shop, stream)
    for number, batch in enumerate(whole, 1):
        rest = batches(shop, stream, batch.checkpoint)
        found = ids(whole[:number] + rest, stream)
        assert len(set(found)) == 95 + (stream != "orders"), batch.checkpoint
        assert len(rest) <= len(whole) + 1


@pytest.mark.usefixtures("few")
def test_levels_that_changed_at_once_lie_between_others_that_did_not(shop: Shop) -> None:
    stocked(shop, 60, every=0.1)
    late = int((START + dt.timedelta(minutes=50)).timestamp()) * _SECOND
    shop.server.put_levels([NewLevel(3, 1, late, {"available": 3})])
    found = batches(shop, "inventory_levels")
    assert len(set(ids(found, "inventory_levels"))) == 61
    assert len(shop.asked("updated_at")) < 60


@pytest.mark.usefixtures("few")
def test_more_changes_in_one_second_than_a_list_can_have_are_an_error(shop: Shop) -> None:
    stocked(shop, 40, every=0.0)
    with pytest.raises(SourceError, match="more than 20 levels of the location") as caught:
        batches(shop, "inventory_levels")
    assert "bulk" in str(caught.value)
