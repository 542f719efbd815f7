"""A run of a backfill takes as many hours as memory holds, going by what the one before had."""

from __future__ import annotations

import datetime as dt

import pytest

from shop_assets import backfill
from shop_assets.backfill import Backfill
from shop_assets.partitions import HOUR
from shop_assets_tests.automation.tiny_shop import TinyShop

FIRST = dt.datetime(2024, 1, 10, tzinfo=dt.UTC)
LINES_AN_HOUR = 2


def spans(shop: TinyShop, hours: int, longest: int = backfill.CHUNK_HOURS) -> list[int]:
    """How many hours each run took that loads some."""
    runner = Backfill(shop.definitions, shop.instance, shop.calendar, shop.warehouse)
    found: list[int] = []

    def note(_: str, span: tuple[dt.datetime, dt.datetime] | None) -> None:
        if span is not None:
            found.append(round((span[1] - span[0]) / HOUR))

    wanted = [FIRST + n * HOUR for n in range(hours)]
    runner.load(wanted, lambda *_: None, chunk_hours=longest, on_run=note)
    return found


def test_the_first_run_is_short_and_later_ones_go_by_it(
    shop: TinyShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "FIRST_CHUNK_HOURS", 2)
    monkeypatch.setattr(backfill, "ROWS_A_RUN", 3 * LINES_AN_HOUR)
    for n in range(9):
        at = (FIRST + n * HOUR).isoformat()
        lines = (f"o{n}-{i},1,{at},sku,1,2.50,{at}" for i in range(LINES_AN_HOUR))
        shop.deliver(f"{n}", *lines)
    assert spans(shop, 9) == [2, 3, 3, 1]
    sold = shop.warehouse.read("SELECT count(*) AS n FROM warehouse.order_items")
    assert sold["n"].tolist() == [9 * LINES_AN_HOUR]


def test_hours_that_brought_nothing_do_not_shorten_the_next_run(
    shop: TinyShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "FIRST_CHUNK_HOURS", 2)
    monkeypatch.setattr(backfill, "ROWS_A_RUN", 10)
    shop.deliver("nothing")
    assert spans(shop, 9, longest=5) == [2, 5, 2]
