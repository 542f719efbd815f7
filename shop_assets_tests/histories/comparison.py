"""What a warehouse holds, row for row, and whether its parts sum to the whole."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg2

from shop_assets.entities import ENTITIES, TABLES
from shop_assets.warehouse import ddl
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.customer_totals import read_totals
from shop_assets_tests.histories.lake import MemoryLake

Holding = dict[str, list[str]]

_COUNTS = (
    "source, stream, entity, hour, rows_read, rows_published, rows_repaired, rows_quarantined, "
    "rows_deduplicated, rows_folded"
)


def _queries() -> dict[str, str]:
    """For each table that must be equal, a query for its rows, each as one text."""
    found = {
        "row_ledger": f"SELECT t::text FROM (SELECT {_COUNTS} FROM meta.row_ledger) t",
        "sold_orders": "SELECT t::text FROM meta.sold_orders t",
        "customer_sums": "SELECT t::text FROM meta.customer_sums t",
        "hour_sums": "SELECT t::text FROM meta.hour_sums t WHERE ledger_rows <> 0",
        "day_sums": "SELECT t::text FROM meta.day_sums t WHERE ledger_rows <> 0",
        "product_sums": "SELECT t::text FROM meta.product_sums t WHERE ledger_rows <> 0",
    }
    for spec in TABLES.values():
        if spec.layer == "analytics" or spec.name in ddl.LAKE_ONLY:
            continue
        found[spec.name] = f"SELECT t::text FROM {ddl.physical(spec)} t"
        if spec.versioned:
            found[f"{spec.name} versions"] = f"SELECT t::text FROM {ddl.versions(spec)} t"
    return found


_ALL = " UNION ALL ".join(f"SELECT '{n}', q.* FROM ({sql}) q" for n, sql in _queries().items())


class Bench:
    """The one database that all histories are played in, with a connection for looking at it."""

    def __init__(self, url: str) -> None:
        self.warehouse = Warehouse(url, zone="Europe/Berlin")
        self._connection = psycopg2.connect(url)
        self._connection.autocommit = True

    def close(self) -> None:
        self._connection.close()

    def empty(self) -> None:
        """Take all rows out; DELETE, since of few rows TRUNCATE takes far longer."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT string_agg(format('DELETE FROM %I.%I', n.nspname, c.relname), '; ' "
                "ORDER BY c.relname = 'reprocessings') "
                "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname "
                "IN ('meta', 'warehouse', 'marts_base', 'analytics_base') "
                "AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'created'"
            )
            (statements,) = cursor.fetchone() or ("",)
            cursor.execute(statements)

    def holding(self) -> Holding:
        """All rows of all tables, as text, sorted."""
        read_totals(self.warehouse)
        found: Holding = {}
        with self._connection.cursor() as cursor:
            cursor.execute(_ALL)
            for table, row in cursor.fetchall():
                found.setdefault(table, []).append(row)
        return {table: sorted(rows) for table, rows in sorted(found.items())}

    def asked(self) -> list[tuple[str, dt.datetime]]:
        """What is asked for: mart and slice."""
        found = self._rows("SELECT mart, slice FROM meta.stale_slices ORDER BY 1, 2")
        return [(mart, moment.astimezone(dt.UTC)) for mart, moment in found]

    def not_newest(self, lake: MemoryLake) -> list[str]:
        """The entities whose current rows are not the newest version of each published key."""
        return [
            entity
            for entity in ENTITIES
            if entity not in ddl.LAKE_ONLY and self._current(entity) != _newest(lake, entity)
        ]

    def _current(self, entity: str) -> set[tuple[Any, ...]]:
        names = ", ".join(ddl.quoted(n) for n in (*ENTITIES[entity].key, "version_at", "deleted"))
        rows: list[tuple[Any, ...]] = self._rows(f"SELECT {names} FROM warehouse.{entity}")
        return set(rows)

    def broken_sums(self) -> list[str]:
        """Which of the sums that must hold do not, in words."""
        read_totals(self.warehouse)
        return [name for name, sql in _SUMS.items() if self._rows(f"{sql} LIMIT 1")]

    def sold(self) -> dict[str, tuple[int, int]]:
        """Gross sales (micros) and units sold by currency, as the days' mart has them."""
        found: list[tuple[Any, ...]] = self._rows(
            "SELECT currency, sum(gross_sales_micros)::bigint, sum(units_sold)::bigint "
            "FROM marts_base.sales_daily GROUP BY 1 HAVING sum(units_sold) <> 0"
        )
        return {currency: (gross, units) for currency, gross, units in found}

    def _rows(self, sql: str) -> list[tuple[Any, Any]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()


def _newest(lake: MemoryLake, entity: str) -> set[tuple[Any, ...]]:
    table = lake.table(f"clean/{entity}")
    if table is None:
        return set()
    key = ENTITIES[entity].key
    newest: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in sorted(table.to_pylist(), key=lambda row: (row["version_at"], row["_hour"])):
        newest[tuple(row[name] for name in key)] = (row["version_at"], row["deleted"])
    return {(*names, *values) for names, values in newest.items()}


def difference(found: Holding, expected: Holding) -> str:
    """The rows that one holds and the other does not, to be read; '' where there are none."""
    lines: list[str] = []
    for table in sorted(found.keys() | expected.keys()):
        has, should = found.get(table, []), expected.get(table, [])
        if has == should:
            continue
        lines.append(f"{table}:")
        lines += [f"  too much {row}" for row in _without(has, should)[:8]]
        lines += [f"  missing  {row}" for row in _without(should, has)[:8]]
    return "\n".join(lines)


def _without(rows: list[str], others: list[str]) -> list[str]:
    left = list(others)
    kept = []
    for row in rows:
        if row in left:
            left.remove(row)
        else:
            kept.append(row)
    return kept


_FIGURES = {
    "gross_sales_micros": "sum(amount_micros) FILTER (WHERE kind = 'sale')",
    "discounts_micros": "sum(amount_micros) FILTER (WHERE kind = 'discount')",
    "returns_micros": "sum(amount_micros) FILTER (WHERE kind IN ('return', 'cancellation'))",
    "shipping_micros": "sum(amount_micros) FILTER (WHERE kind = 'shipping')",
    "taxes_micros": "sum(amount_micros) FILTER (WHERE kind = 'tax')",
    "adjustments_micros": "sum(amount_micros) FILTER (WHERE kind = 'adjustment')",
    "units_sold": "sum(quantity) FILTER (WHERE kind = 'sale')",
    "units_returned": "sum(quantity) FILTER (WHERE kind IN ('return', 'cancellation'))",
}
_OF_PRODUCTS = [name for name in _FIGURES if name[:4] not in ("ship", "taxe", "adju")]
_DAY = "(happened_at AT TIME ZONE 'Europe/Berlin')::date"


def _of_ledger(names: list[str], by: str) -> str:
    sums = ", ".join(f"coalesce({_FIGURES[name]}, 0)" for name in names)
    return (
        f"SELECT {by}, currency, {sums} FROM warehouse.sales_ledger WHERE NOT is_test GROUP BY 1, 2"
    )


def _of_mart(mart: str, names: list[str], by: str) -> str:
    sums = ", ".join(f"sum({name})" for name in names)
    return f"SELECT {by}, currency, {sums} FROM marts_base.{mart} GROUP BY 1, 2"


def _differ(one: str, other: str) -> str:
    return f"SELECT 'x', 'y' FROM (({one} EXCEPT {other}) UNION ALL ({other} EXCEPT {one})) d"


_EVERY = list(_FIGURES)
_SUMS = {
    "customers' orders sum to their totals": _differ(
        "SELECT source, customer_id, currency, count(*)::bigint, sum(net_sales_micros)::bigint, "
        "max(ordered_at) FROM marts_base.customer_orders WHERE customer_id IS NOT NULL "
        "GROUP BY 1, 2, 3",
        "SELECT source, customer_id, currency, orders, net_sales_micros, last_order_at "
        "FROM meta.customer_sums",
    ),
    "the ledger's hours are sales_hourly": _differ(
        _of_ledger(_EVERY, "date_trunc('hour', happened_at, 'UTC')"),
        _of_mart("sales_hourly", _EVERY, "hour"),
    ),
    "the ledger's days are sales_daily": _differ(
        _of_ledger(_EVERY, _DAY), _of_mart("sales_daily", _EVERY, "day")
    ),
    "hours sum to days": _differ(
        _of_mart("sales_hourly", _EVERY, "(hour AT TIME ZONE 'Europe/Berlin')::date"),
        _of_mart("sales_daily", _EVERY, "day"),
    ),
    "products sum to days": _differ(
        _of_mart("product_sales_daily", _OF_PRODUCTS, "day"),
        f"SELECT * FROM ({_of_mart('sales_daily', _OF_PRODUCTS, 'day')}) d WHERE (day, currency) "
        "IN (SELECT day, currency FROM marts_base.product_sales_daily)",
    ),
    "customers' orders sum to the ledger": (
        "SELECT 'x', 'y' FROM (SELECT currency, sum(gross_sales_micros) AS g, "
        "sum(discounts_micros) AS d, sum(returns_micros) AS r FROM marts_base.customer_orders "
        "GROUP BY 1) c FULL JOIN (SELECT currency, sum(gross_sales_micros) AS g, "
        "sum(discounts_micros) AS d FROM marts_base.sales_daily GROUP BY 1) s USING (currency) "
        "WHERE coalesce(c.g, 0) <> coalesce(s.g, 0) OR coalesce(c.d, 0) <> coalesce(s.d, 0)"
    ),
    "an order's sales are its lines": (
        "SELECT order_id, source FROM (SELECT i.source, i.order_id, "
        "sum(i.quantity * i.unit_price_micros) AS worth FROM warehouse.order_items i "
        "LEFT JOIN warehouse.orders o USING (source, order_id) WHERE NOT i.deleted "
        "AND NOT coalesce(o.deleted, false) AND i.line_type <> 'gift_card' "
        "AND i.quantity > 0 AND i.unit_price_micros > 0 GROUP BY 1, 2) lines "
        "FULL JOIN (SELECT source, order_id, sum(amount_micros) AS sold "
        "FROM warehouse.sales_ledger WHERE kind = 'sale' GROUP BY 1, 2) ledger "
        "USING (source, order_id) WHERE coalesce(worth, 0) <> coalesce(sold, 0)"
    ),
    "lines' discounts sum to the order's": (
        "SELECT o.order_id, o.source FROM warehouse.orders o JOIN warehouse.sales_ledger l "
        "USING (source, order_id) WHERE NOT o.deleted GROUP BY 1, 2, o.discount_micros "
        "HAVING sum(amount_micros) FILTER (WHERE kind = 'sale') > 0 "
        "AND coalesce(sum(amount_micros) FILTER (WHERE kind = 'discount'), 0) <> o.discount_micros "
        "+ coalesce((SELECT sum(i.discount_micros) FROM warehouse.order_items i "
        "WHERE i.source = o.source AND i.order_id = o.order_id AND NOT i.deleted "
        "AND i.line_type <> 'gift_card' AND i.quantity > 0 AND i.unit_price_micros > 0), 0)"
    ),
    "every row read is accounted for": (
        "SELECT entity, hour::text FROM meta.row_ledger WHERE rows_read <> "
        "rows_published + rows_quarantined + rows_deduplicated + rows_folded"
    ),
}
