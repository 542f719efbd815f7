"""The simulated shop's rows, put into WooCommerce and read again, give the shop's own sales."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from shop_assets.demo.changes import changes
from shop_assets.demo.plan import DemoPlan
from shop_assets.demo.true_sales import METRICS, Sales, View
from shop_assets.demo.woocommerce_feed import WooCommerceFeed
from shop_assets.demo.world import World
from shop_assets.entities import ENTITIES
from shop_assets.settings.presets import merged, preset
from shop_assets.settings.streams import StreamBase
from shop_assets.sources.protocol import Window
from shop_assets.transforms.clean import Cleaned, StreamOrigin, clean
from shop_assets.transforms.extract import assemble
from shop_assets.transforms.ledger import sales_ledger
from shop_assets.transforms.sales import sales_hourly
from shop_assets_tests.woocommerce.conftest import Makes, Woo

OPENS = dt.datetime(2026, 11, 2, 23, tzinfo=dt.UTC)
PLAN = DemoPlan(OPENS, orders_per_hour=8, seed=15, flash_sale=None, products=20, dirt=0.1)
HOURS = 60
SPAN = Window(OPENS, OPENS + dt.timedelta(hours=HOURS))
SALES = ("orders", "order_lines", "refunds")
ADDED: dict[str, Any] = {
    "entities": {"order_items": {"fields": {"placed_at": {"column": "added_at"}}}},
    "columns": {"added_at": "meta._added_at"},
}


def feed_hour(woo: Woo, feed: WooCommerceFeed, world: World, hour: int) -> None:
    start, end = PLAN.hour_start(hour), PLAN.hour_start(hour + 1)
    woo.clock.set(OPENS + dt.timedelta(hours=hour + 1))
    for rows in changes(
        PLAN, world.catalogue, world.alive(hour), world.imported, start, end
    ).values():
        feed.put(rows)


def hour_window(hour: int) -> Window:
    at = OPENS + dt.timedelta(hours=hour)
    return Window(at, at + dt.timedelta(hours=1))


def cleaned(stream: str, batches: list[pa.Table]) -> Cleaned:
    """What the preset makes of a stream's rows."""
    raw = assemble(batches, OPENS)
    raw = raw.append_column("_load_id", pa.array(["load"] * raw.num_rows))
    given = {"entities": ADDED["entities"]} if stream == "order_lines" else {}
    settings = StreamBase.model_validate(merged(given, preset("woocommerce")[stream]))
    [(name, mapping)] = settings.entities.items()
    return clean(raw, ENTITIES[name], mapping, StreamOrigin("woo", stream, "UTC", "EUR"))


def true_sales(view: View) -> pd.DataFrame:
    """The shop's own sums, of hours (UTC) and currencies."""
    sales, world = Sales(PLAN, PLAN.hour_start(HOURS), view), World(PLAN)
    for hour in range(HOURS):
        world.alive(hour)
        sales.add(world.births(hour))
    found = sales.hourly()
    hours = pd.to_datetime(found["hour"], unit="us", utc=True).dt.as_unit("us")
    return found.assign(hour=hours)


def assert_true(read: dict[str, list[pa.Table]], view: View) -> None:
    """What was read of orders, lines and refunds amounts to the true sales of each hour."""
    frames = [cleaned(stream, read[stream]).published for stream in SALES]
    found = sales_hourly(sales_ledger(*frames))
    true = true_sales(view)
    key = ["hour", "currency"]
    both = [frame.set_index(key)[list(METRICS)].astype("int64") for frame in (found, true)]
    first, second = (frame[(frame != 0).any(axis=1)].sort_index() for frame in both)
    assert len(second) > HOURS
    pd.testing.assert_frame_equal(first, second, check_index_type=False)


@pytest.fixture
def woo(woo_with: Makes) -> Woo:
    streams = {"orders": {}, "refunds": {}, "products": {}, "customers": {}, "order_lines": ADDED}
    return woo_with(zone="Europe/Berlin", source={"streams": streams})


def test_sales_read_each_hour_or_once_are_those_of_the_simulated_shop(woo: Woo) -> None:
    feed, world = WooCommerceFeed(woo.shop), World(PLAN)
    lived: dict[str, list[pa.Table]] = {stream: [] for stream in SALES}
    for hour in range(HOURS):
        feed_hour(woo, feed, world, hour)
        for stream in SALES:
            lived[stream] += [b.rows for b in woo.batches(stream, hour_window(hour))]
    assert_true(lived, "lived")
    once = {stream: [b.rows for b in woo.batches(stream, SPAN)] for stream in SALES}
    assert_true(once, "final")


def test_the_same_rows_twice_change_nothing_in_whatever_steps(woo_with: Makes) -> None:
    once, twice = woo_with(), woo_with()
    for shop, times in ((once, 1), (twice, 2)):
        world = World(PLAN)
        for hour in range(36):
            for _ in range(times):
                # Each time by a feed of its own: as after a restart.
                feed_hour(shop, WooCommerceFeed(shop.shop), world, hour)
    kinds = ("order", "refund", "product", "customer")
    for kind in kinds:
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
    products = cleaned("products", [b.rows for b in woo.batches("products", midnight=midnight)])
    catalogue = world.catalogue
    found = products.published.set_index("product_id")
    assert set(found.index) == set(catalogue.skus)
    assert found.loc[catalogue.skus[3], "cost_micros"] == catalogue.cost_cents[3] * 10_000
    assert found.loc["GIFT-50", "price_micros"] == 50_000_000
    batches = woo.batches("customers", midnight=midnight)
    customers = cleaned("customers", [b.rows for b in batches]).published
    assert len(customers) == woo.shop.store.count("customer") > 100
    orders = cleaned("orders", [b.rows for b in woo.batches("orders", SPAN)])
    reasons = set(orders.quarantined["reason"])
    assert any("status" in reason for reason in reasons), reasons
    assert any("currency" in reason for reason in reasons), reasons
    assert any("shipping" in reason for reason in reasons), reasons
    assert tested
    assert set(orders.published.loc[orders.published["is_test"], "order_id"]) == tested
    assert orders.published["campaign_id"].notna().any()
    assert orders.published["customer_id"].isna().any()
    assert set(orders.published["channel"]) == {"web", "phone", "rest-api"}
