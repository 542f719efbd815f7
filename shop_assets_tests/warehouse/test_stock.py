"""What stock was asked for: summed by the server as it would be by hand."""

from __future__ import annotations

import random
from typing import Any

import pandas as pd

from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.stock import stock_demand
from shop_assets_tests.transforms.test_inventory import demand_of
from shop_assets_tests.warehouse.loads import HOUR, NINE, publish, rows

PLACE = ["source", "product_id", "location_id"]


def stock(hour: int, product: str, location: str, available: int, out: int) -> dict[str, Any]:
    return {
        "hour": NINE + hour * HOUR, "source": "wms", "product_id": product,
        "location_id": location, "available": available, "committed": 0, "unavailable": 0,
        "on_hand": available, "units_in": 0, "units_out": out, "is_stockout": available <= 0,
    }  # fmt: skip


def test_it_is_that_of_the_hours_asked_for_in_which_there_was_stock(warehouse: Warehouse) -> None:
    chance = random.Random(7)
    given = [
        stock(hour, product, location, chance.choice([-1, 0, 3, 9]), chance.randrange(4))
        for hour in range(20)  # into another month
        for product in "pq"
        for location in "LM"
    ]
    given += [stock(hour, "never there", "L", 0, 0) for hour in range(20)]
    publish(warehouse, *given, mart="inventory_hourly", count=20)
    after, until = NINE + 2 * HOUR, NINE + 18 * HOUR
    frame = rows("inventory_hourly", *given)
    meant = frame[(frame["hour"] > after) & (frame["hour"] <= until)]
    expected = demand_of(meant).sort_values(PLACE, ignore_index=True)
    found = stock_demand(warehouse, after, until).sort_values(PLACE, ignore_index=True)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert len(found) == 4


def test_without_hours_there_is_none(warehouse: Warehouse) -> None:
    found = stock_demand(warehouse, NINE, NINE + HOUR)
    assert found.empty
    assert found.columns.tolist() == [*PLACE, "hours", "units"]
