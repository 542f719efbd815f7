"""Hours that are loaded side by side, again and again, leave the ledger that a rebuild makes."""

from __future__ import annotations

import datetime as dt
import random
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest

from shop_assets.warehouse import ledger_orders
from shop_assets.warehouse.connection import Cursor, Warehouse
from shop_assets_tests.warehouse.loads import HOUR, NINE, ledger, merge, table_of

HOURS = [NINE + number * HOUR for number in range(6)]
LEDGER = (
    "SELECT to_jsonb(t)::text FROM warehouse.{} t ORDER BY 1",
    ("orders", "order_items", "refunds", "sales_ledger"),
)
KEPT = (
    "SELECT to_jsonb(t)::text FROM meta.{} t WHERE ledger_rows <> 0 ORDER BY 1",
    ("hour_sums", "day_sums", "product_sums"),
)

Rows = dict[str, list[dict[str, Any]]]


def told(chance: random.Random) -> Rows:
    """What an hour tells of a few orders that all hours tell of; refunds move between them."""

    def version() -> dict[str, Any]:
        return {
            "source": chance.choice(["shop", "Shop"]),
            "order_id": chance.choice(["A", "a", "", "B"]),
            "version_at": dt.datetime(
                2026, 3, chance.randint(1, 4), chance.randint(0, 3), tzinfo=dt.UTC
            ),
            "deleted": chance.random() < 0.1,
        }

    def day() -> dt.datetime:
        return dt.datetime(2026, chance.randint(1, 3), chance.randint(1, 28), 10, tzinfo=dt.UTC)

    def some(most: int) -> range:
        return range(chance.randint(0, most))

    orders = [
        version() | {"placed_at": day(), "customer_id": chance.choice(["c1", None])}
        for _ in some(5)
    ]
    items = [
        version() | {"placed_at": day(), "item_id": chance.choice("12"), "quantity": 1 + n}
        for n in some(6)
    ]
    refunds = [
        version() | {"refunded_at": day(), "refund_id": chance.choice("Rr")} for _ in some(3)
    ]
    return {"orders": orders, "order_items": items, "refunds": refunds}


def all_that_stands(warehouse: Warehouse) -> list[list[tuple[Any, ...]]]:
    return [
        table_of(warehouse, sql.format(table)) for sql, tables in (LEDGER, KEPT) for table in tables
    ]


@pytest.mark.parametrize("seed", [2, 7])
def test_whatever_each_hour_tells_in_the_end_counts(
    warehouse: Warehouse, own_url: str, seed: int
) -> None:
    chance = random.Random(seed)
    tellings = [[told(chance) for _ in range(chance.randint(1, 3))] for _ in HOURS]

    def load(number: int) -> None:
        own = random.Random(f"{seed} {number}")
        for epoch, rows in enumerate(tellings[number], start=1):
            for table in own.sample(list(rows), len(rows)):
                merge(warehouse, table, *rows[table], start=HOURS[number], epoch=epoch)
                if own.random() < 0.7:
                    ledger(warehouse, start=HOURS[number])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(load, range(len(HOURS))))
    ledger(warehouse)
    anew = Warehouse(own_url)
    for hour, (*_, rows) in zip(HOURS, tellings, strict=True):
        for table, given in rows.items():
            merge(anew, table, *given, start=hour)
    ledger(anew)
    assert all_that_stands(warehouse) == all_that_stands(anew)


def test_an_order_that_moves_while_its_versions_are_read_does_not_stand_twice(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its old versions go, so that nothing which is read tells where its old rows stand."""
    both = ("orders", "order_items")
    standing = "SELECT kind, happened_at FROM warehouse.sales_ledger"
    for table in both:
        merge(warehouse, table, {"version_at": NINE})
    ledger(warehouse)
    before = table_of(warehouse, standing)
    moved = {"version_at": NINE, "placed_at": NINE + 5 * HOUR}
    take = ledger_orders.take

    def move() -> None:
        for table in both:
            merge(warehouse, table, moved, epoch=2)

    moving: list[Future[None]] = []

    def overtaken(cursor: Cursor) -> None:
        take(cursor)
        if not moving:
            moving.append(pool.submit(move))
            wait(moving, timeout=2)

    monkeypatch.setattr(ledger_orders, "take", overtaken)
    with ThreadPoolExecutor(1) as pool:
        ledger(warehouse, "A")
        assert table_of(warehouse, standing) == before
        moving[0].result(timeout=60)
    ledger(warehouse)
    after = table_of(warehouse, standing)
    assert len(after) == len(before)
    assert after != before
