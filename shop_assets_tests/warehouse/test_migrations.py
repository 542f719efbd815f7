"""Migrations lead to what is declared; an old warehouse is upgraded in place, once or not."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from shop_assets.errors import UserError
from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse import upgrade
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.mart_inputs import MARTS
from shop_assets_tests.warehouse.databases import (
    PASSWORD,
    copied,
    migrated,
    new_database,
    rows,
    session,
)
from shop_assets_tests.warehouse.loads import merge
from shop_assets_tests.warehouse.schema import DERIVED, STRUCTURE, Facts, described

OLD_VERSION = "2026-01-31 09:10:00.000001+00"
EVERYTHING = STRUCTURE | DERIVED
WAITING = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())"
)
OLD_ROWS = """
CREATE TABLE warehouse.orders_2026_01 (LIKE warehouse.orders INCLUDING DEFAULTS);
ALTER TABLE warehouse.orders ATTACH PARTITION warehouse.orders_2026_01
    FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2026-02-01 00:00:00+00');
GRANT USAGE ON SCHEMA marts, analytics TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA marts, analytics TO reader;
GRANT SELECT ON marts.sales_daily TO pg_read_all_stats;
INSERT INTO meta.stale_slices VALUES ('sales_hourly', '2026-01-31 09:00+00', 7, now());
INSERT INTO meta.loads VALUES ('l', 'orders', '2026-01-31 09:00+00', '2026-01-31 10:00+00', 1, 1);
"""
KEPT = ("warehouse.orders", "warehouse.products", "warehouse.customers", "marts_base.sales_hourly")


def schema(url: str, queries: dict[str, str]) -> Facts:
    with session(url) as cursor:
        return described(cursor, queries)


def kept(url: str) -> list[list[tuple[Any, ...]]]:
    """The rows of some tables that no version changes."""
    return [rows(url, f"SELECT to_jsonb(t) FROM {table} t") for table in KEPT]


@pytest.fixture(scope="module")
def published(stack: Endpoints) -> str:
    """A warehouse that release 0.1.0 made, with rows in it."""
    url = new_database(stack)
    migrated(url, upgrade.PUBLISHED)
    with session(url) as cursor:
        cursor.execute("DROP TABLE meta.alembic_version")
        cursor.execute(OLD_ROWS)
        for table in ("orders", "orders_versions", "products", "customers"):
            fill(cursor, f"warehouse.{table}")
        for table in ("sales_hourly", "product_sales_daily"):
            fill(cursor, f"marts_base.{table}")
    return url


def fill(cursor: psycopg2.extensions.cursor, table: str) -> None:
    """One row, of a value for each column that its type can have."""
    cursor.execute(
        "SELECT string_agg(CASE format_type(atttypid, -1) WHEN 'text' THEN quote_literal(attname) "
        "WHEN 'bigint' THEN '9007199254740993' WHEN 'boolean' THEN 'false' "
        "WHEN 'date' THEN '''2026-01-31''' WHEN 'double precision' THEN '0.1' "
        f"ELSE '''{OLD_VERSION}''' END, ', ' ORDER BY attnum) "
        f"FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0"
    )
    [values] = cursor.fetchone() or ("",)
    cursor.execute(f"INSERT INTO {table} VALUES ({values})")


@pytest.fixture
def old_url(stack: Endpoints, published: str) -> Iterator[str]:
    """A copy of the published warehouse."""
    with copied(stack, published) as url:
        yield url


@pytest.fixture(scope="module")
def declared(template: str) -> Facts:
    return schema(template, EVERYTHING)


def test_each_migration_alone_leads_to_the_tables_that_are_declared(
    stack: Endpoints, declared: Facts
) -> None:
    url = new_database(stack)
    migrated(url, "head")
    # Left: a declaration without a migration. Right: a migration without a declaration.
    made = schema(url, STRUCTURE)
    expected = {fact for fact in declared if fact[0] in STRUCTURE}
    assert (expected - made, made - expected) == (set(), set())


@pytest.mark.parametrize(
    ("about", "change"),
    [
        ("table", "CREATE TABLE meta.more (id text)"),
        ("column", "ALTER TABLE warehouse.orders ADD COLUMN note text"),
        ("column", "ALTER TABLE warehouse.orders_versions ALTER COLUMN currency DROP NOT NULL"),
        ("column", "ALTER TABLE meta.loads ALTER COLUMN rows_written TYPE integer"),
        ("column", "ALTER TABLE meta.loads ALTER COLUMN committed_at DROP DEFAULT"),
        ("column", 'ALTER TABLE meta.source_keys ALTER COLUMN key TYPE text COLLATE "default"'),
        ("constraint", "ALTER TABLE meta.row_ledger DROP CONSTRAINT row_ledger_pkey"),
        ("index", "DROP INDEX warehouse.payments_versions_order_id"),
        ("index", "CREATE INDEX ON warehouse.products (version_at)"),
        ("sequence", "CREATE SEQUENCE meta.more"),
        ("comment", "COMMENT ON COLUMN warehouse.orders.currency IS 'other'"),
        ("view", "ALTER VIEW marts.sales_daily RENAME COLUMN day TO date"),
        ("view", "REVOKE SELECT ON marts.sales_daily FROM reader"),
    ],
)
def test_the_comparison_sees_every_kind_of_difference(
    template: str, declared: Facts, about: str, change: str
) -> None:
    connection = psycopg2.connect(template)
    with connection.cursor() as cursor:
        cursor.execute(change)
        differing = described(cursor, EVERYTHING) ^ declared
    connection.close()  # without a commit
    assert about in {fact[0] for fact in differing}


def test_versions_are_numbered_without_a_gap_and_each_follows_the_former() -> None:
    config = Config()
    config.set_main_option("script_location", str(upgrade.FOLDER))
    steps = list(ScriptDirectory.from_config(config).walk_revisions())[::-1]
    assert [step.revision for step in steps] == upgrade.versions()
    assert upgrade.versions() == [f"{n:04}" for n in range(1, len(steps) + 1)]
    assert [Path(step.path).name[:4] for step in steps] == upgrade.versions()


def test_migrations_do_not_know_the_registry() -> None:
    for path in upgrade.FOLDER.rglob("*.py"):
        assert "shop_assets." not in path.read_text("utf-8").split('"""')[2], path


def test_an_old_warehouse_is_upgraded_in_place_with_its_rows(old_url: str, declared: Facts) -> None:
    before = kept(old_url)
    assert [len(table) for table in before] == [1] * len(KEPT)
    Warehouse(old_url, reader="reader").create()
    with session(old_url) as cursor:
        cursor.execute("REVOKE SELECT ON marts.sales_daily FROM pg_read_all_stats")
        upgraded = described(cursor, EVERYTHING)
    assert (declared - upgraded, upgraded - declared) == (set(), set())
    assert kept(old_url) == before
    for entity in ("orders", "products"):
        versions = f"SELECT version_at - change_hour FROM warehouse.{entity}_versions"
        assert rows(old_url, versions) == [(dt.timedelta(minutes=10, microseconds=1),)]
    assert rows(old_url, "SELECT version_num FROM meta.alembic_version") == [
        (upgrade.versions()[-1],)
    ]


def test_the_orders_sold_so_far_are_taken_from_the_ledger(old_url: str) -> None:
    with session(old_url) as cursor:
        cursor.execute(
            "CREATE TABLE warehouse.sales_ledger_all PARTITION OF warehouse.sales_ledger DEFAULT"
        )
        for kind, item, order, test in [
            ("sale", "1", "A", False), ("sale", "2", "A", False), ("shipping", "", "B", False),
            ("sale", "1", "C", True),
        ]:  # fmt: skip
            cursor.execute(
                "INSERT INTO warehouse.sales_ledger (source, order_id, item_id, kind, event_id, "
                "happened_at, ordered_at, customer_id, quantity, amount_micros, currency, is_test) "
                "VALUES ('s', %s, %s, %s, 'e', %s, %s, 'c', 1, 1, 'GBP', %s)",
                (order, item, kind, OLD_VERSION, OLD_VERSION, test),
            )
    Warehouse(old_url, reader="reader").create()
    sold = rows(
        old_url,
        "SELECT source, order_id, customer_id, ordered_at, currencies, sold_since "
        "FROM meta.sold_orders",
    )
    at = dt.datetime.fromisoformat(OLD_VERSION)
    assert sold == [("s", "A", "c", at, ["GBP"], [at])]
    # What is kept of the ledger's sums is made when it is first asked for.
    days = MARTS["sales_daily"](Warehouse(old_url), at - dt.timedelta(1), at + dt.timedelta(1))
    shown = ["orders", "new_customer_orders", "gross_sales_micros", "shipping_micros"]
    assert days[shown].to_numpy().tolist() == [[1, 1, 2, 1]]


def test_what_customers_have_ordered_so_far_is_summed(old_url: str) -> None:
    with session(old_url) as cursor:
        cursor.execute(
            "CREATE TABLE marts_base.customer_orders_all "
            "PARTITION OF marts_base.customer_orders DEFAULT"
        )
        for order, customer, net in [("A", "c1", 5), ("B", "c1", 7), ("C", None, 1)]:
            cursor.execute(
                "INSERT INTO marts_base.customer_orders (ordered_hour, source, order_id, "
                "customer_id, ordered_at, currency, gross_sales_micros, discounts_micros, "
                "returns_micros, net_sales_micros, units_sold) "
                "VALUES (%s, 's', %s, %s, %s, 'GBP', 0, 0, 0, %s, 1)",
                (OLD_VERSION, order, customer, OLD_VERSION, net),
            )
    Warehouse(old_url, reader="reader").create()
    summed = rows(old_url, "SELECT * FROM meta.customer_sums")
    assert summed == [("s", "c1", "GBP", 2, 12, dt.datetime.fromisoformat(OLD_VERSION))]


def test_an_upgraded_warehouse_takes_loads(old_url: str) -> None:
    warehouse = Warehouse(old_url, reader="reader")
    warehouse.create()
    placed = ("2026-01-31 09:10", "2026-02-01 09:10")  # in a month that stood, and in a new one
    merge(
        warehouse,
        "orders",
        *({"order_id": at, "placed_at": at, "version_at": "2026-02-01 09:10"} for at in placed),
    )
    months = "SELECT tableoid::regclass::text, count(*) FROM warehouse.orders GROUP BY 1 ORDER BY 1"
    assert rows(old_url, months) == [
        ("warehouse.orders_2026_01", 2),
        ("warehouse.orders_2026_02", 1),
    ]
    months_columns = (
        "SELECT a.attname, a.atttypid, a.attnotnull FROM pg_attribute a "
        "WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid = '{}'::regclass ORDER BY 1"
    )
    parent, old, new = (
        rows(old_url, months_columns.format(f"warehouse.{table}"))
        for table in ("orders", "orders_2026_01", "orders_2026_02")
    )
    assert parent == old == new
    again = {"source": "source", "order_id": "order_id", "version_at": OLD_VERSION}
    merge(warehouse, "orders", again | {"placed_at": "2026-01-31 09:10"})
    told = "SELECT count(*) FROM warehouse.orders_versions WHERE order_id = 'order_id'"
    assert rows(old_url, told) == [(1,)]


def test_requests_of_an_old_warehouse_stay_and_new_ones_are_newer(old_url: str) -> None:
    Warehouse(old_url, reader="reader").create()
    requests = "SELECT mart, slice::text, generation > 7 FROM meta.stale_slices ORDER BY 1"
    assert rows(old_url, requests) == [
        ("product_sales_daily", "2026-01-31 00:00:00+00", True),
        ("sales_hourly", "2026-01-31 09:00:00+00", False),
    ]


def test_whoever_could_read_a_view_can_after_an_upgrade_that_knows_no_reader(old_url: str) -> None:
    readers = (
        "SELECT DISTINCT grantee FROM information_schema.role_table_grants "
        "WHERE table_schema = 'marts' AND table_name = '{}' AND grantee <> current_user ORDER BY 1"
    )
    Warehouse(old_url).create()
    assert rows(old_url, readers.format("sales_daily")) == [("pg_read_all_stats",), ("reader",)]
    assert rows(old_url, readers.format("sales_hourly")) == [("reader",)]


START = (
    "import logging, sys; logging.basicConfig(level=logging.INFO); "
    "from shop_assets.warehouse.connection import Warehouse; "
    "Warehouse(sys.argv[1], reader='reader').create()"
)


def test_two_processes_that_start_at_once_upgrade_once(old_url: str, declared: Facts) -> None:
    first = psycopg2.connect(old_url)
    with first.cursor() as cursor:
        cursor.execute(upgrade.CREATE_LOCK)
        started = [
            subprocess.Popen(
                [sys.executable, "-c", START, old_url],
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"PYTHONWARNINGS": "ignore"},
            )
            for _ in range(2)
        ]
        deadline = time.monotonic() + 60
        while rows(old_url, WAITING) != [(2,)]:
            assert time.monotonic() < deadline, "they do not wait for the lock"
            time.sleep(0.05)
    first.close()
    said = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    steps = re.findall(r"Running upgrade (\d*) -> (\d*)", "\n".join(said))
    assert steps == list(zip(upgrade.versions(), upgrade.versions()[1:], strict=False))
    assert declared <= schema(old_url, EVERYTHING) | {f for f in declared if f[0] == "view"}


def test_two_warehouses_are_made_at_once_by_one_process(stack: Endpoints, declared: Facts) -> None:
    urls = [new_database(stack) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda url: Warehouse(url, reader="reader").create(), urls))
    assert [schema(url, EVERYTHING) for url in urls] == [declared] * 3


def refused(url: str) -> str:
    """What is said of a warehouse that cannot be brought up to date, which changes nothing."""
    before = schema(url, EVERYTHING), kept(url)
    with pytest.raises(UserError) as caught:
        Warehouse(url, reader="reader").create()
    assert (schema(url, EVERYTHING), kept(url)) == before
    said = str(caught.value)
    assert said.startswith(f"warehouse {Warehouse(url).address}: found ")
    assert "\n" not in said
    assert PASSWORD not in said
    return said


def test_a_migration_that_fails_midway_changes_nothing(old_url: str, declared: Facts) -> None:
    with session(old_url) as cursor:  # what the last of three new tables refers to is no table
        cursor.execute("CREATE SEQUENCE meta.reprocessings")
    said = refused(old_url)
    assert f"found version 0001, expected {upgrade.versions()[-1]}" in said
    assert said.endswith(
        'left nothing half done: referenced relation "reprocessings" is not a table'
    )
    with session(old_url) as cursor:
        cursor.execute("DROP SEQUENCE meta.reprocessings")
    Warehouse(old_url, reader="reader").create()
    assert {f for f in declared if f[0] in STRUCTURE} == schema(old_url, STRUCTURE)


def test_a_warehouse_of_a_newer_release_is_refused(own_url: str) -> None:
    with session(own_url) as cursor:
        cursor.execute(
            "UPDATE meta.created SET fingerprint = 'newer'; "
            "UPDATE meta.alembic_version SET version_num = '9999'"
        )
    assert refused(own_url).endswith(
        f"found version 9999 of its tables, expected at most {upgrade.versions()[-1]}, "
        "the newest that this release of shop-assets knows"
    )


def test_a_view_of_somebody_elses_that_is_in_the_way_is_named(old_url: str) -> None:
    with session(old_url) as cursor:
        cursor.execute("CREATE SCHEMA own; CREATE VIEW own.mine AS SELECT * FROM marts.sales_daily")
    assert "view own.mine depends on view marts.sales_daily" in refused(old_url)


def test_an_upgrade_does_not_wait_for_ever_for_a_load(
    old_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "PATIENCE", "100ms")
    load = psycopg2.connect(old_url)
    with load.cursor() as cursor:
        cursor.execute("SELECT * FROM marts.sales_daily")
        assert "canceling statement due to lock timeout" in refused(old_url)
    load.close()


def test_an_upgrade_whose_connection_is_cut_says_so_and_changes_nothing(old_url: str) -> None:
    load = psycopg2.connect(old_url)
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND datname = current_database()"
    )
    with ThreadPoolExecutor(1) as pool, load.cursor() as cursor:
        cursor.execute("SELECT * FROM marts.sales_daily")
        said = pool.submit(refused, old_url)
        deadline = time.monotonic() + 30
        while not rows(old_url, cut):
            assert time.monotonic() < deadline, "it waits for nobody"
            time.sleep(0.02)
        cut_off = "(terminating connection|server closed the connection)"
        assert re.search(f"left nothing half done: {cut_off}", said.result(timeout=60))
    load.close()


def test_an_old_warehouse_that_lost_its_books_is_not_taken_for_a_new_one(old_url: str) -> None:
    with session(old_url) as cursor:
        cursor.execute("DROP SCHEMA meta CASCADE")
    assert "found version none, expected" in refused(old_url)


def test_a_declaration_that_takes_a_column_from_a_view_needs_no_migration(own_url: str) -> None:
    with session(own_url) as cursor:
        cursor.execute("DROP VIEW marts.sales_hourly")
        cursor.execute("CREATE VIEW marts.sales_hourly AS SELECT 1 AS gone")
        cursor.execute("UPDATE meta.created SET fingerprint = 'of another declaration'")
    Warehouse(own_url, reader="reader").create()
    assert rows(own_url, "SELECT net_sales FROM marts.sales_hourly") == []


def test_a_warehouse_that_is_up_to_date_is_opened_by_one_query_without_the_lock(
    own_url: str,
) -> None:
    warehouse = Warehouse(own_url, reader="reader")
    warehouse.read("SELECT 1")  # the driver asks for types when it first connects
    with session(own_url) as cursor:
        cursor.execute(upgrade.CREATE_LOCK)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(warehouse.create).result(timeout=60)
