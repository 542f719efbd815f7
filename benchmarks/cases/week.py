"""A week of the simulated shop with a sale of ten times the load, as one backfill."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from benchmarks.loads import load, table_of
from benchmarks.place import Place
from benchmarks.results import Section
from benchmarks.shop import BenchShop, plan_of
from benchmarks.sizes import Size
from shop_assets.demo import FlashSale

START = dt.datetime(2025, 11, 2, 23, tzinfo=dt.UTC)
_HOURS = 7 * 24
_SALE = FlashSale(start_hour=4 * 24 + 18, hours=6, factor=10.0)


def measure(place: Place, size: Size) -> Iterator[Section]:
    """Monday to Sunday, with the sale on Friday evening; a tenth of the load of the other cases."""
    shop = BenchShop(place, plan_of(START, size.week_orders, sale=_SALE))
    try:
        shop.live(_HOURS)
    finally:
        shop.close()
    loaded = load(place.home, shop.variables, START, _HOURS)
    section = Section("A week with a sale, as one backfill")
    section.rows = table_of({"168 hours, six of them with ten times the load": loaded})
    section.notes = [f"{size.week_orders:,} orders an hour in the mean, before the sale."]
    yield section
