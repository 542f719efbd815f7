"""Indexes by ranges know what was loaded, whoever holds the table meanwhile."""

from __future__ import annotations

import datetime as dt

import pytest

from shop_assets.entities import TABLES
from shop_assets.warehouse import upkeep
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.warehouse.loads import NINE, activity, ledger, merge, table_of

STRETCHES = 9_000
"""More than two ranges of pages."""
ACTIVITY = "web_activity_2026_01"


def unknown_ranges(warehouse: Warehouse, index: str) -> int:
    """How many ranges a month's index did not know; it does afterwards."""
    ((found,),) = table_of(warehouse, f"SELECT brin_summarize_new_values('warehouse.{index}')")
    return int(found)


def load_many(warehouse: Warehouse) -> None:
    minute = dt.timedelta(minutes=1)
    activity(
        warehouse,
        *(
            {"visitor_id": f"v{n}", "started_at": NINE, "ended_at": NINE + minute}
            for n in range(STRETCHES)
        ),
    )


def test_activity_that_was_loaded_is_known_by_its_ranges(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_many(warehouse)
    assert unknown_ranges(warehouse, f"{ACTIVITY}_started_at_idx") == 0
    activity(warehouse)
    monkeypatch.setattr(upkeep, "summarize", lambda *_: None)
    load_many(warehouse)
    assert unknown_ranges(warehouse, f"{ACTIVITY}_started_at_idx") > 0, "else this shows nothing"


def test_ledger_rows_that_were_loaded_are_known_by_their_ranges(warehouse: Warehouse) -> None:
    orders = [{"order_id": str(n), "version_at": NINE, "placed_at": NINE} for n in range(STRETCHES)]
    merge(warehouse, "order_items", *orders)
    ledger(warehouse)
    assert unknown_ranges(warehouse, "sales_ledger_2026_01_happened_at_idx") == 0


def test_who_holds_the_table_is_not_waited_for(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_many(warehouse)
    monkeypatch.setattr(upkeep, "_PATIENCE", "10ms")
    with warehouse.transaction() as cursor:
        cursor.execute(f"LOCK TABLE warehouse.{ACTIVITY} IN SHARE UPDATE EXCLUSIVE MODE")
        upkeep.summarize(warehouse, TABLES["web_activity"], [ACTIVITY])
    assert table_of(warehouse, "SELECT count(*) FROM warehouse.web_activity") == [(STRETCHES,)]
