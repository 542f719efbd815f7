"""The hour that is not over, in micro-batches: there within minutes, and right in the end."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from shop_assets.automation import runs
from shop_assets.definitions import build_definitions
from shop_assets.live import MicroBatch, OpenHour
from shop_assets.partitions import HOUR, hours
from shop_assets.resources import LakeResource
from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.progress import missing_hours
from shop_assets_tests.automation.conftest import opened
from shop_assets_tests.automation.tiny_shop import TinyShop

MORNING = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
TABLES = ("warehouse/order_items", "marts/sales_hourly")
Lives = Callable[[int], MicroBatch]


class Time:
    """What time it is."""

    now = MORNING

    def __call__(self) -> dt.datetime:
        return self.now


def followed(shop: TinyShop, time: Time) -> Lives:
    """A micro-batch at a minute of the morning hour."""
    (shop.folder / "till").mkdir(exist_ok=True)
    calendar = replace(shop.calendar, now=time)
    open_hour = OpenHour(build_definitions(shop.settings, now=time), calendar, shop.warehouse)

    def load(minute: int) -> MicroBatch:
        time.now = MORNING + dt.timedelta(minutes=minute)
        return open_hour.load()

    return load


@pytest.fixture
def lives(shop: TinyShop) -> Lives:
    return followed(shop, Time())


def sold(shop: TinyShop, minute: int, order: str, units: int = 1, sold: int | None = None) -> None:
    """A till's file that appears with one line; `sold`: the minute it says, if not that."""
    at = MORNING + dt.timedelta(minutes=minute if sold is None else sold)
    shop.deliver(order, f"{order},1,{at.isoformat()},sku,{units},2.50,{at.isoformat()}")


def units(shop: TinyShop, mart: str = "sales_hourly") -> int:
    frame = shop.warehouse.read(
        f"SELECT coalesce(sum(units_sold), 0)::bigint AS n FROM marts.{mart}"
    )
    return int(frame["n"].iloc[0])


def raw_rows() -> int:
    found = LakeResource().open().read("raw/till__lines", MORNING, MORNING + HOUR)
    return 0 if found is None else found.num_rows


def test_it_says_nothing_of_each_step(lives: Lives, capfd: pytest.CaptureFixture[str]) -> None:
    assert lives(1).error is None
    assert "STEP_SUCCESS" not in capfd.readouterr().err


@pytest.mark.no_cover
def test_what_is_sold_shows_before_the_hour_is_over(shop: TinyShop, lives: Lives) -> None:
    assert lives(1).error is None
    assert units(shop) == 0
    sold(shop, 3, "o1")
    assert lives(4).error is None
    assert (units(shop), units(shop, "sales_daily")) == (1, 1)
    sold(shop, 9, "o2", 2)
    assert lives(10).error is None
    assert (units(shop), units(shop, "sales_daily")) == (3, 3)


@pytest.mark.no_cover
def test_a_change_within_the_hour_shows_as_it_stands(shop: TinyShop, lives: Lives) -> None:
    sold(shop, 3, "o1", 5)
    lives(4)
    later = MORNING + dt.timedelta(minutes=20)
    shop.deliver("o1b", f"o1,1,{MORNING.isoformat()},sku,2,2.50,{later.isoformat()}")
    lives(21)
    assert units(shop) == 2


@pytest.mark.no_cover
def test_only_what_is_new_is_read_again(shop: TinyShop, lives: Lives) -> None:
    sold(shop, 3, "o1")
    for minute in (6, 12, 20, 30):
        lives(minute)
    assert raw_rows() == 1


@pytest.mark.no_cover
def test_the_hour_is_missing_until_it_was_loaded_as_a_whole(shop: TinyShop, lives: Lives) -> None:
    sold(shop, 3, "o1")
    lives(4)
    assert missing_hours(shop.warehouse, TABLES, MORNING, MORNING + HOUR) == [MORNING]
    assert shop.load(MORNING)
    assert missing_hours(shop.warehouse, TABLES, MORNING, MORNING + HOUR) == []


@pytest.mark.no_cover
def test_what_becomes_visible_late_is_there_when_the_hour_is_over(
    shop: TinyShop, lives: Lives
) -> None:
    lives(4)
    lives(30)
    sold(shop, 31, "late", sold=5)
    lives(32)
    assert units(shop) == 0
    assert shop.load(MORNING)
    assert units(shop) == 1


def made(shop: TinyShop, *minutes: int) -> list[pd.DataFrame]:
    """What the hour comes to, with micro-batches at these minutes, once its own run is through."""
    lives = followed(shop, Time())
    for minute in range(60):
        if minute % 10 == 1:
            sold(shop, minute, f"o{minute}", minute)
        if minute in minutes:
            assert lives(minute).error is None
    assert shop.load(MORNING)
    assert shop.execute("daily_marts", runs.day_range_tags(MORNING.date(), MORNING.date()))
    tables = ("marts.sales_hourly", "marts.sales_daily", "marts.customer_orders")
    return [
        *(shop.warehouse.read(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables),
        shop.warehouse.read(
            "SELECT * FROM warehouse.order_items_versions ORDER BY order_id, item_id"
        ),
        shop.warehouse.read("SELECT * FROM meta.row_ledger").drop(columns="load_id"),
        shop.warehouse.read("SELECT mart, slice FROM meta.stale_slices"),
    ]


def test_micro_batches_change_nothing_of_what_the_hours_own_run_makes(
    stack: Endpoints, warehouse_template: str, dagster_template: str, tmp_path: Path
) -> None:
    found = []
    for name, minutes in (("with", (2, 3, 15, 40, 59)), ("without", ())):
        folder = tmp_path / name
        (folder / "dagster").mkdir(parents=True)
        with opened(stack, warehouse_template, dagster_template, folder) as shop:
            found.append(made(shop, *minutes))
    for first, second in zip(*found, strict=True):
        pd.testing.assert_frame_equal(first, second)
    assert int(found[0][0]["units_sold"].sum()) == 1 + 11 + 21 + 31 + 41 + 51


def test_a_source_that_is_away_ends_one_micro_batch(shop: TinyShop, lives: Lives) -> None:
    sold(shop, 3, "o1")
    folder = shop.folder / "till"
    away = folder.rename(shop.folder / "elsewhere")
    failed = lives(4)
    assert failed.error is not None
    assert "till" in failed.error
    away.rename(folder)
    assert lives(5).error is None
    assert units(shop) == 1


@pytest.mark.no_cover
def test_the_next_hour_begins_by_itself(shop: TinyShop, lives: Lives) -> None:
    sold(shop, 58, "o1")
    assert lives(59).hour == MORNING
    sold(shop, 61, "o2")
    assert lives(62).hour == MORNING + HOUR
    assert units(shop) == 2
    assert list(hours(MORNING, MORNING + 2 * HOUR)) == missing_hours(
        shop.warehouse, TABLES, MORNING, MORNING + 2 * HOUR
    )
