"""What the planner last saw of a table says nothing of what has come since."""

from __future__ import annotations

import datetime as dt

from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.flatness.watching import WatchedWarehouse
from shop_assets_tests.warehouse.databases import copied
from shop_assets_tests.warehouse.loads import HOUR, NINE, merge

ORDERS = 1500


def load(warehouse: WatchedWarehouse, hour: dt.datetime, prefix: str, status: str) -> None:
    rows = (
        {"order_id": f"{prefix}{n}", "placed_at": hour, "version_at": hour, "status": status}
        for n in range(ORDERS)
    )
    merge(warehouse, "orders", *rows)


def test_versions_of_other_hours_are_looked_up_key_by_key_whatever_is_expected_of_them(
    stack: Endpoints, template: str
) -> None:
    with copied(stack, template) as url:
        warehouse = WatchedWarehouse(url)
        with warehouse.transaction() as cursor:
            cursor.execute("ALTER TABLE warehouse.orders_versions SET (autovacuum_enabled = false)")
        load(warehouse, NINE, "a", "paid")
        with warehouse.transaction() as cursor:
            cursor.execute("ANALYZE warehouse.orders_versions")
        # The backfill: what the planner knows is that all versions are of nine o'clock.
        for back in range(1, 4):
            load(warehouse, NINE - back * HOUR, f"{back}-", "paid")
        warehouse.statements.clear()
        load(warehouse, NINE, "a", "shipped")
        (of_other_hours,) = (s for s in warehouse.statements if "TEMP TABLE others" in s.sql)
        assert [scan.kind for scan in of_other_hours.scans] == ["Index Scan"]
        assert sum(scan.rows for scan in of_other_hours.scans) <= ORDERS
