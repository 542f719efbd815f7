"""A source's columns change: raw keeps all, who needs what is gone stops, the others go on."""

from __future__ import annotations

import datetime as dt

from shop_assets.partitions import HOUR
from shop_assets_tests.sweep.sql_shop import SqlShop

FIRST = dt.datetime(2024, 3, 31, 9, tzinfo=dt.UTC)
SECOND, THIRD, FOURTH = (FIRST + n * HOUR for n in (1, 2, 3))


def published(web: SqlShop, entity: str) -> list[str]:
    """The orders of an entity's rows in the warehouse."""
    rows = web.shop.warehouse.read(f"SELECT order_id FROM warehouse.{entity} ORDER BY order_id")
    ids: list[str] = rows["order_id"].tolist()
    return ids


def test_a_new_column_is_kept_and_reported_once(web: SqlShop) -> None:
    web.sell(1, 1, FIRST)
    assert web.load(FIRST)
    web.run("ALTER TABLE orders ADD COLUMN note text, ADD COLUMN gift boolean")
    web.sell(2, 2, SECOND)
    web.run("UPDATE orders SET note = 'fragile'")
    assert web.load(SECOND)
    web.sell(3, 3, THIRD)
    web.restart()
    assert web.load(THIRD, layers={"raw"})
    assert web.checks("raw/web__orders", "schema") == [
        (True, {}),
        (False, {"columns_added": "gift, note"}),
        (True, {}),
    ]
    assert [row["note"] for row in web.raw("orders")] == [None, "fragile", None]
    assert published(web, "orders") == ["1", "2"]


def test_a_column_that_is_dropped_while_nothing_runs_stops_who_needs_it(web: SqlShop) -> None:
    web.sell(1, 1, FIRST)
    assert web.load(FIRST)
    web.run("ALTER TABLE orders DROP COLUMN shipping")
    web.run(
        "INSERT INTO orders (order_id, placed_at, status, updated_at) "
        f"VALUES (2, '{THIRD}', 'paid', '{THIRD}')",
        f"INSERT INTO order_items VALUES (2, 1, '{THIRD}', 1, 10, '{THIRD}')",
    )
    web.restart()
    assert not web.load(SECOND, THIRD)
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
    assert (published(web, "orders"), published(web, "order_items")) == (["1"], ["1", "2"])
    assert [row["order_id"] for row in web.raw("orders")] == [1, 2]
    # Still so an hour later, without saying again what has changed.
    web.run(f"UPDATE orders SET updated_at = '{FOURTH}' WHERE order_id = 2")
    assert not web.load(FOURTH, layers={"raw", "clean"})
    assert web.check("raw/web__orders", "schema") == (True, {})
    # Once the owner has said that it may be so, all hours are loaded, the old ones too.
    web.reconfigure("table: orders\n", "table: orders\n        changed_columns: [shipping]\n")
    web.reconfigure("column: shipping, money: major", "column: shipping, money: major, default: 0")
    assert web.load(FIRST, FOURTH)
    assert published(web, "orders") == ["1", "2"]


def test_a_column_with_another_type_is_kept_apart_and_stops_who_needs_it(web: SqlShop) -> None:
    web.sell(1, 1, FIRST)
    assert web.load(FIRST)
    web.run("ALTER TABLE order_items ALTER COLUMN quantity TYPE text")
    web.sell(2, 2, SECOND)
    web.run("UPDATE order_items SET quantity = '2' WHERE order_id = 2")
    assert not web.load(SECOND)
    ((step, said),) = web.failures().items()
    assert step == "clean__order_items"
    assert "column quantity, which order_items.quantity needs, has changed its type" in said
    assert web.check("raw/web__order_items", "schema") == (
        False,
        {"columns_retyped": "quantity (now in quantity__string)"},
    )
    assert (published(web, "orders"), published(web, "order_items")) == (["1", "2"], ["1"])
    assert [(r["quantity"], r["quantity__string"]) for r in web.raw("order_items")] == [
        (1, None),
        (None, "2"),
    ]
    web.reconfigure(
        "table: order_items\n", "table: order_items\n        changed_columns: [quantity]\n"
    )
    assert web.load(FIRST, SECOND)
    rows = web.shop.warehouse.read("SELECT quantity FROM warehouse.order_items ORDER BY order_id")
    assert rows["quantity"].tolist() == [1, 2]
    # A tombstone of a row from before, and one from after, are both found.
    web.run("DELETE FROM order_items")
    web.reconfigure("sweep_limit: 0.5", "sweep_limit: 1")
    assert web.sweep()
    assert web.load(web.an_hour_passes())
    rows = web.shop.warehouse.read("SELECT deleted FROM warehouse.order_items")
    assert rows["deleted"].tolist() == [True, True]


def test_a_renamed_column_is_one_dropped_and_one_added(web: SqlShop) -> None:
    web.sell(1, 1, FIRST)
    assert web.load(FIRST)
    web.run("ALTER TABLE order_items RENAME COLUMN price TO unit_price")
    web.sell(2, 2, SECOND)
    assert not web.load(SECOND)
    assert set(web.failures()) == {"clean__order_items"}
    assert web.check("raw/web__order_items", "schema") == (
        False,
        {"columns_added": "unit_price", "columns_dropped": "price"},
    )
    assert (published(web, "orders"), published(web, "order_items")) == (["1", "2"], ["1"])
