"""All orders are compared with what was paid for them in one pass of each table."""

from __future__ import annotations

from shop_assets.warehouse.compared_orders import Provider, whole
from shop_assets.warehouse.connection import Warehouse, read
from shop_assets_tests.warehouse.loads import merge

ORDERS = 300
AT = "2026-01-31 09:10"
PAY = Provider("pay", "charges", "charges", ("shop",))
CHARGE = {
    "source": "pay", "currency": "GBP", "amount_micros": 7_000_000, "captured_micros": 7_000_000,
    "refunded_micros": 0, "status": "succeeded", "captured": True, "disputed": False,
    "created_at": AT, "version_at": AT, "deleted": False,
}  # fmt: skip


def test_orders_that_were_charged_twice_are_not_looked_for_one_by_one(warehouse: Warehouse) -> None:
    ids = [f"o{n}" for n in range(ORDERS)]
    merge(
        warehouse,
        "orders",
        *({"order_id": i, "version_at": AT, "shipping_micros": 7_000_000} for i in ids),
    )
    charges = [CHARGE | {"charge_id": f"{i}-{n}", "order_id": i} for i in ids for n in "12"]
    merge(warehouse, "charges", *charges)
    with warehouse.transaction() as cursor:
        found = whole(cursor, [PAY])
        scans = read(
            cursor,
            "SELECT sum(seq_scan + coalesce(idx_scan, 0))::bigint AS n "
            "FROM pg_stat_xact_user_tables WHERE relname ~ '^(charges|payments)_20'",
        )
    assert len(found) == ORDERS
    assert set(found["charges"]) == {2}
    assert set(found["repeated_micros"]) == {7_000_000}
    assert int(scans["n"].iloc[0]) < ORDERS / 10
