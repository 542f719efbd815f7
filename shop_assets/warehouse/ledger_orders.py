"""The orders whose ledger rows are to be made anew, because versions of theirs came or went.

Asked for in the transaction that changes the versions, and settled in the one that writes the
ledger: a run that ends in between loses nothing, the next one of any hour makes up for it.
"""

from __future__ import annotations

from shop_assets.entities import TableSpec
from shop_assets.warehouse.connection import Cursor
from shop_assets.warehouse.ddl import quoted

ENTITIES = ("orders", "order_items", "refunds")


def mark(cursor: Cursor, spec: TableSpec) -> None:
    """Ask for the orders of the versions in `pg_temp.gone` and `pg_temp.came`.

    `since` is kept with each: no ledger row that these versions have made stands before it.
    """
    time = quoted(str(spec.time))
    cursor.execute(
        "INSERT INTO meta.stale_orders AS t (source, order_id, since) "
        f"SELECT source, order_id, min({time}) FROM ("
        f"SELECT source, order_id, {time} FROM pg_temp.gone UNION ALL "
        f"SELECT source, order_id, {time} FROM pg_temp.came) touched "
        "GROUP BY source, order_id ORDER BY source, order_id "
        "ON CONFLICT (source, order_id) DO UPDATE SET since = least(t.since, excluded.since), "
        "generation = t.generation + 1"
    )


def take(cursor: Cursor) -> None:
    """Add what is asked for to `pg_temp.affected` (source, order_id), and settle it."""
    cursor.execute(
        "CREATE TEMP TABLE asked ON COMMIT DROP AS "
        "SELECT source, order_id, since, generation FROM meta.stale_orders"
    )
    cursor.execute(
        "INSERT INTO pg_temp.affected SELECT source, order_id FROM pg_temp.asked "
        "EXCEPT SELECT source, order_id FROM pg_temp.affected"
    )
    cursor.execute("ANALYZE pg_temp.affected")
    cursor.execute(
        "DELETE FROM meta.stale_orders t USING pg_temp.asked a WHERE t.source = a.source "
        "AND t.order_id = a.order_id AND t.generation = a.generation"
    )
