"""Which orders of `customer_orders` are to be computed again, beside the hours that they stand in.

A refund of today concerns an order of any hour of the last weeks. Were the hours computed as a
whole for it, each hour's run would read again what the shop has sold in months: so the orders are
noted, too, in the transaction that changes their ledger rows, and of an hour that has been
published before only they are computed. Whoever computes a whole hour settles them all.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from shop_assets.warehouse import slices
from shop_assets.warehouse.connection import Cursor, Warehouse, read

_AT_A_TIME = 10_000
"""How many orders stand in one row at most."""
_SCHEMA = pa.schema(
    [("hour", pa.timestamp("us", "UTC")), ("source", pa.string()), ("order_id", pa.string())]
)

_IDS = pa.schema([("id", pa.int64())])


def mark(cursor: Cursor) -> None:
    """Ask for the orders in `pg_temp.moved_orders` (source, order_id, at), at the hour of `at`."""
    cursor.execute(
        "INSERT INTO meta.moved_orders (hour, source, order_ids) "
        "SELECT hour, source, array_agg(order_id) FROM ("
        "SELECT hour, source, order_id, row_number() OVER () AS n FROM ("
        "SELECT DISTINCT date_trunc('hour', at, 'UTC') AS hour, source, order_id "
        f"FROM pg_temp.moved_orders) hours) numbered GROUP BY hour, source, n / {_AT_A_TIME}"
    )


@dataclass(frozen=True)
class Orders:
    """Orders that are asked for: columns hour, source, order_id; each once an hour.

    `ids`: of the requests, one column. `alone`: the orders are computed and replaced, and not the
    hours as a whole; otherwise `asked` is empty.
    """

    ids: pd.DataFrame
    asked: pd.DataFrame
    alone: bool


def asked(
    warehouse: Warehouse, start: dt.datetime, end: dt.datetime, *, alone: bool = False
) -> Orders:
    """The orders asked for in the hours `[start, end)`.

    `alone`: they only are to be computed; then all of hours never published are among them.
    """
    order_ids = "order_ids" if alone else "'{}'::text[] AS order_ids"
    with warehouse.transaction() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE requests ON COMMIT DROP AS SELECT id, hour, source, {order_ids} "
            "FROM meta.moved_orders WHERE hour >= $1 AND hour < $2",
            parameters=(start, end),
        )
        ids = read(cursor, "SELECT id FROM pg_temp.requests")
        orders = read(
            cursor,
            "SELECT DISTINCT hour, source, order_id FROM pg_temp.requests "
            "CROSS JOIN LATERAL unnest(order_ids) o (order_id)",
        )
        if alone:
            new = read(
                cursor,
                "SELECT h AS hour, o.source, o.order_id FROM generate_series("
                "$1::timestamptz, $2::timestamptz - interval '1 hour', interval '1 hour') h "
                "CROSS JOIN LATERAL (SELECT source, order_id FROM meta.sold_orders o "
                "WHERE o.ordered_at >= h AND o.ordered_at < h + interval '1 hour' OFFSET 0) o "
                "WHERE NOT EXISTS (SELECT FROM meta.slices s "
                "WHERE s.asset = 'marts/customer_orders' AND s.slice = h "
                "AND s.slice >= $1 AND s.slice < $2)",
                (start, end),
            )
            orders = pd.concat([orders, new], ignore_index=True).drop_duplicates()
    return Orders(ids, orders, alone)


def stage(cursor: Cursor, orders: pd.DataFrame) -> None:
    """Put some orders into `pg_temp.asked_orders` (hour, source, order_id)."""
    table = pa.Table.from_pandas(orders, schema=_SCHEMA, preserve_index=False)
    slices.stage(cursor, "asked_orders", table)


def settle(cursor: Cursor, orders: Orders) -> None:
    """Take out the requests that were answered; what was asked for since then stays."""
    table = pa.Table.from_pandas(orders.ids, schema=_IDS, preserve_index=False)
    slices.stage(cursor, "answered", table)
    cursor.execute("DELETE FROM meta.moved_orders m USING pg_temp.answered a WHERE m.id = a.id")
