"""The simulated shop's rows, put into Shopify and read again, give the shop's own sales."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pyarrow as pa

from shop_assets.demo.changes import changes
from shop_assets.demo.plan import DemoPlan
from shop_assets.demo.shopify_feed import ShopifyFeed
from shop_assets.demo.true_sales import METRICS, Sales, View
from shop_assets.demo.world import World
from shop_assets.entities import ENTITIES
from shop_assets.settings.presets import preset
from shop_assets.settings.streams import StreamBase
from shop_assets.sources.protocol import Window
from shop_assets.transforms.clean import Cleaned, StreamOrigin, clean
from shop_assets.transforms.extract import assemble
from shop_assets.transforms.ledger import sales_ledger
from shop_assets.transforms.sales import sales_hourly
from shop_assets_tests.shopify.conftest import Makes, Shop

OPENS = dt.datetime(2026, 11, 2, 23, tzinfo=dt.UTC)
PLAN = DemoPlan(OPENS, orders_per_hour=8, seed=15, flash_sale=None, products=20, dirt=0.1)
HOURS = 60
SPAN = Window(OPENS, OPENS + dt.timedelta(hours=HOURS))
SALES = ("orders", "order_lines", "refunds")


def feed_hour(shop: Shop, feed: ShopifyFeed, world: World, hour: int) -> None:
    start, end = PLAN.hour_start(hour), PLAN.hour_start(hour + 1)
    shop.clock.set(OPENS + dt.timedelta(hours=hour + 1))
    found = changes(PLAN, world.catalogue, world.alive(hour), world.imported, start, end)
    for rows in found.values():
        feed.put(rows)


def hour_window(hour: int) -> Window:
    at = OPENS + dt.timedelta(hours=hour)
    return Window(at, at + dt.timedelta(hours=1))


def cleaned(stream: str, batches: list[pa.Table]) -> Cleaned:
    """What the preset makes of a stream's rows."""
    raw = assemble(batches, OPENS)
    raw = raw.append_column("_load_id", pa.array(["load"] * raw.num_rows))
    settings = StreamBase.model_validate(preset("shopify")[stream])
    [(name, mapping)] = settings.entities.items()
    return clean(raw, ENTITIES[name], mapping, StreamOrigin("shop", stream, "UTC", "EUR"))


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
    made = [cleaned(stream, read[stream]) for stream in SALES]
    assert [len(each.quarantined) for each in made] == [0, 0, 0]
    found = sales_hourly(sales_ledger(*(each.published for each in made)))
    true = true_sales(view)
    key = ["hour", "currency"]
    both = [frame.set_index(key)[list(METRICS)].astype("int64") for frame in (found, true)]
    first, second = (frame[(frame != 0).any(axis=1)].sort_index() for frame in both)
    assert len(second) > HOURS
    pd.testing.assert_frame_equal(first, second, check_index_type=False)


def test_sales_read_each_hour_or_in_bulk_are_those_of_the_simulated_shop(shop: Shop) -> None:
    feed, world = ShopifyFeed(shop.server), World(PLAN)
    lived: dict[str, list[pa.Table]] = {stream: [] for stream in SALES}
    for hour in range(HOURS):
        feed_hour(shop, feed, world, hour)
        for stream in SALES:
            lived[stream] += [b.rows for b in shop.batches(stream, hour_window(hour))]
    assert_true(lived, "lived")
    once = {stream: [b.rows for b in shop.batches(stream, SPAN)] for stream in SALES}
    assert_true(once, "final")


def test_the_same_rows_twice_change_nothing_in_whatever_steps(shop_with: Makes) -> None:
    once, twice = shop_with(), shop_with()
    for shop, times in ((once, 1), (twice, 2)):
        world = World(PLAN)
        for hour in range(36):
            for _ in range(times):
                # Each time by a feed of its own: as after a restart.
                feed_hour(shop, ShopifyFeed(shop.server), world, hour)
    for kind in ("Order", "Refund", "Product", "ProductVariant", "Customer"):
        assert once.server.store.select(kind) == twice.server.store.select(kind)
        assert once.server.store.count(kind)


def test_products_and_customers_are_as_in_the_storefront(shop: Shop) -> None:
    feed, world = ShopifyFeed(shop.server), World(PLAN)
    for hour in range(30):
        feed_hour(shop, feed, world, hour)
    # The established customers are older than the shop's opening.
    ever = Window(OPENS - dt.timedelta(days=2000), SPAN.end)
    products = cleaned("products", [b.rows for b in shop.batches("products", ever)]).published
    catalogue = world.catalogue
    found = products.set_index("product_id")
    assert set(found.index) == set(catalogue.skus)
    assert found.loc[catalogue.skus[3], "cost_micros"] == catalogue.cost_cents[3] * 10_000
    assert found.loc["GIFT-50", "price_micros"] == 50_000_000
    assert set(found["category"]) == set(catalogue.categories)
    customers = cleaned("customers", [b.rows for b in shop.batches("customers", ever)]).published
    assert len(customers) == shop.server.store.count("Customer") > 100
    assert customers["marketing_consent"].notna().any()
    orders = cleaned("orders", [b.rows for b in shop.batches("orders", SPAN)]).published
    assert set(orders["channel"]) == {"web", "phone", "marketplace"}
    assert orders["campaign_id"].notna().any()
    assert orders["customer_id"].isna().any()
    assert orders["is_test"].sum() >= 0
    assert {"fulfilled", "cancelled", "unpaid", "paid", "open"} == set(orders["status"])
