"""The orders whose ledger rows are to be made anew, because versions of theirs came or went.

Asked for in the transaction that changes the versions, and settled in the one that writes the
ledger: a run that ends in between loses nothing, the next one of any hour makes up for it.
"""

from __future__ import annotations

from shop_assets.entities import TableSpec
from shop_assets.warehouse import ddl, slices
from shop_assets.warehouse.connection import Cursor
from shop_assets.warehouse.ddl import quoted

ENTITIES = ("orders", "order_items", "refunds")

_AT_A_TIME = 10_000
"""How many orders stand in one row at most."""


def moves(spec: TableSpec) -> bool:
    """Whether a row may be told again as that of another order."""
    return "order_id" not in spec.key


def mark(cursor: Cursor, spec: TableSpec) -> None:
    """Ask for the orders of the versions in `pg_temp.gone` and `pg_temp.came`.

    Of what may move from one order to another (a refund), for those of its other versions too: what
    it is in one order hangs on what it is in the next. `since` is kept with each: no ledger row
    that these versions, or others of the same rows, have made stands before it. Many stand in one
    row: to write each by itself, where other loads may have asked for it, takes as long as to load
    it.
    """
    time = since = quoted(str(spec.time))
    told = ["pg_temp.gone", "pg_temp.came"]
    if moves(spec):
        told.append(f"(SELECT v.* FROM {ddl.versions_of(spec, 'pg_temp.changed')}) standing")
        since = f"min({time}) OVER (PARTITION BY {', '.join(map(quoted, spec.key))})"
    columns = ", ".join(map(quoted, dict.fromkeys((*spec.key, "order_id", str(spec.time)))))
    rows = " UNION ALL ".join(f"SELECT {columns} FROM {each}" for each in told)
    cursor.execute(
        "INSERT INTO meta.stale_orders (source, order_ids, since) "
        "SELECT source, array_agg(order_id), array_agg(since) FROM ("
        "SELECT source, order_id, since, row_number() OVER () AS n FROM ("
        "SELECT source, order_id, min(since) AS since FROM ("
        f"SELECT source, order_id, {since} AS since FROM ({rows}) told) touched "
        f"GROUP BY source, order_id) orders) numbered GROUP BY source, n / {_AT_A_TIME}"
    )


def take(cursor: Cursor) -> None:
    """Add what is asked for to `pg_temp.affected` (source, order_id), and settle it.

    What is asked for from now on stays. The orders, with the earliest time told of each, stand in
    `pg_temp.asked` (source, order_id, since).
    """
    cursor.execute(
        "CREATE TEMP TABLE asked ON COMMIT DROP AS WITH taken AS ("
        "DELETE FROM meta.stale_orders RETURNING source, order_ids, since) "
        "SELECT source, o.order_id, min(o.since) AS since "
        "FROM taken CROSS JOIN LATERAL unnest(order_ids, taken.since) o (order_id, since) "
        "GROUP BY source, o.order_id"
    )
    cursor.execute(
        "INSERT INTO pg_temp.affected SELECT source, order_id FROM pg_temp.asked "
        "EXCEPT SELECT source, order_id FROM pg_temp.affected "
        # What is looked up in the order of an index finds its pages at hand.
        "ORDER BY order_id"
    )
    slices.analyze(cursor, "affected")
