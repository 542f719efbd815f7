"""What the warehouse needs now and then beside its loads."""

from __future__ import annotations

import time

from shop_assets.warehouse import ddl
from shop_assets.warehouse.connection import Warehouse


def analyze(warehouse: Warehouse) -> dict[str, float]:
    """Refresh the planner's figures of partitioned tables as wholes; seconds by table.

    Autovacuum analyzes the months, never their parent: without this a query over several months is
    planned by figures that were never taken.
    """
    taken: dict[str, float] = {}
    for spec in ddl.stored_tables():
        if not spec.by_month:
            continue
        began = time.monotonic()
        with warehouse.transaction() as cursor:
            cursor.execute(f"ANALYZE {ddl.physical(spec)}")
        taken[spec.name] = time.monotonic() - began
    return taken
