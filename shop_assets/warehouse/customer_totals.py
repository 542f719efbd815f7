"""What each customer has ordered so far, kept as the mart of their orders changes.

Customers are ranked against all others, hour by hour: the orders of years are not to be read for
it. A load adds what it changes, in its transaction, so that the sums are those of the mart always.
"""

from __future__ import annotations

import pandas as pd

from shop_assets.warehouse import ddl
from shop_assets.warehouse.connection import Cursor, Warehouse, fetch_one

_KEY = "source, customer_id, currency"
_SORTED = ", ".join(ddl.sorted_by(_KEY.split(", ")))
_SAME_KEY = "t.source = m.source AND t.customer_id = m.customer_id AND t.currency = m.currency"


def add(cursor: Cursor) -> None:
    """Add the rows of `customer_orders` in `pg_temp.came`, and take off those in `pg_temp.gone`.

    In the transaction of a load, after `marts.note_change`, by whose lock loads that change the
    mart follow each other; each statement here sees what the load before it has committed.
    """
    cursor.execute(
        "CREATE TEMP TABLE moved_totals ON COMMIT DROP AS "
        f"SELECT {_KEY}, sum(sign)::bigint AS orders, sum(sign * net_sales_micros)::bigint AS net, "
        "max(ordered_at) FILTER (WHERE sign = 1) AS newest, "
        "max(ordered_at) FILTER (WHERE sign = -1) AS newest_gone FROM ("
        "SELECT 1 AS sign, * FROM pg_temp.came UNION ALL SELECT -1, * FROM pg_temp.gone) either "
        f"WHERE customer_id IS NOT NULL GROUP BY {_KEY}"
    )
    # In the order of the keys, so that two loads cannot wait for each other. Whoever has moved one
    # of these customers has committed by the end of this statement.
    cursor.execute(
        f"INSERT INTO meta.customer_totals AS t ({_KEY}, orders, net_sales_micros, last_order_at) "
        f"SELECT {_KEY}, orders, net, coalesce(newest, '-infinity') FROM pg_temp.moved_totals "
        f"ORDER BY {_SORTED} ON CONFLICT ({_KEY}) DO UPDATE SET "
        "orders = t.orders + excluded.orders, "
        "net_sales_micros = t.net_sales_micros + excluded.net_sales_micros, "
        "last_order_at = greatest(t.last_order_at, excluded.last_order_at)"
    )
    if not fetch_one(cursor, "SELECT EXISTS (SELECT FROM pg_temp.gone)"):
        return
    cursor.execute("DELETE FROM pg_temp.moved_totals WHERE newest_gone IS NULL")
    cursor.execute("ANALYZE pg_temp.moved_totals")
    # Where a customer's newest order was taken out, the one before is looked up.
    cursor.execute(
        "UPDATE meta.customer_totals t SET last_order_at = (SELECT max(o.ordered_at) "
        "FROM marts_base.customer_orders o WHERE o.source = m.source "
        "AND o.customer_id = m.customer_id AND o.currency = m.currency) "
        f"FROM pg_temp.moved_totals m WHERE {_SAME_KEY} AND t.orders > 0 "
        "AND m.newest_gone >= t.last_order_at AND m.newest IS DISTINCT FROM m.newest_gone"
    )
    cursor.execute(
        "DELETE FROM meta.customer_totals t USING pg_temp.moved_totals m "
        f"WHERE {_SAME_KEY} AND t.orders = 0"
    )


def read_totals(warehouse: Warehouse) -> pd.DataFrame:
    """Each customer's orders in each currency.

    Columns source, customer_id, currency, orders, net_sales_micros, last_order_at (UTC).
    """
    return warehouse.read(
        f"SELECT {_KEY}, orders, net_sales_micros, last_order_at FROM meta.customer_totals"
    )
