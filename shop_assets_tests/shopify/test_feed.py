"""The simulated shop's rows, put into Shopify and read again, give the shop's own sales."""

from __future__ import annotations

import datetime as dt
from functools import partial

import pyarrow as pa
import pytest

from shop_assets.demo.shopify_feed import ShopifyFeed
from shop_assets.demo.true_sales import View
from shop_assets.demo.world import World
from shop_assets.sources.protocol import Window
from shop_assets.transforms.clean import Cleaned
from shop_assets_tests.demo import fed_shop
from shop_assets_tests.demo.fed_shop import (
    OPENS,
    PLAN,
    SALES,
    SPAN,
    feed_hour,
    feed_often,
    live_and_read,
)
from shop_assets_tests.shopify.conftest import Makes, Shop

pytestmark = pytest.mark.no_cover


def cleaned(stream: str, read: list[pa.Table]) -> Cleaned:
    return fed_shop.cleaned("shopify", stream, read)


def assert_true(read: dict[str, list[pa.Table]], view: View) -> None:
    """The sales are those, and no row of them was broken."""
    made = [cleaned(stream, read[stream]) for stream in SALES]
    assert [len(each.quarantined) for each in made] == [0, 0, 0]
    fed_shop.assert_true(made, view)


def test_sales_read_each_hour_or_in_bulk_are_those_of_the_simulated_shop(shop: Shop) -> None:
    assert_true(live_and_read(shop, ShopifyFeed(shop.server)), "lived")
    assert_true({stream: shop.tables(stream, SPAN) for stream in SALES}, "final")


def test_the_same_rows_twice_change_nothing_in_whatever_steps(shop_with: Makes) -> None:
    once, twice = shop_with(), shop_with()
    for shop, times in ((once, 1), (twice, 2)):
        feed_often(shop, partial(ShopifyFeed, shop.server), times)
    for kind in ("Order", "Refund", "Product", "ProductVariant", "Customer"):
        assert once.server.store.select(kind) == twice.server.store.select(kind)
        assert once.server.store.count(kind)


def test_products_and_customers_are_as_in_the_storefront(shop: Shop) -> None:
    feed, world = ShopifyFeed(shop.server), World(PLAN)
    for hour in range(30):
        feed_hour(shop, feed, world, hour)
    # The established customers are older than the shop's opening.
    ever = Window(OPENS - dt.timedelta(days=2000), SPAN.end)
    products = cleaned("products", shop.tables("products", ever)).published
    catalogue = world.catalogue
    found = products.set_index("product_id")
    assert set(found.index) == set(catalogue.skus)
    assert found.loc[catalogue.skus[3], "cost_micros"] == catalogue.cost_cents[3] * 10_000
    assert found.loc["GIFT-50", "price_micros"] == 50_000_000
    assert set(found["category"]) == set(catalogue.categories)
    customers = cleaned("customers", shop.tables("customers", ever)).published
    assert len(customers) == shop.server.store.count("Customer") > 100
    assert customers["marketing_consent"].notna().any()
    orders = cleaned("orders", shop.tables("orders", SPAN)).published
    assert set(orders["channel"]) == {"web", "phone", "marketplace"}
    assert orders["campaign_id"].notna().any()
    assert orders["customer_id"].isna().any()
    assert orders["is_test"].sum() >= 0
    assert {"fulfilled", "cancelled", "unpaid", "paid", "open"} == set(orders["status"])
