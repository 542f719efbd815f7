"""Readings and movements of stock, told in any order and told again: each hour as by hand."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest

from shop_assets.entities import TABLES
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.mart_inputs import inventory_hourly
from shop_assets.warehouse.marts import look, replace_slices, stale_slices
from shop_assets_tests.warehouse.loads import HOUR, load_of, merge, table_of

MART = "inventory_hourly"
START = dt.datetime(2026, 1, 31, 21, tzinfo=dt.UTC)  # the next month begins within
HOURS = 6
MOMENTS = [START + n * HOUR / 2 for n in (-2, 0, 3, 8)]
VERSIONS = MOMENTS[:2]
PLACES = [("wms", "p", "L"), ("wms", "p", "M")]
ROWS = (
    "SELECT hour, source, product_id, location_id, available, units_in, units_out "
    "FROM marts_base.inventory_hourly ORDER BY 1, 2, 3, 4"
)
Version = dict[str, Any]
Told = dict[tuple[str, dt.datetime], list[Version]]
"""What each hour of change tells of each entity."""


def moment_of(version: Version) -> dt.datetime:
    moment: dt.datetime = version.get("measured_at") or version["moved_at"]
    return moment


def key_of(version: Version) -> tuple[Any, ...]:
    """Few different ones, so that they are told again, deleted, and by two hours at one time."""
    if "movement_id" in version:
        return (version["source"], version["movement_id"])
    return (version["source"], version["product_id"], version["location_id"], moment_of(version))


def reading(chance: random.Random) -> Version:
    source, product, location = chance.choice(PLACES[:1] * 4 + PLACES)
    return {
        "source": source, "product_id": product, "location_id": location,
        "measured_at": chance.choice(MOMENTS), "version_at": chance.choice(VERSIONS),
        "available": chance.randrange(1, 9), "committed": 0, "unavailable": 0,
        "deleted": chance.random() < 0.3,
    }  # fmt: skip


def movement(chance: random.Random) -> Version:
    source, product, location = chance.choice(PLACES)
    return {
        "source": source, "product_id": product, "location_id": location,
        "movement_id": str(chance.randrange(4)), "moved_at": chance.choice(MOMENTS),
        "version_at": chance.choice(VERSIONS), "quantity": chance.choice([-3, -1, 0, 2]),
        "reason": "x", "deleted": chance.random() < 0.3,
    }  # fmt: skip


def tell(warehouse: Warehouse, told: Told, chance: random.Random) -> None:
    """Load an hour of one of the entities, as if for the first time or again."""
    entity, make = chance.choice(
        [("inventory_levels", reading)] * 3 + [("inventory_movements", movement)]
    )
    hour = START + chance.randrange(HOURS) * HOUR
    kept = [row for row in told.get((entity, hour), []) if chance.random() < 0.6]
    rows = [*kept, *(make(chance) for _ in range(chance.randrange(4)))]
    versions = {(*key_of(row), row["version_at"]): row for row in rows}
    told[entity, hour] = list(versions.values())
    merge(warehouse, entity, *told[entity, hour], start=hour)


def settle(warehouse: Warehouse) -> None:
    """Compute what is asked for of the mart, up to the last hour."""
    end = START + HOURS * HOUR
    for asked in stale_slices(warehouse, MART, None, end)["slice"]:
        hour = asked.to_pydatetime()
        seen = look(warehouse, MART, hour, hour + HOUR)
        rows = inventory_hourly(warehouse, hour, hour + HOUR)
        replace_slices(warehouse, TABLES[MART], rows, load_of(f"marts/{MART}", hour), seen)


def newest(told: Told, entity: str) -> list[Version]:
    """Of each row the newest version; of equals, that of the later hour. None that is deleted."""
    found: dict[tuple[Any, ...], tuple[Any, Version]] = {}
    earliest: dict[tuple[Any, ...], dt.datetime] = {}
    for (of, hour), versions in told.items():
        for version in versions if of == entity else ():
            key, rank = key_of(version), (version["version_at"], hour)
            earliest[key] = min(moment_of(version), earliest.get(key, moment_of(version)))
            if key not in found or found[key][0] < rank:
                found[key] = rank, version
    return [
        version | ({"moved_at": earliest[key]} if entity == "inventory_movements" else {})
        for key, (_, version) in found.items()
        if not version["deleted"]
    ]


def expected(told: Told, warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """The mart's rows of the hours from the first reading to the last that was loaded."""
    levels, movements = newest(told, "inventory_levels"), newest(told, "inventory_movements")
    hours = [START + n * HOUR for n in range(-1, HOURS)]
    found = []
    for hour in hours:
        for place in PLACES:

            def here(row: Version, place: tuple[str, ...] = place) -> bool:
                return (row["source"], row["product_id"], row["location_id"]) == place

            read = [row for row in levels if here(row) and row["measured_at"] < hour + HOUR]
            if not read:
                continue
            last = max(read, key=moment_of)
            moved = [
                row["quantity"]
                for row in movements
                if here(row) and hour <= row["moved_at"] < hour + HOUR
            ]
            came, went = sum(n for n in moved if n > 0), -sum(n for n in moved if n < 0)
            found.append((hour, *place, last["available"], came, went))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_stock_of_each_hour_is_that_of_its_last_reading(
    warehouse: Warehouse, seed: int
) -> None:
    chance = random.Random(seed)
    told: Told = {}
    # Stock is known up to the last hour that was loaded: that one comes first.
    merge(warehouse, "inventory_levels", start=START + (HOURS - 1) * HOUR)
    for _ in range(12):
        for _ in range(chance.choice([1, 1, 3])):
            tell(warehouse, told, chance)
        settle(warehouse)
        found = [(row[0].to_pydatetime(), *row[1:]) for row in table_of(warehouse, ROWS)]
        assert found == expected(told, warehouse)
