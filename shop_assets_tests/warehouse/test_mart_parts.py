"""A mart of many rows is summed in parts of the ledger, and is the same."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from shop_assets.warehouse import mart_inputs
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.mart_inputs import MARTS, ledger_parts, ledger_rows
from shop_assets_tests.warehouse.loads import DAY, HOUR, NINE, ledger, merge

MIDNIGHT = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
ORDERS = [f"order {n}" for n in range(12)]


@pytest.fixture
def sold(warehouse: Warehouse) -> Warehouse:
    """Twelve orders of two lines each, in three hours and two currencies."""
    orders, items = [], []
    for n, order in enumerate(ORDERS):
        at = NINE + n % 3 * HOUR + dt.timedelta(minutes=n)
        currency = "GBP" if n % 4 else "JPY"
        told = {"order_id": order, "placed_at": at, "version_at": at, "currency": currency}
        orders.append(told | {"customer_id": f"c{n % 5}", "shipping_micros": 10 * n})
        items += [told | {"item_id": str(i), "product_id": f"p{i}"} for i in range(2)]
    products = [
        {"source": "shop", "product_id": f"p{i}", "category": f"of {i}", "version_at": NINE}
        | {"deleted": False}
        for i in range(2)
    ]
    merge(warehouse, "products", *products)
    merge(warehouse, "orders", *orders)
    merge(warehouse, "order_items", *items)
    ledger(warehouse, *ORDERS)
    return warehouse


@pytest.mark.parametrize("mart", ["sales_hourly", "sales_daily", "product_sales_daily"])
def test_a_mart_in_parts_is_the_mart(
    sold: Warehouse, mart: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = MARTS[mart](sold, MIDNIGHT, MIDNIGHT + DAY)
    assert whole["orders"].sum() >= len(ORDERS)
    assert whole["currency"].nunique() == 2
    monkeypatch.setattr(mart_inputs, "ROWS_AT_ONCE", 7)
    pd.testing.assert_frame_equal(MARTS[mart](sold, MIDNIGHT, MIDNIGHT + DAY), whole)


def test_parts_have_every_row_once_and_orders_whole(
    sold: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mart_inputs, "ROWS_AT_ONCE", 7)
    key = ["order_id", "item_id", "kind"]
    parts = list(ledger_parts(sold, MIDNIGHT, MIDNIGHT + DAY, key))
    whole = ledger_rows(sold, MIDNIGHT, MIDNIGHT + DAY)
    assert len(parts) == 1 + len(whole) // 7
    together = pd.concat(parts).sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(together, whole[key].sort_values(key, ignore_index=True))
    orders = pd.concat([part["order_id"].drop_duplicates() for part in parts])
    assert sorted(orders) == sorted(ORDERS)
