"""A shop's past, made in SQL: what the warehouse would hold after months of hours.

Made backwards from a moment, so that a long history ends with the short one, and an hour that is
loaded after either finds the same orders, products and visitors of late.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import psycopg2

from shop_assets.assets import reconciliation
from shop_assets.entities import TABLES, TableSpec
from shop_assets.transforms import sessions
from shop_assets.warehouse import ddl
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.flatness import paid

HOUR = dt.timedelta(hours=1)
NOW = dt.datetime(2026, 1, 15, tzinfo=dt.UTC)
"""The hour that follows on the history: the first of its day, for which marts are made anew."""

PRODUCTS = 50
ASSETS = (
    *("clean/orders", "warehouse/orders", "warehouse/order_items", "warehouse/refunds"),
    *("warehouse/sales_ledger", "warehouse/products", "warehouse/customers"),
    *("warehouse/inventory_levels", "warehouse/inventory_movements", "warehouse/web_activity"),
    *("marts/sales_hourly", "marts/customer_orders", "marts/funnel_hourly"),
    *("marts/inventory_hourly", "marts/data_quality_hourly"),
    *(f"warehouse/{name}" for name in paid.NAMES),
)
"""The assets that each hour of the past was written by."""

_DEFAULTS = {
    "text": "''",
    "int": "0",
    "bool": "false",
    "float": "0",
    "timestamp": "at",
    "date": "at::date",
}

_BASE = """
CREATE TEMP TABLE hours AS
SELECT h, %(now)s::timestamptz - (h + 1) * %(spacing)s::interval AS at
FROM generate_series(0, %(hours)s - 1) h;
CREATE TEMP TABLE orders_made AS
SELECT h, k, 'o' || h || '-' || k AS order_id, at + k * interval '1 second' AS at,
    'c' || (h * %(orders)s + k) / 3 AS customer_id
FROM hours, generate_series(0, %(orders)s - 1) k;
CREATE TEMP TABLE lines_made AS
SELECT o.*, i::text AS item_id, 'p' || (h * 7 + k * 3 + i) %% %(products)s AS product_id
FROM orders_made o, generate_series(1, 2) i;
CREATE TEMP TABLE products_made AS
SELECT 'p' || k AS product_id, at FROM hours, generate_series(0, %(products)s - 1) k
WHERE (h + k) %% 10 = 0 OR h = 0;
CREATE TEMP TABLE refunds_made AS
SELECT h, k, 'r' || order_id AS refund_id, order_id, product_id,
    at + interval '20 minutes' AS at FROM lines_made WHERE item_id = '1' AND k %% 10 = 0;
CREATE TEMP TABLE levels_made AS
SELECT h, 'p' || (h * 10 + k) %% %(products)s AS product_id, at, k FROM hours,
    generate_series(0, CASE WHEN h = 0 THEN %(products)s - 1 ELSE 9 END) k;
CREATE TEMP TABLE visits_made AS
SELECT h, 'v' || h || '-' || k AS visitor_id, at + k * interval '1 minute' AS at, at AS hour
FROM hours, generate_series(0, 19) k;
CREATE TEMP TABLE days_made AS
SELECT day, day AS at, 'k' || k AS campaign_id
FROM (SELECT DISTINCT date_trunc('day', at, 'UTC') AS day FROM hours) d, generate_series(0, 4) k;
"""

_ORDER = {
    "source": "'shop'",
    "order_id": "order_id",
    "customer_id": "customer_id",
    "placed_at": "at",
    "status": "'paid'",
    "currency": "'GBP'",
    "version_at": "at",
}
_ITEM = _ORDER | {
    "item_id": "item_id",
    "product_id": "product_id",
    "line_type": "'article'",
    "quantity": "1",
    "unit_price_micros": "10000000",
}
_LEDGER = {
    "source": "'shop'",
    "order_id": "order_id",
    "happened_at": "at",
    "ordered_at": "at",
    "customer_id": "customer_id",
    "currency": "'GBP'",
    "event_id": "(extract(epoch FROM at) * 1000000)::bigint::text",
}
_SOLD = _LEDGER | {
    "item_id": "item_id",
    "product_id": "product_id",
    "kind": "'sale'",
    "line_type": "'article'",
    "quantity": "1",
    "amount_micros": "10000000",
}

_ENTITIES: dict[str, tuple[str, dict[str, str]]] = {
    "orders": ("orders_made", _ORDER),
    "order_items": ("lines_made", _ITEM),
    "refunds": (
        "refunds_made",
        {
            "source": "'shop'",
            "refund_id": "refund_id",
            "order_id": "order_id",
            "item_id": "'1'",
            "refunded_at": "at",
            "quantity": "1",
            "amount_micros": "10000000",
            "currency": "'GBP'",
            "version_at": "at",
        },
    ),
    "inventory_levels": (
        "levels_made",
        {
            "source": "'wms'",
            "product_id": "product_id",
            "location_id": "'L'",
            "measured_at": "at",
            "available": "k",
            "version_at": "at",
        },
    ),
    "inventory_movements": (
        "levels_made",
        {
            "source": "'wms'",
            "movement_id": "'m' || h || '-' || k",
            "moved_at": "at",
            "product_id": "product_id",
            "location_id": "'L'",
            "quantity": "-1",
            "version_at": "at",
        },
    ),
    "ad_spend": (
        "days_made",
        {
            "source": "'ads'",
            "campaign_id": "campaign_id",
            "day": "at::date",
            "currency": "'GBP'",
            "version_at": "at",
        },
    ),
    **paid.ENTITIES,
}
"""Of each the rows, each of one version."""

_VERSIONS: dict[str, tuple[str, dict[str, str]]] = {
    "products": (
        "products_made",
        {
            "source": "'wms'",
            "product_id": "product_id",
            "category": "'c'",
            "created_at": "at",
            "version_at": "at",
        },
    ),
    "customers": (
        "(SELECT customer_id, at FROM orders_made WHERE k % 3 = 0) customers_made",
        {
            "source": "'shop'",
            "customer_id": "customer_id",
            "created_at": "at",
            "version_at": "at",
        },
    ),
    "campaigns": (
        "(SELECT DISTINCT campaign_id, min(at) OVER () AS at FROM days_made) campaigns_made",
        {"source": "'ads'", "campaign_id": "campaign_id", "version_at": "at"},
    ),
}
"""Of each all versions, of which the newest is current."""

_DERIVED: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("sales_ledger", "lines_made", _SOLD),
    ("sales_ledger", "orders_made", _LEDGER | {"kind": "'shipping'", "item_id": "''"}),
    ("sales_ledger", "orders_made", _LEDGER | {"kind": "'tax'", "item_id": "''"}),
    (
        "web_activity",
        "visits_made",
        {
            "source": "'tracker'",
            "change_hour": "date_trunc('hour', hour, 'UTC')",
            "visitor_id": "visitor_id",
            "started_at": "at",
            "ended_at": "at + interval '5 minutes'",
            "events": "2",
        },
    ),
    ("sales_hourly", "hours", {"hour": "at", "currency": "'GBP'"}),
    ("sales_daily", "days_made WHERE campaign_id = 'k0'", {"day": "at", "currency": "'GBP'"}),
    (
        "product_sales_daily",
        f"days_made, generate_series(0, {PRODUCTS} - 1) k WHERE campaign_id = 'k0'",
        {"day": "at", "source": "'shop'", "product_id": "'p' || k", "line_type": "'article'"},
    ),
    (
        "customer_orders",
        "orders_made",
        {
            "ordered_hour": "date_trunc('hour', at, 'UTC')",
            "source": "'shop'",
            "order_id": "order_id",
            "customer_id": "customer_id",
        },
    ),
    ("funnel_hourly", "hours", {"hour": "at", "source": "'tracker'"}),
    (
        "inventory_hourly",
        "levels_made",
        {"hour": "at", "source": "'wms'", "product_id": "product_id", "location_id": "'L'"},
    ),
    ("ad_spend_daily", "days_made", {"day": "at", "source": "'ads'", "campaign_id": "campaign_id"}),
    (
        "data_quality_hourly",
        "hours, unnest('{orders,order_items,refunds}'::text[]) entity",
        {"hour": "at", "source": "'shop'", "stream": "entity", "entity": "entity"},
    ),
)

_META = """
INSERT INTO meta.slices (asset, slice, epoch, load_id)
SELECT asset, h, 0, 'l' FROM unnest(%(assets)s) asset, generate_series(
    (SELECT date_trunc('hour', min(at), 'UTC') FROM hours), %(now)s - interval '1 hour', '1 hour'
) h;
INSERT INTO meta.loads (load_id, asset, slice_start, slice_end, rows_written, rows_changed)
SELECT asset || h, asset, at, at + interval '1 hour', 1, 1 FROM hours, unnest(%(assets)s) asset;
INSERT INTO meta.sold_orders
    (source, order_id, customer_id, ordered_at, currencies, sold_since)
SELECT 'shop', order_id, customer_id, at, '{GBP}', ARRAY[at] FROM orders_made;
INSERT INTO meta.funnel_made VALUES (true, %(rule)s);
INSERT INTO meta.funnel_sums
SELECT date_trunc('hour', started_at, 'UTC'), source, count(*), 0, 0, 0, 0, 0, 0, 0
FROM warehouse.web_activity GROUP BY 1, 2;
INSERT INTO meta.sums_of (zone) VALUES ('UTC');
INSERT INTO meta.hour_sums
SELECT date_trunc('hour', happened_at, 'UTC'), currency, sum(amount_micros), 0, 0, 0, 0, 0,
    sum(quantity), 0, count(DISTINCT order_id), count(*)
FROM warehouse.sales_ledger WHERE kind = 'sale' GROUP BY 1, 2;
INSERT INTO meta.day_sums
SELECT hour::date, currency, sum(gross_sales_micros), 0, 0, 0, 0, 0, sum(units_sold), 0,
    sum(orders), sum(ledger_rows) FROM meta.hour_sums GROUP BY 1, 2;
UPDATE meta.day_sums t SET new_customer_orders = f.orders FROM (
    SELECT at::date AS day, count(*) AS orders FROM (
        SELECT DISTINCT ON (customer_id) at FROM orders_made ORDER BY customer_id, at, order_id
    ) firsts GROUP BY 1
) f WHERE f.day = t.day;
INSERT INTO meta.product_sums
SELECT happened_at::date, source, product_id, line_type, currency, sum(amount_micros), 0, 0,
    sum(quantity), 0, count(DISTINCT order_id), count(*)
FROM warehouse.sales_ledger WHERE kind = 'sale' GROUP BY 1, 2, 3, 4, 5;
INSERT INTO meta.row_ledger
SELECT 'shop', entity, entity, date_trunc('hour', at, 'UTC'), 9, 9, 0, 0, 0, 0, 'l'
FROM hours, unnest('{orders,order_items,refunds,customers,products}'::text[]) entity;
INSERT INTO meta.source_keys (source, stream, key, hash, hour, changed_at)
SELECT 'shop', 'orders', order_id, hashtext(order_id), date_trunc('hour', at, 'UTC'), at
FROM orders_made;
INSERT INTO meta.source_keys (source, stream, key, hash, hour, changed_at)
SELECT 'shop', 'order_items', order_id || ',' || line, hashtext(order_id),
    date_trunc('hour', at, 'UTC'), at FROM orders_made, generate_series(1, 2) line;
INSERT INTO meta.source_deletions
SELECT 'shop', 'orders', date_trunc('hour', at, 'UTC'), order_id, at, at FROM orders_made
WHERE k = 1;
INSERT INTO meta.source_checkpoints
SELECT 'api', stream, at - interval '10 minutes', at + interval '1 hour', '{}', 'l'
FROM hours, unnest('{charges,refunds}'::text[]) stream;
INSERT INTO meta.mart_changes
SELECT 'l' || h, mart, at::date, 'GBP', '{"rows": 1}' FROM hours,
    unnest('{sales_hourly,sales_daily,customer_orders}'::text[]) mart;
"""


@dataclass(frozen=True)
class History:
    """So many hours up to `NOW`, `spacing` apart, each of so many orders."""

    hours: int
    spacing: dt.timedelta = HOUR
    orders: int = 10

    @property
    def start(self) -> dt.datetime:
        """The first of the hours."""
        return NOW - self.hours * self.spacing


def fill(warehouse: Warehouse, history: History) -> None:
    """Put a history into an empty warehouse, and take the planner's figures of it."""
    given = {
        "now": NOW,
        "hours": history.hours,
        "spacing": history.spacing,
        "orders": history.orders,
        "products": PRODUCTS,
        "assets": list(ASSETS),
        "rule": sessions.RULE,
    }
    connection = psycopg2.connect(warehouse.url)
    with connection, connection.cursor() as cursor:
        cursor.execute(_BASE, given)
        cursor.execute(paid.BASE)
        for month in _months(history.start):
            for spec in ddl.stored_tables():
                if spec.by_month:
                    _, statements = ddl.month_partition(spec, month)
                    cursor.execute("; ".join(statements))
        for name, (rows, columns) in _ENTITIES.items():
            _insert(cursor, TABLES[name], ddl.physical(TABLES[name]), rows, columns)
            _insert_versions(cursor, TABLES[name], rows, columns)
        for name, (rows, columns) in _VERSIONS.items():
            spec = TABLES[name]
            _insert_versions(cursor, spec, rows, columns)
            keys = ", ".join(spec.key)
            cursor.execute(
                f"INSERT INTO {ddl.physical(spec)} SELECT DISTINCT ON ({keys}) "
                f"{ddl.column_list(spec)} FROM {ddl.versions(spec)} "
                f"ORDER BY {keys}, version_at DESC"
            )
        for name, rows, columns in _DERIVED:
            _insert(cursor, TABLES[name], ddl.physical(TABLES[name]), rows, columns)
        cursor.execute(_META, given)
    for name, reads in reconciliation.READS.items():
        made = [declared for declared in reconciliation.DECLARED if declared.comparison == name]
        reconciliation.compare(warehouse, made, reads, list(paid.PROVIDERS), paid.GRACE)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    connection.close()


def _months(start: dt.datetime) -> list[dt.date]:
    first = start.year * 12 + start.month - 1
    last = NOW.year * 12 + NOW.month - 1
    return [dt.date(m // 12, m % 12 + 1, 1) for m in range(first, last + 1)]


def _insert(
    cursor: psycopg2.extensions.cursor,
    spec: TableSpec,
    table: str,
    rows: str,
    columns: dict[str, str],
    more: dict[str, str] | None = None,
) -> None:
    given = {
        c.name: columns.get(c.name, "NULL" if c.nullable else _DEFAULTS[c.kind])
        for c in spec.columns
    } | (more or {})
    names = ", ".join(map(ddl.quoted, given))
    cursor.execute(f"INSERT INTO {table} ({names}) SELECT {', '.join(given.values())} FROM {rows}")


def _insert_versions(
    cursor: psycopg2.extensions.cursor, spec: TableSpec, rows: str, columns: dict[str, str]
) -> None:
    hour = {ddl.CHANGE_HOUR: "date_trunc('hour', at, 'UTC')"}
    _insert(cursor, spec, ddl.versions(spec), rows, columns, hour)
