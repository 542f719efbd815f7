"""Which orders have sales, of whom and since when; and how many of a day are of which customers.

`meta.sold_orders` answers, in one look whatever months there are, which orders were placed in a
span of time, and which others a customer has placed. `meta.day_sums` has, of the orders that count
on a day, how many are their customer's first, and how many a guest's: a load changes them by what
the orders that it moves make of it, since a day has more and more orders until it is over.
"""

from __future__ import annotations

from shop_assets.transforms import sales
from shop_assets.warehouse import ddl, zones
from shop_assets.warehouse.connection import Cursor

_KEY = ("source", "order_id")
_ALL = ", ".join((*_KEY, "customer_id", "ordered_at", "currencies", "sold_since"))


def change(cursor: Cursor, zone: str) -> None:
    """Bring `meta.sold_orders` up to date, of the orders in `pg_temp.differing`.

    What their rows say now stands in `pg_temp.outline`, and what becomes of the counts of days in
    `pg_temp.moved_counts` afterwards. The caller holds the lock of the ledger.
    """
    _compare(cursor)
    _note_buyers(cursor)
    cursor.execute(
        "CREATE TEMP TABLE moved_counts ON COMMIT DROP AS "
        f"{_counts(_firsts_and_guests('sold_gone'), zone, sign='-')}"
    )
    # Each looked up by itself: joined, all orders there are may be gone through for some.
    cursor.execute(
        "DELETE FROM meta.sold_orders WHERE ctid = ANY (ARRAY("
        "SELECT t.ctid FROM pg_temp.sold_gone g CROSS JOIN LATERAL ("
        "SELECT ctid FROM meta.sold_orders o "
        "WHERE o.source = g.source AND o.order_id = g.order_id OFFSET 0) t))"
    )
    cursor.execute(
        f"INSERT INTO meta.sold_orders ({_ALL}) SELECT {_ALL} FROM pg_temp.sold_came "
        f"ORDER BY {', '.join(ddl.sorted_by(_KEY))}"
    )
    cursor.execute(
        "INSERT INTO pg_temp.moved_counts "
        f"{_counts(_firsts_and_guests('sold_came'), zone, sign='')}"
    )


def add_to_days(cursor: Cursor) -> None:
    """Add `pg_temp.moved_counts` to `meta.day_sums`."""
    sums = ", ".join(f"sum({name})::bigint AS {name}" for name in sales.CUSTOMER_COUNTS)
    moved = " OR ".join(f"sum({name}) <> 0" for name in sales.CUSTOMER_COUNTS)
    cursor.execute(
        _added_to_days(
            f"SELECT day, currency, {sums} FROM pg_temp.moved_counts "
            f"GROUP BY day, currency HAVING {moved}"
        )
    )


def count_anew(cursor: Cursor, zone: str) -> None:
    """Count all orders in `meta.day_sums`, where none is counted yet."""
    orders = (
        f"(SELECT DISTINCT ON (customer_id, source) {_ALL} FROM meta.sold_orders "
        "WHERE customer_id IS NOT NULL ORDER BY customer_id, source, ordered_at, order_id) "
        f"UNION ALL SELECT {_ALL} FROM meta.sold_orders WHERE customer_id IS NULL"
    )
    cursor.execute(_added_to_days(_counts(orders, zone, sign="")))


def _compare(cursor: Cursor) -> None:
    """Make `pg_temp.sold_gone` and `sold_came`: the orders' rows as they stood and as they are.

    Of what differs in the ledger only that counts which differs here: a refund does not.
    """
    cursor.execute(
        f"CREATE TEMP TABLE stood ON COMMIT DROP AS SELECT o.* FROM pg_temp.differing d "
        f"CROSS JOIN LATERAL (SELECT {_ALL} FROM meta.sold_orders t "
        "WHERE t.source = d.source AND t.order_id = d.order_id OFFSET 0) o"
    )
    cursor.execute(
        "CREATE TEMP TABLE sold ON COMMIT DROP AS SELECT source, order_id, "
        "min(customer_id) AS customer_id, min(ordered_at) AS ordered_at, "
        "array_agg(currency ORDER BY currency) AS currencies, "
        "array_agg(since ORDER BY currency) AS sold_since FROM ("
        "SELECT source, order_id, currency, min(customer_id) AS customer_id, "
        "min(ordered_at) AS ordered_at, min(happened_at) AS since "
        "FROM pg_temp.outline JOIN pg_temp.differing USING (source, order_id) "
        "WHERE is_sale AND NOT is_test GROUP BY source, order_id, currency) by_currency "
        "GROUP BY source, order_id"
    )
    for name, these, others in (("sold_gone", "stood", "sold"), ("sold_came", "sold", "stood")):
        cursor.execute(
            f"CREATE TEMP TABLE {name} ON COMMIT DROP AS SELECT {_ALL} FROM pg_temp.{these} "
            f"EXCEPT SELECT {_ALL} FROM pg_temp.{others}"
        )
        cursor.execute(f"ANALYZE pg_temp.{name}")


def _note_buyers(cursor: Cursor) -> None:
    """Make `pg_temp.buyers`: the customers whose first order may be another one than before.

    In the order of the index that they are looked up in, which finds its pages at hand.
    """
    cursor.execute(
        "CREATE TEMP TABLE buyers ON COMMIT DROP AS "
        "SELECT source, customer_id FROM pg_temp.sold_gone WHERE customer_id IS NOT NULL UNION "
        "SELECT source, customer_id FROM pg_temp.sold_came WHERE customer_id IS NOT NULL "
        "ORDER BY customer_id"
    )
    cursor.execute("ANALYZE pg_temp.buyers")


def _firsts_and_guests(moved: str) -> str:
    """A query for the buyers' first orders, each one look into the index, and guests' moved ones.

    `moved`: the temporary table of these.
    """
    return (
        "SELECT f.* FROM pg_temp.buyers b CROSS JOIN LATERAL ("
        f"SELECT {_ALL} FROM meta.sold_orders o WHERE o.source = b.source "
        "AND o.customer_id = b.customer_id ORDER BY o.ordered_at, o.order_id LIMIT 1) f UNION ALL "
        f"SELECT {_ALL} FROM pg_temp.{moved} WHERE customer_id IS NULL"
    )


def _counts(orders: str, zone: str, *, sign: str) -> str:
    """A query for how many of some orders count on which day in which currency.

    An order counts on the day it was placed, in each currency that it has a sale in on that day.
    """
    return (
        f"SELECT o.day, s.currency, {sign}count(o.customer_id) AS new_customer_orders, "
        f"{sign}count(*) FILTER (WHERE o.customer_id IS NULL) AS guest_orders "
        "FROM (SELECT customer_id, currencies, sold_since, "
        f"{zones.day('ordered_at', zone)} AS day FROM ({orders}) counted) o "
        "CROSS JOIN LATERAL unnest(o.currencies, o.sold_since) s(currency, since) "
        f"WHERE {zones.day('s.since', zone)} = o.day GROUP BY o.day, s.currency"
    )


def _added_to_days(counts: str) -> str:
    """What adds counts to those of the days, each looked up by itself, however many there are."""
    zeros = ", ".join("0" for _ in sales.FIGURES)
    names = ", ".join(sales.CUSTOMER_COUNTS)
    added = ", ".join(f"{name} = t.{name} + excluded.{name}" for name in sales.CUSTOMER_COUNTS)
    return (
        f"INSERT INTO meta.day_sums AS t (day, currency, {', '.join(sales.FIGURES)}, {names}) "
        f"SELECT day, currency, {zeros}, {names} FROM ({counts}) c ORDER BY day, currency "
        f"ON CONFLICT (day, currency) DO UPDATE SET {added}"
    )
