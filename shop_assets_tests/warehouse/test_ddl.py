"""The warehouse's tables are their declarations; analysts see money in major units, and nobody."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest

from shop_assets.entities import TABLES
from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse import ddl
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.warehouse.databases import admin_url
from shop_assets_tests.warehouse.loads import ledger, merge, publish, table_of

Cursor = psycopg2.extensions.cursor


@pytest.fixture
def reader(stack: Endpoints, url: str) -> Iterator[Cursor]:
    """A session with the rights of the role that reads."""
    admin = urlsplit(admin_url(stack))
    address = urlunsplit((admin.scheme, admin.netloc, urlsplit(url).path, "", ""))
    connection = psycopg2.connect(address)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE reader")
        yield cursor
    connection.close()


def test_every_table_has_the_columns_types_and_key_of_its_declaration(
    warehouse: Warehouse,
) -> None:
    sql = (
        "SELECT a.attname, format_type(a.atttypid, -1), NOT a.attnotnull, "
        "col_description(a.attrelid, a.attnum) FROM pg_attribute a "
        "WHERE a.attrelid = '{}'::regclass AND a.attnum > 0 ORDER BY a.attnum"
    )
    keys = (
        "SELECT a.attname FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(n, place), "
        "pg_attribute a WHERE i.indrelid = '{}'::regclass AND i.indisprimary "
        "AND a.attrelid = i.indrelid AND a.attnum = k.n ORDER BY k.place"
    )
    for spec in ddl.stored_tables():
        declared = [(c.name, c.postgres, c.nullable, c.description) for c in spec.columns]
        assert table_of(warehouse, sql.format(ddl.physical(spec))) == declared
        key = [name for (name,) in table_of(warehouse, keys.format(ddl.physical(spec)))]
        more = [] if not spec.by_month or spec.time in spec.key else [spec.time]
        order = list(spec.key)
        if spec.layer == "warehouse":
            # Rows that come by the million are told apart by their ids, not by what all share.
            assert order[0] == "source"
            order[:2] = order[1::-1]
        assert key == [*order, *more]
        if spec.versioned:
            key = [name for (name,) in table_of(warehouse, keys.format(ddl.versions(spec)))]
            assert key == [*order, "version_at", ddl.CHANGE_HOUR]
            found = table_of(warehouse, sql.format(ddl.versions(spec)))
            slice_of = (ddl.CHANGE_HOUR, "timestamp with time zone", False)
            assert [row[:3] for row in found] == [*(row[:3] for row in declared), slice_of]


def test_no_table_stands_there_that_is_not_declared(own_url: str) -> None:
    found = table_of(
        Warehouse(own_url),
        "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE "
        "table_schema IN ('warehouse', 'marts_base', 'analytics_base') ORDER BY 1",
    )
    declared = {ddl.physical(spec) for spec in ddl.stored_tables()}
    declared |= {ddl.versions(spec) for spec in ddl.stored_tables() if spec.versioned}
    assert {name for (name,) in found} == {name.replace('"', "") for name in declared}


def test_web_events_stay_in_the_lake(warehouse: Warehouse) -> None:
    assert table_of(warehouse, "SELECT to_regclass('warehouse.web_events') IS NULL") == [(True,)]


def test_the_reader_may_read_every_view_and_nothing_else(reader: Cursor) -> None:
    for spec in ddl.stored_tables():
        if spec.layer != "warehouse":
            reader.execute(f"SELECT * FROM {spec.layer}.{spec.name}")
        for hidden in (ddl.physical(spec), *([ddl.versions(spec)] if spec.versioned else [])):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                reader.execute(f"SELECT * FROM {hidden}")
    reader.execute("SELECT * FROM marts.sales_ledger")
    for statement in (
        "SELECT * FROM meta.loads",
        "DELETE FROM marts.sales_daily",
        "CREATE TABLE marts.mine (a int)",
        "SELECT nextval('meta.epochs')",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            reader.execute(statement)


def test_views_show_money_exactly_and_in_major_units(warehouse: Warehouse, reader: Cursor) -> None:
    publish(warehouse, {"gross_sales_micros": 9_007_199_254_740_993, "net_sales_micros": -1})
    reader.execute("SELECT gross_sales, net_sales, orders FROM marts.sales_hourly")
    expected = (Decimal("9007199254.740993"), Decimal("-0.000001"), 1)
    assert reader.fetchall() == [expected]


def test_views_show_nobody(reader: Cursor) -> None:
    reader.execute(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema IN ('marts', 'analytics')"
    )
    shown = reader.fetchall()
    personal = {c.name for spec in TABLES.values() for c in spec.columns if c.pii}
    assert personal == {"email", "name"}
    assert len(shown) > 100
    named = [pair for pair in shown if pair[1] in personal]
    assert named == [("products_history", "name")], "a product's name is nobody's"
    assert not [pair for pair in shown if pair[1].endswith("_micros")]


@pytest.mark.parametrize("name", ddl.HISTORIES)
def test_a_history_is_read_in_the_order_of_its_index(reader: Cursor, name: str) -> None:
    reader.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    reader.execute(f"EXPLAIN SELECT * FROM marts.{name}_history")
    plan = "\n".join(line for (line,) in reader.fetchall())
    assert re.search(r"Presorted Key: \S+_id, \S+\.source, \S+\.version_at", plan), plan


def test_test_orders_are_kept_and_in_no_view(warehouse: Warehouse, reader: Cursor) -> None:
    rows = [{"order_id": name, "version_at": "2026-01-31 09:10"} for name in ("real", "test")]
    merge(warehouse, "orders", rows[0], rows[1] | {"is_test": True})
    merge(warehouse, "order_items", *rows)
    ledger(warehouse, "real", "test")
    reader.execute("SELECT order_id FROM marts.sales_ledger")
    assert reader.fetchall() == [("real",)]
    assert len(table_of(warehouse, "SELECT * FROM warehouse.sales_ledger")) == 2


@pytest.mark.parametrize(
    ("month", "bounds"),
    [
        ((2024, 2), ("2024-02-01 00:00:00+00", "2024-03-01 00:00:00+00")),
        ((2023, 12), ("2023-12-01 00:00:00+00", "2024-01-01 00:00:00+00")),
        ((2026, 1), ("2026-01-01 00:00:00+00", "2026-02-01 00:00:00+00")),
    ],
)
def test_a_months_partition_ends_where_the_next_begins(
    month: tuple[int, int], bounds: tuple[str, str]
) -> None:
    name, statements = ddl.month_partition(TABLES["orders"], dt.date(*month, 1))
    assert name == f"orders_{month[0]}_{month[1]:02}"
    assert re.findall(r"'([^']+)'", statements[1]) == list(bounds)


def test_names_are_quoted() -> None:
    assert ddl.quoted('a"; DROP TABLE b; --') == '"a""; DROP TABLE b; --"'


def test_one_declaration_has_one_fingerprint() -> None:
    assert ddl.fingerprint("reader") == ddl.fingerprint("reader")
    assert ddl.fingerprint("reader") != ddl.fingerprint(None)


def test_rows_are_sorted_by_what_tells_them_apart_first() -> None:
    assert ddl.sorted_by(("source", "order_id", "item_id")) == ("order_id", "item_id", "source")
    assert ddl.sorted_by(("hour", "currency")) == ("hour", "currency")
