"""The simulated shop's rows, put into WooCommerce and read again, give the shop's own sales."""

from __future__ import annotations

from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from shop_assets.demo.true_sales import View
from shop_assets.demo.woocommerce_feed import WooCommerceFeed
from shop_assets.demo.world import World
from shop_assets.transforms.clean import Cleaned
from shop_assets_tests.demo import fed_shop
from shop_assets_tests.demo.fed_shop import PLAN, SALES, SPAN, feed_hour, feed_often, live_and_read
from shop_assets_tests.woocommerce.conftest import Makes, Woo

pytestmark = pytest.mark.no_cover

ADDED: dict[str, Any] = {
    "entities": {"order_items": {"fields": {"placed_at": {"column": "added_at"}}}},
    "columns": {"added_at": "meta._added_at"},
}


def cleaned(stream: str, read: list[pa.Table]) -> Cleaned:
    given = {"entities": ADDED["entities"]} if stream == "order_lines" else {}
    return fed_shop.cleaned("woocommerce", stream, read, given)


def assert_true(read: dict[str, list[pa.Table]], view: View) -> None:
    fed_shop.assert_true([cleaned(stream, read[stream]) for stream in SALES], view)


@pytest.fixture
def woo(woo_with: Makes) -> Woo:
    streams = {"orders": {}, "refunds": {}, "products": {}, "customers": {}, "order_lines": ADDED}
    return woo_with(zone="Europe/Berlin", source={"streams": streams})


def test_sales_read_each_hour_or_once_are_those_of_the_simulated_shop(woo: Woo) -> None:
    assert_true(live_and_read(woo, WooCommerceFeed(woo.shop)), "lived")
    assert_true({stream: woo.tables(stream, SPAN) for stream in SALES}, "final")


def test_the_same_rows_twice_change_nothing_in_whatever_steps(woo_with: Makes) -> None:
    once, twice = woo_with(), woo_with()
    for woo, times in ((once, 1), (twice, 2)):
        feed_often(woo, partial(WooCommerceFeed, woo.shop), times)
    for kind in ("order", "refund", "product", "customer"):
        assert once.shop.store.select(kind) == twice.shop.store.select(kind)
        assert once.shop.store.count(kind)


def test_products_customers_and_broken_orders_are_as_in_the_storefront(woo: Woo) -> None:
    feed, world = WooCommerceFeed(woo.shop), World(PLAN)
    tested: set[str] = set()
    for hour in range(40):
        feed_hour(woo, feed, world, hour)
        born = world.births(hour).orders
        tested |= set(born.order_id[born.is_test].astype(str))
    midnight = SPAN.start
    products = cleaned("products", woo.tables("products", midnight=midnight))
    catalogue = world.catalogue
    found = products.published.set_index("product_id")
    assert set(found.index) == set(catalogue.skus)
    assert found.loc[catalogue.skus[3], "cost_micros"] == catalogue.cost_cents[3] * 10_000
    assert found.loc["GIFT-50", "price_micros"] == 50_000_000
    customers = cleaned("customers", woo.tables("customers", midnight=midnight)).published
    assert len(customers) == woo.shop.store.count("customer") > 100
    orders = cleaned("orders", woo.tables("orders", SPAN))
    reasons = set(orders.quarantined["reason"])
    assert any("status" in reason for reason in reasons), reasons
    assert any("currency" in reason for reason in reasons), reasons
    assert any("shipping" in reason for reason in reasons), reasons
    assert tested
    assert set(orders.published.loc[orders.published["is_test"], "order_id"]) == tested
    assert orders.published["campaign_id"].notna().any()
    assert orders.published["customer_id"].isna().any()
    assert set(orders.published["channel"]) == {"web", "phone", "rest-api"}
