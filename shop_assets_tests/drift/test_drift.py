"""A source's columns change: raw keeps all, who needs what is gone stops, the others go on."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shop_assets.partitions import HOUR
from shop_assets.servers import endpoints, open_lake
from shop_assets_tests.sweep.sql_shop import SqlShop

FIRST = dt.datetime(2024, 3, 31, 9, tzinfo=dt.UTC)
SECOND, THIRD, FOURTH = (FIRST + n * HOUR for n in (1, 2, 3))
ALWAYS = (FIRST - 24 * HOUR, dt.datetime(2100, 1, 1, tzinfo=dt.UTC))
LAKE = ("raw", "clean")


def clean(entity: str, column: str = "order_id") -> list[Any]:
    """A column of an entity's cleaned rows, in the order of their hours."""
    found = open_lake(endpoints()).read(f"clean/{entity}", *ALWAYS)
    rows = [] if found is None else found.sort_by([("_hour", "ascending")]).to_pylist()
    return [row[column] for row in rows]


def in_warehouse(web: SqlShop, entity: str) -> list[str]:
    """The orders of an entity's rows in the warehouse."""
    rows = web.shop.warehouse.read(f"SELECT order_id FROM warehouse.{entity} ORDER BY order_id")
    ids: list[str] = rows["order_id"].tolist()
    return ids


def test_a_new_column_is_kept_and_reported_once(web: SqlShop) -> None:
    web.sell(1, 1, FIRST)
    assert web.load(FIRST, layers=LAKE)
    web.run("ALTER TABLE orders ADD COLUMN note text, ADD COLUMN gift boolean")
    web.sell(2, 2, SECOND)
    web.run("UPDATE orders SET note = 'fragile'")
    assert web.load(SECOND, layers=LAKE)
    web.sell(3, 3, THIRD)
    web.restart()
    assert web.load(THIRD, layers={"raw"})
    assert web.checks("raw/web__orders", "schema") == [
        (True, {}),
        (False, {"columns_added": "gift, note"}),
        (True, {}),
    ]
    assert [row["note"] for row in web.raw("orders")] == [None, "fragile", None]
    assert clean("orders") == ["1", "2"]


def test_a_column_that_is_dropped_while_nothing_runs_stops_who_needs_it(web: SqlShop) -> None:
    web.sell(1, 1, FIRST)
    assert web.load(FIRST, layers=LAKE)
    web.run("ALTER TABLE orders DROP COLUMN shipping")
    web.run(
        "INSERT INTO orders (order_id, placed_at, status, updated_at) "
        f"VALUES (2, '{THIRD}', 'paid', '{THIRD}')",
        f"INSERT INTO order_items VALUES (2, 1, '{THIRD}', 1, 10, '{THIRD}')",
    )
    web.restart()
    assert not web.load(SECOND, THIRD, layers=LAKE)
    ((step, said),) = web.failures().items()
    assert step == "clean__orders"
    assert (
        "sources.web.streams.orders: column shipping, which orders.shipping_micros needs, is "
        in said
    )
    assert "no longer there in the source" in said
    assert web.check("raw/web__orders", "schema") == (
        False,
        {"columns_dropped": "shipping", "failed_partitions": 1, "first_failed": "2024-03-31-10:00"},
    )
    assert (clean("orders"), clean("order_items")) == (["1"], ["1", "2"])
    assert [row["order_id"] for row in web.raw("orders")] == [1, 2]
    # Still so an hour later, without saying again what has changed.
    web.run(f"UPDATE orders SET updated_at = '{FOURTH}' WHERE order_id = 2")
    assert not web.load(FOURTH, layers=LAKE)
    assert web.check("raw/web__orders", "schema") == (True, {})
    # Once the owner has said that it may be so, all hours are loaded, the old ones too.
    web.reconfigure("table: orders\n", "table: orders\n        changed_columns: [shipping]\n")
    web.reconfigure("column: shipping, money: major", "column: shipping, money: major, default: 0")
    assert web.load(FIRST, FOURTH, layers=LAKE)
    assert clean("orders") == ["1", "2", "2"]


def test_a_column_with_another_type_is_kept_apart_and_stops_who_needs_it(web: SqlShop) -> None:
    web.sell(1, 1, FIRST)
    assert web.load(FIRST, layers=LAKE)
    web.run("ALTER TABLE order_items ALTER COLUMN quantity TYPE text")
    web.sell(2, 2, SECOND)
    web.run("UPDATE order_items SET quantity = '2' WHERE order_id = 2")
    assert not web.load(SECOND, layers=LAKE)
    ((step, said),) = web.failures().items()
    assert step == "clean__order_items"
    assert "column quantity, which order_items.quantity needs, has changed its type" in said
    assert web.check("raw/web__order_items", "schema") == (
        False,
        {"columns_retyped": "quantity (now in quantity__string)"},
    )
    assert (clean("orders"), clean("order_items")) == (["1", "2"], ["1"])
    assert [(r["quantity"], r["quantity__string"]) for r in web.raw("order_items")] == [
        (1, None),
        (None, "2"),
    ]
    web.reconfigure(
        "table: order_items\n", "table: order_items\n        changed_columns: [quantity]\n"
    )
    assert web.load(FIRST, SECOND, layers=LAKE)
    assert clean("order_items", "quantity") == [1, 2]
    # A tombstone of a row from before, and one from after, are both found.
    web.run("DELETE FROM order_items")
    web.reconfigure("sweep_limit: 0.5", "sweep_limit: 1")
    assert web.sweep()
    assert web.load(web.an_hour_passes(), layers=LAKE)
    assert clean("order_items", "deleted") == [False, False, True, True]


def test_a_renamed_column_is_one_dropped_and_one_added(web: SqlShop) -> None:
    web.sell(1, 1, FIRST)
    assert web.load(FIRST, layers=LAKE)
    web.run("ALTER TABLE order_items RENAME COLUMN price TO unit_price")
    web.sell(2, 2, SECOND)
    assert not web.load(SECOND)
    assert set(web.failures()) == {"clean__order_items"}
    # The others go on all the way.
    assert (in_warehouse(web, "orders"), in_warehouse(web, "order_items")) == (["2"], [])
    assert web.check("raw/web__order_items", "schema") == (
        False,
        {"columns_added": "unit_price", "columns_dropped": "price"},
    )
    assert (clean("orders"), clean("order_items")) == (["1", "2"], ["1"])
