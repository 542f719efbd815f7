"""Indexes by ranges know what was loaded, whoever holds the table meanwhile."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from shop_assets.entities import TABLES
from shop_assets.warehouse import ddl, upkeep
from shop_assets.warehouse.connection import Warehouse, only_by_index
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


def test_an_autovacuum_in_the_way_is_given_up_on_before_it_is_ended(warehouse: Warehouse) -> None:
    sql = f"SELECT interval '{upkeep._PATIENCE}' < current_setting('deadlock_timeout')::interval"
    assert table_of(warehouse, sql) == [(True,)]


def test_rows_in_no_order_are_found_by_ranges_where_any_page_is_near(warehouse: Warehouse) -> None:
    spec = TABLES["sales_ledger"]
    warehouse.ensure_months(spec, pa.array([NINE], pa.timestamp("us", "UTC")))
    at = "'2026-01-01 00:00+00'::timestamptz + make_interval(hours => h, secs => n)"
    given = {"source": "'shop'", "order_id": "h || '-' || n", "happened_at": at, "ordered_at": at}
    usual = {"text": "'a'", "bigint": "1", "boolean": "false", "timestamptz": at}
    names = [c.name for c in spec.columns if c.name in given or not c.nullable]
    values = [given.get(name, usual.get(spec.column(name).postgres)) for name in names]
    hour = "happened_at >= '2026-01-20 10:00+00' AND happened_at < '2026-01-20 11:00+00'"
    with warehouse.transaction() as cursor:
        for hours in ("h % 2 = 0 ORDER BY h", "h % 2 = 1 ORDER BY -h"):
            cursor.execute(
                f"INSERT INTO {ddl.physical(spec)} ({', '.join(names)}) SELECT "
                f"{', '.join(map(str, values))} FROM generate_series(0, 739) h, "
                f"generate_series(1, 100) n WHERE {hours}"
            )
    upkeep.summarize(warehouse, spec, ["sales_ledger_2026_01"])
    with warehouse.transaction() as cursor:
        cursor.execute("ANALYZE warehouse.sales_ledger_2026_01")
        cursor.execute("SET LOCAL random_page_cost = 1.1")
        cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})
        with only_by_index(cursor):
            cursor.execute(f"EXPLAIN SELECT * FROM {ddl.physical(spec)} WHERE {hour}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("SHOW random_page_cost")
        assert cursor.fetchone() != ("100",), "that holds inside alone"
    assert "sales_ledger_2026_01_happened_at_idx" in plan, plan
    assert "pkey" not in plan, plan
