"""A line that is taken out of an order is taken back in the ledger: a fresh reading has none."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from shop_assets.definitions import build_definitions
from shop_assets.io_managers.delta_store import DeltaStore
from shop_assets.live import OpenHour
from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse import source_keys
from shop_assets_tests.automation.opened import opened_shop
from shop_assets_tests.automation.tiny_shop import TinyShop
from shop_assets_tests.demo.api_shop import HOUR, START
from shop_assets_tests.warehouse.databases import make_template
from shop_assets_tests.woocommerce.conftest import Woo

pytestmark = pytest.mark.no_cover

CONFIG = """
shop: {{name: Lamps, timezone: UTC, currency: EUR, start: 2026-11-01}}
sources:
  woo:
    connector: woocommerce
    api_url: {url}
    allow_private: true
    consumer_key: ck_simulated
    consumer_secret: cs_simulated
    requests_per_second: 1000
    reread_days: {reread_days}
    streams: {{orders: {{}}, order_lines: {{}}}}
"""
MIDNIGHT = dt.datetime(2026, 11, 4, tzinfo=dt.UTC)
STANDS = {
    "orders": "SELECT * FROM warehouse.orders WHERE NOT deleted ORDER BY order_id",
    "lines": "SELECT * FROM warehouse.order_items WHERE NOT deleted ORDER BY order_id, item_id",
    "ledger": "SELECT order_id, item_id, kind, sum(quantity)::bigint AS quantity, "
    "sum(amount_micros)::bigint AS amount FROM warehouse.sales_ledger GROUP BY 1, 2, 3 "
    "HAVING sum(amount_micros) <> 0 ORDER BY 1, 2, 3",
    "sales": "SELECT sum(net_sales_micros)::bigint AS net FROM marts_base.sales_hourly",
}
"""What is there now, whenever it came; the ledger keeps what was, and what took it back."""
Opens = Callable[..., AbstractContextManager[TinyShop]]


@pytest.fixture(scope="module")
def template(stack: Endpoints) -> str:
    return make_template(stack)


@pytest.fixture
def opened(stack: Endpoints, template: str, woo: Woo, tmp_path: Path) -> Opens:
    """Opens a new platform, on databases of its own, that reads the shop."""

    @contextmanager
    def open_one(reread_days: int = 30) -> Iterator[TinyShop]:
        folder = tmp_path / uuid.uuid4().hex
        folder.mkdir()
        config = CONFIG.format(url=woo.url, reread_days=reread_days)
        with opened_shop(stack, template, folder, config) as shop:
            yield shop

    return open_one


def place(woo: Woo, lines: int = 3) -> tuple[int, list[int]]:
    """An order that may still be edited, and the ids of its lines of 10 EUR."""
    line = {"product_id": 1, "quantity": 1, "subtotal": "10", "total": "10", "total_tax": "2"}
    [order] = woo.place(status="on-hold", line_items=[line] * lines)
    return order, [woo.line(order, n) for n in range(lines)]


def standing(shop: TinyShop) -> dict[str, pd.DataFrame]:
    found = {name: shop.warehouse.read(query) for name, query in STANDS.items()}
    # What changed without a date has one just after that of its order.
    found["orders"] = found["orders"].drop(columns="version_at")
    return found


def lines_there(shop: TinyShop) -> list[tuple[str, str]]:
    frame = shop.warehouse.read(STANDS["lines"])
    return list(zip(frame["order_id"], frame["item_id"], strict=True))


def sold_by_hour(shop: TinyShop, order: int) -> dict[float, int]:
    """What an order sold in EUR, by the hour (counted from `START`) in which the ledger has it."""
    frame = shop.warehouse.read(
        "SELECT date_trunc('hour', happened_at) AS hour, sum(amount_micros)::bigint AS micros "
        f"FROM warehouse.sales_ledger WHERE kind = 'sale' AND order_id = '{order}' GROUP BY 1"
    )
    hours = (frame["hour"] - START) / HOUR
    return dict(zip(hours, (frame["micros"] // 1_000_000).astype(int), strict=True))


def test_a_line_taken_out_leaves_as_a_fresh_reading_would_have_it(woo: Woo, opened: Opens) -> None:
    dated, silent = place(woo), place(woo)
    with opened() as lived:
        assert lived.load(START)
        assert len(lines_there(lived)) == 6
        woo.clock.set(START + 1.4 * HOUR)
        woo.shop.take_out(dated[0], dated[1][2])
        woo.shop.take_out(silent[0], silent[1][0], silently=True)
        woo.tick(minutes=1)
        assert lived.load(START + HOUR)
        gone = {(str(dated[0]), str(dated[1][2]))}
        assert len(lines_there(lived)) == 5
        assert not gone & set(lines_there(lived))
        assert sold_by_hour(lived, dated[0]) == {0: 30, 1: -10}
        assert sold_by_hour(lived, silent[0]) == {0: 30}
        # What changed no date is found when the last days are read again.
        assert lived.load(MIDNIGHT)
        gone |= {(str(silent[0]), str(silent[1][0]))}
        assert len(lines_there(lived)) == 4
        assert not gone & set(lines_there(lived))
        assert sold_by_hour(lived, silent[0]) == {0: 20}
        # Whatever is loaded again, in whatever order, finds the same.
        before = standing(lived)
        for hour in (MIDNIGHT, START):
            assert lived.load(hour)
        again = standing(lived)
    with opened() as fresh:
        assert fresh.load(START, MIDNIGHT)
        expected = standing(fresh)
        assert sold_by_hour(fresh, dated[0]) == sold_by_hour(fresh, silent[0]) == {0: 20}
    for name, frame in expected.items():
        # The mart of the first hour is asked for anew, and computed when that is loaded again.
        if name != "sales":
            pd.testing.assert_frame_equal(before[name], frame)
        pd.testing.assert_frame_equal(again[name], frame)


def an_hour_passes(shop: TinyShop, hour: dt.datetime) -> None:
    """Let what was put off to the hour in which this runs have been so to one of the shop's."""
    with shop.warehouse.transaction() as cursor:
        cursor.execute(
            "UPDATE meta.source_deletions SET hour = $1 WHERE hour > now() - interval '1 day'",
            parameters=(hour,),
        )


@pytest.mark.parametrize("at", ["has read", "writes"])
def test_it_leaves_an_hour_later_where_two_loads_have_crossed(
    woo: Woo, opened: Opens, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """One had read the line, when the other found it gone; no order is ever read again."""
    order, lines = place(woo)
    owner, name = {"has read": (source_keys, "found_gone"), "writes": (DeltaStore, "append")}[at]
    called = getattr(owner, name)
    crossed: list[bool] = []

    def overtaken(*given: Any, **named: Any) -> Any:
        if any("order_lines" in str(each) for each in given) and not crossed:
            crossed.append(True)
            woo.clock.set(START + 1.4 * HOUR)
            woo.shop.take_out(order, lines[2])
            woo.tick(minutes=1)
            assert pool.submit(lived.load, START + HOUR).result(timeout=300)
        return called(*given, **named)

    with opened(reread_days=0) as lived, ThreadPoolExecutor(1) as pool:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, overtaken)
            assert lived.load(START)
        assert crossed
        assert len(lines_there(lived)) == 3
        an_hour_passes(lived, START + 2 * HOUR)
        assert lived.load(START + 2 * HOUR)
        assert lines_there(lived) == [(str(order), str(line)) for line in lines[:2]]
        assert sum(sold_by_hour(lived, order).values()) == 20


def test_it_leaves_within_the_hour_that_is_not_over(woo: Woo, opened: Opens) -> None:
    order, lines = place(woo)
    with opened() as shop:
        now = START

        def time() -> dt.datetime:
            return now

        calendar = replace(shop.calendar, now=time)
        live = OpenHour(build_definitions(shop.settings, now=time), calendar, shop.warehouse)
        for minute, left in ((10, 3), (30, 2), (40, 2)):
            now = START + dt.timedelta(minutes=minute)
            if minute == 30:
                woo.tick(minutes=20)
                woo.shop.take_out(order, lines[1])
            assert live.load().error is None
            assert len(lines_there(shop)) == left
        assert shop.load(START)
        assert lines_there(shop) == [(str(order), str(lines[0])), (str(order), str(lines[2]))]
        assert sold_by_hour(shop, order) == {0: 20}
