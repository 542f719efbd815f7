"""What the warehouse needs beside its loads: now and then, or after each of them."""

from __future__ import annotations

import time
from collections.abc import Collection

from adbc_driver_manager import Error as AdbcError

from shop_assets.entities import TableSpec
from shop_assets.warehouse import ddl
from shop_assets.warehouse.connection import Warehouse

_PATIENCE = "200ms"
"""Shorter than PostgreSQL's `deadlock_timeout`, after which who waits ends an autovacuum that is in
the way: one that takes longer than from load to load would never come to its end."""
_LOCK_NOT_AVAILABLE = "55P03"


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


def summarize(warehouse: Warehouse, spec: TableSpec, months: Collection[str]) -> None:
    """Let the index by ranges of a table know what a load has added to these months of it.

    A range that it does not know is read with each look for anything. After the load, and not for
    long: whoever holds the table (VACUUM) does the same, or the next load does.
    """
    if not months:
        return
    names = ", ".join(map(ddl.literal, months))
    try:
        with warehouse.transaction() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}'")
            cursor.execute(
                "SELECT brin_summarize_new_values(i.indexrelid) FROM pg_index i "
                "JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid "
                "JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'brin' "
                f"AND t.relnamespace = {ddl.literal(ddl.schema_of(spec))}::regnamespace "
                f"AND t.relname IN ({names})"
            )
    except AdbcError as error:
        if error.sqlstate != _LOCK_NOT_AVAILABLE:
            raise
