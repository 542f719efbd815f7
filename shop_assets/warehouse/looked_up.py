"""The rows that some orders, charges or payouts are compared by, looked up by their keys.

What is looked for stands in `pg_temp.units` (kind, source, key; see `compared_keys`). What is found
stands in temporary tables that are called as those of the warehouse and hold the current rows,
made of the tables of versions. Keys are looked up one by one (`OFFSET 0`): their number decides
what it costs, not that of the rows that are there.
"""

from __future__ import annotations

from dataclasses import dataclass

from shop_assets.entities import ENTITIES
from shop_assets.warehouse.connection import Cursor
from shop_assets.warehouse.current import current_of_fact


@dataclass(frozen=True)
class LookUp:
    """What of an entity is compared: a query for the keys of the rows, and which columns of them.

    `by`: the columns that the query gives, where they are not the whole key.
    """

    keys: str
    columns: tuple[str, ...]
    by: tuple[str, ...] = ()


LookUps = dict[str, LookUp]
"""By entity."""


def prepare(cursor: Cursor) -> None:
    """Let the transaction look up what has changed in an hour.

    Of the tables that it makes and drops, how many rows they have, and whether a column's values
    repeat, is all that is to be known: few rows tell that, and as many as usual cost more than
    most of the queries.
    """
    cursor.execute("SET LOCAL default_statistics_target = 1")


def look_up(cursor: Cursor, look_ups: LookUps) -> None:
    """Make a temporary table of each entity's current rows, and one of their keys."""
    for entity, look in look_ups.items():
        found = f"pg_temp.{entity}_keys"
        # By their ids, the second column of each: in the order of the index, which then finds its
        # pages at hand.
        cursor.execute(f"CREATE TEMP TABLE {entity}_keys ON COMMIT DROP AS {look.keys} ORDER BY 2")
        cursor.execute(f"ANALYZE {found}")
        rows = current_of_fact(ENTITIES[entity], found, look.by, look.columns)
        cursor.execute(f"CREATE TEMP TABLE {entity} ON COMMIT DROP AS {rows}")
        cursor.execute(f"ANALYZE pg_temp.{entity}")


def add_orders_of_charges(cursor: Cursor) -> None:
    """Add to the units the orders of the charges among them and of refunds of these.

    Of any version: an order too many is compared again, and is the same.
    """
    cursor.execute(_ADD_ORDERS_OF_CHARGES)
    cursor.execute("ANALYZE pg_temp.units")


_ADD_ORDERS_OF_CHARGES = """
INSERT INTO pg_temp.units (kind, source, key)
SELECT DISTINCT 'order', '', v.order_id
FROM pg_temp.units u CROSS JOIN pg_temp.providers p CROSS JOIN LATERAL (
    (SELECT order_id FROM warehouse.charges_versions v
    WHERE v.source = p.source AND v.charge_id = u.key OFFSET 0)
    UNION ALL
    (SELECT order_id FROM warehouse.payment_refunds_versions v
    WHERE v.source = p.source AND v.charge_id = u.key OFFSET 0)
) v
WHERE u.kind = 'charge' AND v.order_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_temp.units k WHERE k.kind = 'order' AND k.key = v.order_id)
"""

_OF_ORDER = (
    "SELECT DISTINCT p.source, u.key AS order_id FROM pg_temp.units u CROSS JOIN pg_temp.pays p "
    "WHERE u.kind = 'order'"
)


def _by_order(entity: str, key: str) -> str:
    """A query for what a provider's rows have as `key` that name an order, or have done so."""
    return f"""
        SELECT v.source, v.{key} FROM pg_temp.units u CROSS JOIN LATERAL (
            SELECT source, {key} FROM warehouse.{entity}_versions v
            WHERE v.order_id = u.key AND v.{key} IS NOT NULL OFFSET 0
        ) v WHERE u.kind = 'order'
    """


def _by_charge(key: str) -> str:
    """A query for the keys that a provider's row that names no order may have."""
    return (
        f"SELECT p.source, u.key AS {key} FROM pg_temp.units u CROSS JOIN pg_temp.providers p "
        "WHERE u.kind = 'charge'"
    )


_PAID = ("source", "order_id", "currency", "created_at", "status", "deleted")

OF_ORDERS: LookUps = {
    "orders": LookUp(
        _OF_ORDER,
        (
            *("source", "order_id", "currency", "status", "placed_at", "cancelled_at"),
            *("discount_micros", "shipping_micros", "tax_micros", "is_test", "deleted"),
        ),
    ),
    "order_items": LookUp(
        "SELECT source, order_id FROM pg_temp.orders_keys",
        (
            *("source", "order_id", "currency", "quantity", "unit_price_micros"),
            *("discount_micros", "deleted"),
        ),
        ("source", "order_id"),
    ),
    "refunds": LookUp(
        """
        SELECT DISTINCT v.source, v.refund_id FROM pg_temp.orders_keys o CROSS JOIN LATERAL (
            SELECT source, refund_id FROM warehouse.refunds_versions v
            WHERE v.source = o.source AND v.order_id = o.order_id OFFSET 0
        ) v
        """,
        (
            *("source", "order_id", "currency", "refunded_at", "amount_micros"),
            *("shipping_micros", "tax_micros", "deleted"),
        ),
    ),
    "charges": LookUp(
        # Whether a refund counts that names an order hangs on its charge, whatever that names.
        f"{_by_order('charges', 'charge_id')} UNION {_by_charge('charge_id')} "
        f"UNION {_by_order('payment_refunds', 'charge_id')}",
        (*_PAID, "charge_id", "captured", "captured_micros", "refunded_micros"),
    ),
    "payments": LookUp(
        f"{_by_order('payments', 'payment_id')} UNION {_by_charge('payment_id')}",
        (*_PAID, "payment_id", "type", "amount_micros"),
    ),
    "payment_refunds": LookUp(
        f"""
        {_by_order("payment_refunds", "refund_id")} UNION {_by_charge("refund_id")} UNION
        SELECT v.source, v.refund_id FROM pg_temp.charges_keys k CROSS JOIN LATERAL (
            SELECT source, refund_id FROM warehouse.payment_refunds_versions v
            WHERE v.source = k.source AND v.charge_id = k.charge_id OFFSET 0
        ) v
        """,
        (*_PAID, "refund_id", "charge_id", "amount_micros"),
    ),
}
"""By any version: where the newest one names another order, the row is looked up in vain."""

OF_PAYOUTS: LookUps = {
    "payout_transactions": LookUp(
        """
        SELECT v.source, v.payout_id, v.payment_id FROM pg_temp.units u CROSS JOIN LATERAL (
            SELECT * FROM warehouse.payout_transactions_versions v
            WHERE v.source = u.source AND v.payout_id = u.key OFFSET 0
        ) v WHERE u.kind = 'payout'
        UNION
        SELECT v.source, v.payout_id, v.payment_id FROM pg_temp.units u CROSS JOIN LATERAL (
            SELECT * FROM warehouse.payout_transactions_versions v
            WHERE v.source = u.source AND v.payment_id = u.key OFFSET 0
        ) v WHERE u.kind = 'payment'
        """,
        ("source", "payout_id", "payment_id", "type", "currency", "net_micros", "deleted"),
    ),
    "payouts": LookUp(
        """
        SELECT source, key AS payout_id FROM pg_temp.units WHERE kind = 'payout'
        UNION SELECT source, payout_id FROM pg_temp.payout_transactions
        """,
        (
            *("source", "payout_id", "currency", "amount_micros", "automatic", "status"),
            *("created_at", "deleted"),
        ),
    ),
}
"""Of a payout all transactions, for its sum; of a transaction all places, and their payouts."""
