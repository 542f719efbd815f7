"""What the reconciliation is to compare again, because rows that it reads have changed.

What is compared by itself is named by a *kind* and a key: an `order`, with all that was paid for
it; a `charge` that names no order; a `payout`, with its sum; a `payment`, in whichever payouts it
stands. Orders and charges go by their id alone, since the shop's source and the provider's differ.

Requests are asked for in the transaction that changes the rows, and settled in the one that writes
the differences: a run that ends in between loses nothing. They are only ever added to and taken
out, never changed, so that loads and comparisons do not wait for each other.
"""

from __future__ import annotations

from shop_assets.entities import TableSpec
from shop_assets.warehouse.connection import Cursor, fetch_one
from shop_assets.warehouse.ddl import literal

BY_ORDER = ("charge_differences", "refund_differences")
BY_PAYOUT = ("payout_differences",)

_LOCK = "hashtextextended('reconciliations', 6)"

_AT_A_TIME = 10_000
"""How many keys stand in one row at most."""

_ORDER = ("order", "''", "order_id", "true")
_PAYOUT = ("payout", "source", "payout_id", "true")
_TOUCHED: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "orders": (_ORDER,),
    "order_items": (_ORDER,),
    "refunds": (_ORDER,),
    # Whatever becomes of a charge moves its refunds: these count if it was captured, and have its
    # order where they name none.
    "charges": (_ORDER, ("charge", "''", "charge_id", "true")),
    "payment_refunds": (
        _ORDER,
        ("charge", "''", "coalesce(charge_id, refund_id)", "order_id IS NULL"),
    ),
    "payments": (_ORDER, ("charge", "''", "payment_id", "order_id IS NULL")),
    "payouts": (_PAYOUT,),
    "payout_transactions": (_PAYOUT, ("payment", "source", "payment_id", "true")),
}
"""For each entity, what its changed rows are compared in: kind, source, key, and of which rows."""

# Which payout of several a transaction belongs to hangs on what the payouts themselves say.
_OF_PAYOUTS = """
    SELECT 'payment', t.source, t.payment_id FROM (
        SELECT source, payout_id FROM pg_temp.replaced
        UNION SELECT source, payout_id FROM pg_temp.current
    ) p CROSS JOIN LATERAL (
        SELECT v.source, v.payment_id FROM warehouse.payout_transactions_versions v
        WHERE v.source = p.source AND v.payout_id = p.payout_id OFFSET 0
    ) t
"""


def mark(cursor: Cursor, spec: TableSpec) -> None:
    """Ask for what the rows in `pg_temp.replaced` and `pg_temp.current` are compared in.

    Nothing is asked for on behalf of a table of differences that the shop does not have.
    """
    touched = _TOUCHED.get(spec.name)
    if touched is None:
        return
    # A table of differences that appears meanwhile waits for this transaction, or is seen by the
    # next statement: either it reads these rows, or they are asked for.
    cursor.execute(f"SELECT pg_advisory_xact_lock_shared({_LOCK})")
    parts = [
        f"SELECT '{kind}' AS kind, {source} AS source, {key} AS key FROM pg_temp.{rows} "
        f"WHERE {where}"
        for kind, source, key, where in touched
        for rows in ("replaced", "current")
    ]
    if spec.name == "payouts":
        parts.append(_OF_PAYOUTS)
    names = BY_PAYOUT if touched[0] == _PAYOUT else BY_ORDER
    # Many keys stand in one row: to write each by itself takes as long as to load what it is of.
    cursor.execute(
        "INSERT INTO meta.stale_comparisons (name, kind, source, keys) "
        "SELECT r.name, t.kind, t.source, t.keys FROM ("
        f"SELECT kind, source, array_agg(key) AS keys FROM ("
        "SELECT kind, source, key, row_number() OVER () AS n "
        f"FROM ({' UNION '.join(parts)}) touched WHERE key IS NOT NULL) numbered "
        f"GROUP BY kind, source, n / {_AT_A_TIME}) t CROSS JOIN meta.reconciliations r "
        f"WHERE r.name IN ({', '.join(map(literal, names))})"
    )


def begin(cursor: Cursor, name: str) -> None:
    """From now on ask on behalf of this table of differences; all loads under way end first."""
    if fetch_one(cursor, "SELECT true FROM meta.reconciliations WHERE name = $1", (name,)):
        return
    cursor.execute("LOCK TABLE meta.reconciliations IN SHARE ROW EXCLUSIVE MODE")
    cursor.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
    cursor.execute(
        "INSERT INTO meta.reconciliations (name, inputs) VALUES ($1, '') ON CONFLICT DO NOTHING",
        parameters=(name,),
    )


def end(cursor: Cursor, name: str) -> None:
    """From now on ask no more on behalf of this table of differences; loads under way end first."""
    cursor.execute("LOCK TABLE meta.reconciliations IN SHARE ROW EXCLUSIVE MODE")
    cursor.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
    cursor.execute("DELETE FROM meta.reconciliations WHERE name = $1", parameters=(name,))
