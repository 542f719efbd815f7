"""What each customer has ordered so far, kept as the mart of their orders changes.

Customers are ranked against all others, hour by hour: the orders of years are not to be read for
it. A load notes in its transaction by how much it moves whom; whoever reads the totals adds what
was noted first. So a load need not find the row of each of its customers, and a customer who is
moved by many loads is found once.
"""

from __future__ import annotations

import pandas as pd

from shop_assets.warehouse import ddl
from shop_assets.warehouse.connection import Cursor, Warehouse, fetch_one

_KEY = "source, customer_id, currency"
_SORTED = ", ".join(ddl.sorted_by(_KEY.split(", ")))
_SAME_KEY = "t.source = m.source AND t.customer_id = m.customer_id AND t.currency = m.currency"
_NEWEST, _NEWEST_GONE = (f"max(ordered_at) FILTER (WHERE sign = {sign})" for sign in (1, -1))


def note(cursor: Cursor) -> None:
    """Note what a load brings to `customer_orders` (`pg_temp.came`) and takes out (`gone`).

    In the load's transaction, after `marts.note_change`, by whose lock loads follow each other. A
    customer's newest order that is only replaced has not gone.
    """
    cursor.execute(
        f"INSERT INTO meta.moved_totals ({_KEY}, orders, net_sales_micros, newest, newest_gone) "
        f"SELECT {_KEY}, sum(sign), sum(sign * net_sales_micros), {_NEWEST}, "
        f"nullif({_NEWEST_GONE}, {_NEWEST}) FROM ("
        "SELECT 1 AS sign, * FROM pg_temp.came UNION ALL SELECT -1, * FROM pg_temp.gone) either "
        f"WHERE customer_id IS NOT NULL GROUP BY {_KEY}"
    )


def read_totals(warehouse: Warehouse) -> pd.DataFrame:
    """Each customer's orders in each currency, by all loads that are committed.

    Columns source, customer_id, currency, orders, net_sales_micros, last_order_at (UTC).
    """
    with warehouse.transaction() as cursor:
        _add_what_was_noted(cursor)
    # By another transaction: loads wait for the one above.
    return warehouse.read(
        f"SELECT {_KEY}, orders, net_sales_micros, last_order_at FROM meta.customer_sums"
    )


def _add_what_was_noted(cursor: Cursor) -> None:
    # What loads hold from their notes to their end: none of them comes in between, so that the
    # mart, which is looked at below, says what the notes do.
    cursor.execute("SELECT FROM meta.mart_versions WHERE mart = 'customer_orders' FOR UPDATE")
    cursor.execute(
        "CREATE TEMP TABLE moved ON COMMIT DROP AS "
        "WITH taken AS (DELETE FROM meta.moved_totals RETURNING *) "
        f"SELECT {_KEY}, sum(orders)::bigint AS orders, sum(net_sales_micros)::bigint AS net, "
        f"max(newest) AS newest, max(newest_gone) AS newest_gone FROM taken GROUP BY {_KEY}"
    )
    cursor.execute(
        f"INSERT INTO meta.customer_sums AS t ({_KEY}, orders, net_sales_micros, last_order_at) "
        f"SELECT {_KEY}, orders, net, coalesce(newest, '-infinity') FROM pg_temp.moved "
        f"ORDER BY {_SORTED} ON CONFLICT ({_KEY}) DO UPDATE SET "
        "orders = t.orders + excluded.orders, "
        "net_sales_micros = t.net_sales_micros + excluded.net_sales_micros, "
        "last_order_at = greatest(t.last_order_at, excluded.last_order_at)"
    )
    if not fetch_one(cursor, "SELECT count(newest_gone) FROM pg_temp.moved"):
        return
    cursor.execute("DELETE FROM pg_temp.moved WHERE newest_gone IS NULL")
    cursor.execute("ANALYZE pg_temp.moved")
    # Where a customer's newest order was taken out, the one before is looked up.
    cursor.execute(
        "UPDATE meta.customer_sums t SET last_order_at = (SELECT max(o.ordered_at) "
        "FROM marts_base.customer_orders o WHERE o.source = m.source "
        "AND o.customer_id = m.customer_id AND o.currency = m.currency) "
        f"FROM pg_temp.moved m WHERE {_SAME_KEY} AND t.orders > 0 "
        "AND m.newest_gone >= t.last_order_at"
    )
    cursor.execute(
        f"DELETE FROM meta.customer_sums t USING pg_temp.moved m WHERE {_SAME_KEY} AND t.orders = 0"
    )
