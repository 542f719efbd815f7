"""The simulated storefront's life, put into a shop behind an API, and the sales it comes to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from shop_assets.demo.changes import changes
from shop_assets.demo.plan import DemoPlan
from shop_assets.demo.true_sales import METRICS, Sales, View
from shop_assets.demo.world import World
from shop_assets.entities import ENTITIES
from shop_assets.settings.presets import merged, preset
from shop_assets.settings.streams import StreamBase
from shop_assets.sources.protocol import Window
from shop_assets.transforms.clean import Cleaned, StreamOrigin, clean
from shop_assets.transforms.extract import assemble
from shop_assets.transforms.ledger import sales_ledger
from shop_assets.transforms.sales import hour_sums, sales_hourly
from shop_assets_tests.demo.api_shop import ApiShop

OPENS = dt.datetime(2026, 11, 2, 23, tzinfo=dt.UTC)
PLAN = DemoPlan(OPENS, orders_per_hour=8, seed=15, flash_sale=None, products=20, dirt=0.1)
HOURS = 60
SPAN = Window(OPENS, OPENS + dt.timedelta(hours=HOURS))
SALES = ("orders", "order_lines", "refunds")


class Feed(Protocol):
    """Does to a server what happened in the storefront."""

    def put(self, changes: Mapping[sa.Table, pa.Table]) -> None: ...


def feed_hour(shop: ApiShop, feed: Feed, world: World, hour: int) -> None:
    """Let an hour of the storefront happen in the shop, whose clock stands at its end then."""
    start, end = PLAN.hour_start(hour), PLAN.hour_start(hour + 1)
    shop.clock.set(OPENS + dt.timedelta(hours=hour + 1))
    found = changes(PLAN, world.catalogue, world.alive(hour), world.imported, start, end)
    for rows in found.values():
        feed.put(rows)


def live_and_read(shop: ApiShop, feed: Feed) -> dict[str, list[pa.Table]]:
    """All hours, each read when it is over."""
    world = World(PLAN)
    lived: dict[str, list[pa.Table]] = {stream: [] for stream in SALES}
    for hour in range(HOURS):
        feed_hour(shop, feed, world, hour)
        at = OPENS + dt.timedelta(hours=hour)
        for stream in SALES:
            lived[stream] += shop.tables(stream, Window(at, at + dt.timedelta(hours=1)))
    return lived


def feed_often(shop: ApiShop, feed_of: Callable[[], Feed], times: int, hours: int = 36) -> None:
    """Let each of the first hours happen as often as that, each time by a feed of its own.

    As after a restart: a feed knows nothing of what was put before.
    """
    world = World(PLAN)
    for hour in range(hours):
        for _ in range(times):
            feed_hour(shop, feed_of(), world, hour)


def cleaned(
    connector: str, stream: str, read: Sequence[pa.Table], given: Mapping[str, Any] | None = None
) -> Cleaned:
    """What a connector's preset makes of a stream's rows; `given` is the user's own mapping."""
    raw = assemble(read, OPENS)
    raw = raw.append_column("_load_id", pa.array(["load"] * raw.num_rows))
    settings = StreamBase.model_validate(merged(given or {}, preset(connector)[stream]))
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


def assert_true(of_sales: Sequence[Cleaned], view: View) -> None:
    """The orders, lines and refunds amount to the true sales of each hour."""
    found = sales_hourly(hour_sums(sales_ledger(*(each.published for each in of_sales))))
    key = ["hour", "currency"]
    both = [
        frame.set_index(key)[list(METRICS)].astype("int64") for frame in (found, true_sales(view))
    ]
    first, second = (frame[(frame != 0).any(axis=1)].sort_index() for frame in both)
    assert len(second) > HOURS
    pd.testing.assert_frame_equal(first, second, check_index_type=False)
