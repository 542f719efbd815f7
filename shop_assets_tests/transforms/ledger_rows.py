"""Versions of orders, lines and refunds by hand, timed in minutes, and the ledger of them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.transforms.ledger import sales_ledger
from shop_assets_tests.transforms.frames import check, frame_of
from shop_assets_tests.transforms.ledger_reference import Row

START = pd.Timestamp("2024-03-01T09:00Z")


def moment(minute: int | None) -> pd.Timestamp | None:
    return None if minute is None else START + pd.Timedelta(minutes=minute)


def order(version: int = 0, **changed: Any) -> Row:
    return {
        "order_id": "A", "placed_at": 0, "customer_id": "c1", "status": "paid", "currency": "GBP",
        "discount_micros": 0, "shipping_micros": 0, "tax_micros": 0, "cancelled_at": None,
        "is_test": False, "version_at": version, "deleted": False,
    } | changed  # fmt: skip


def line(version: int = 0, **changed: Any) -> Row:
    return {
        "order_id": "A", "item_id": "1", "placed_at": 0, "product_id": "p1", "line_type": "article",
        "quantity": 1, "unit_price_micros": 10_000_000, "discount_micros": 0, "currency": "GBP",
        "version_at": version, "deleted": False,
    } | changed  # fmt: skip


def refund(at: int, version: int | None = None, **changed: Any) -> Row:
    return {
        "refund_id": "r1", "order_id": "A", "item_id": "1", "refunded_at": at, "quantity": 1,
        "amount_micros": 10_000_000, "shipping_micros": 0, "tax_micros": 0, "currency": "GBP",
        "version_at": at if version is None else version, "deleted": False,
    } | changed  # fmt: skip


def frame(table: str, rows: list[Row]) -> pd.DataFrame:
    times = [c.name for c in TABLES[table].columns if c.kind == "timestamp"]
    moments = [{name: moment(row.get(name)) for name in times} for row in rows]
    return frame_of(
        table, [{"source": "shop", **row, **at} for row, at in zip(rows, moments, strict=True)]
    )


def ledger_of(*rows: Row) -> pd.DataFrame:
    refunds = [r for r in rows if "refund_id" in r]
    items = [r for r in rows if "item_id" in r and "refund_id" not in r]
    orders = [r for r in rows if "item_id" not in r]
    out = sales_ledger(
        frame("orders", orders), frame("order_items", items), frame("refunds", refunds)
    )
    return check("sales_ledger", out)
