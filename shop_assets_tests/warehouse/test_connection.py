"""The warehouse makes what is missing, waits for nobody, and says plainly when it is away."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from adbc_driver_manager import Error as AdbcError

from shop_assets.entities import TABLES
from shop_assets.errors import UserError
from shop_assets.stack.endpoints import Endpoints
from shop_assets.stack.postgres import create_database
from shop_assets.warehouse.connection import (
    Warehouse,
    WarehouseUnavailableError,
    fetch_one,
    in_batches,
)
from shop_assets.warehouse.slices import stage
from shop_assets_tests.warehouse.databases import OWNER, PASSWORD, admin_url
from shop_assets_tests.warehouse.loads import merge, publish, table_of

ORDER = {"version_at": "2026-01-31 09:10"}
MONTHS = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1"


def run(url: str, *statements: str) -> None:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_processes_that_start_at_once_make_one_warehouse(stack: Endpoints, isolation: str) -> None:
    name = f"together_{time.time_ns()}"
    url = create_database(admin_url(stack), name, owner=OWNER, password=PASSWORD)
    run(url, f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")
    started = [Warehouse(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Warehouse.create, started))
    assert merge(started[0], "orders", ORDER).changed == 1


def test_whoever_waited_sees_what_was_committed_whatever_the_isolation_of_the_database(
    own_url: str,
) -> None:
    name = own_url.rsplit("/", 1)[1]
    run(own_url, f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    with Warehouse(own_url).transaction() as waiting:
        fetch_one(waiting, "SELECT count(*) FROM meta.loads")
        publish(Warehouse(own_url), {"hour": dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC)})
        assert fetch_one(waiting, "SELECT count(*) FROM meta.loads") == 1


def test_opening_the_warehouse_waits_for_no_reader_and_stops_no_load(
    warehouse: Warehouse, url: str
) -> None:
    analyst = psycopg2.connect(url)
    with ThreadPoolExecutor(1) as pool, analyst, analyst.cursor() as cursor:
        cursor.execute("SELECT * FROM marts.sales_daily, marts.sales_hourly")
        pool.submit(Warehouse(url, reader="reader").create).result(timeout=60)
        assert merge(warehouse, "orders", ORDER).changed == 1
    analyst.close()


def test_opening_the_warehouse_waits_for_no_load(warehouse: Warehouse, url: str) -> None:
    with ThreadPoolExecutor(1) as pool, warehouse.transaction() as cursor:
        cursor.execute("INSERT INTO warehouse.orders SELECT * FROM warehouse.orders")
        pool.submit(Warehouse(url, reader="reader").create).result(timeout=60)


@pytest.mark.parametrize(
    "gone",
    [
        "TABLE marts_base.sales_daily CASCADE",
        "VIEW marts.sales_daily",
        "INDEX warehouse.payments_versions_order_id",
        "SEQUENCE meta.epochs",
        "SCHEMA meta CASCADE",
    ],
)
def test_what_was_taken_away_is_made_again(own_url: str, gone: str) -> None:
    def found() -> list[Any]:
        return table_of(
            Warehouse(own_url),
            "SELECT n.nspname, c.relname FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN "
            "('meta', 'warehouse', 'marts', 'marts_base') ORDER BY 1, 2",
        )

    before = found()
    run(own_url, f"DROP {gone}")
    assert found() != before
    Warehouse(own_url, reader="reader").create()
    assert found() == before


def test_what_an_older_release_made_is_brought_up_to_date(own_url: str) -> None:
    stand_in = "CREATE VIEW marts.sales_hourly AS SELECT hour FROM marts_base.sales_hourly"
    older = "UPDATE meta.created SET fingerprint = 'of an older release'"
    run(own_url, "DROP VIEW marts.sales_hourly", stand_in, older)
    Warehouse(own_url, reader="reader").create()
    assert table_of(Warehouse(own_url), "SELECT hour, net_sales FROM marts.sales_hourly") == []


def test_months_are_made_as_they_come_and_only_those(own_url: str) -> None:
    warehouse = Warehouse(own_url)
    moments = ["2024-02-29 23:59", "2023-12-31 23:59:59.999999", "2024-01-01 00:00"]
    stamps = pa.array(
        [dt.datetime.fromisoformat(m).replace(tzinfo=dt.UTC) for m in moments] + [None],
        pa.timestamp("us", "UTC"),
    )
    for _ in range(2):
        warehouse.ensure_months(TABLES["orders"], stamps)
    names = [("orders_2023_12",), ("orders_2024_01",), ("orders_2024_02",)]
    assert table_of(warehouse, MONTHS) == names
    warehouse.ensure_months(TABLES["products"], stamps)
    warehouse.ensure_months(TABLES["payments"], stamps.slice(3))
    warehouse.ensure_months(TABLES["payments"], stamps.slice(0, 0))
    assert table_of(warehouse, MONTHS) == names


def test_the_last_microsecond_of_a_month_and_the_first_of_the_next_part(
    warehouse: Warehouse,
) -> None:
    last = {"order_id": "a", "placed_at": "2026-01-31 23:59:59.999999", "version_at": "2026-02-02"}
    first = {"order_id": "b", "placed_at": "2026-02-01 00:00:00", "version_at": "2026-02-02"}
    merge(warehouse, "orders", last, first)
    sql = "SELECT order_id, tableoid::regclass::text FROM warehouse.orders ORDER BY 1"
    assert table_of(warehouse, sql) == [
        ("a", "warehouse.orders_2026_01"),
        ("b", "warehouse.orders_2026_02"),
    ]


def test_a_server_that_dropped_every_connection_is_reached_again(own_url: str) -> None:
    warehouse = Warehouse(own_url)
    with warehouse.transaction(), warehouse.transaction():
        pass
    assert len(others(own_url, 2)) == 2
    run(own_url, f"SELECT pg_terminate_backend(pid) {OTHERS}")
    assert table_of(warehouse, "SELECT 2") == [(2,)]


OTHERS = (
    "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    # The server's own workers, such as autovacuum's, come and go as it pleases.
    "AND backend_type = 'client backend'"
)


def others(url: str, most: int = 1) -> list[tuple[int, str]]:
    """Sessions of the database, once those that were ended are gone: their ids and states."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    deadline = time.monotonic() + 60
    with connection.cursor() as cursor:
        while True:
            cursor.execute(f"SELECT pid, state {OTHERS}")
            found = [(int(pid), str(state)) for pid, state in cursor.fetchall()]
            if len(found) <= most or time.monotonic() > deadline:
                break
            time.sleep(0.02)
    connection.close()
    return found


def test_between_transactions_nothing_is_open_but_three_idle_connections(own_url: str) -> None:
    def use(used: Warehouse) -> None:
        meeting = threading.Barrier(4, timeout=60)

        def together(_: int) -> None:
            with used.transaction():
                meeting.wait()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(together, range(12)))
        assert [state for _, state in others(own_url, 3)] == ["idle"] * 3

    use(Warehouse(own_url))
    use(Warehouse(own_url))  # the former one's connection went with it


def test_transactions_at_once_are_of_three_sessions_again_and_again(own_url: str) -> None:
    warehouse = Warehouse(own_url)
    pid = "SELECT pg_backend_pid()"
    seen = set()
    for _ in range(3):
        with ExitStack() as at_once:
            cursors = [at_once.enter_context(warehouse.transaction()) for _ in range(3)]
            seen |= {fetch_one(cursor, pid) for cursor in cursors}
    assert seen == {found for found, _ in others(own_url, 3)}


def test_transactions_one_after_the_other_are_of_one_session(own_url: str) -> None:
    warehouse = Warehouse(own_url)
    pids = {table_of(warehouse, "SELECT pg_backend_pid()")[0][0] for _ in range(5)}
    assert pids == {pid for pid, _ in others(own_url)}


def test_each_transaction_sorts_in_memory_and_by_one_process(own_url: str) -> None:
    warehouse = Warehouse(own_url)
    for _ in range(2):  # in a new session, and in one that is used again
        with warehouse.transaction() as cursor:
            # Nothing was asked yet: whoever needs one snapshot for all can still say so.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            assert fetch_one(cursor, "SELECT current_setting('work_mem')") == "64MB"
            assert (
                fetch_one(cursor, "SELECT current_setting('max_parallel_workers_per_gather')")
                == "0"
            )


def test_what_a_transaction_leaves_in_its_session_is_gone_in_the_next(own_url: str) -> None:
    warehouse = Warehouse(own_url)
    rows = pa.table({"n": [1]})
    for _ in range(2):
        with warehouse.transaction() as cursor:
            cursor.adbc_ingest("staged", rows, temporary=True)
            cursor.execute("SET timezone = 'Asia/Tokyo'")
            cursor.execute("SELECT pg_advisory_lock(1)")
    left = (
        "SELECT current_setting('timezone') = 'Asia/Tokyo', to_regclass('pg_temp.staged'), "
        "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())"
    )
    assert table_of(warehouse, left) == [(False, None, 0)]


@pytest.mark.parametrize("count", [0, 1, 50_000])
def test_rows_come_in_whole_however_many_batches_they_are(count: int, own_url: str) -> None:
    rows = pa.table(
        {"n": pa.array(range(count), pa.int64()), "text": pa.array(["ö" * 9] * count, pa.string())}
    )
    batches = list(in_batches(rows))
    assert max((batch.num_rows for batch in batches), default=0) <= 16_384
    with Warehouse(own_url).transaction() as cursor:
        stage(cursor, "staged", pa.concat_tables([rows.slice(0, 7), rows.slice(7)]))
        cursor.execute("SELECT n, text FROM pg_temp.staged")
        assert cursor.fetch_arrow_table().equals(rows)


def test_a_connection_whose_transaction_failed_is_not_used_again(own_url: str) -> None:
    warehouse = Warehouse(own_url)
    before = table_of(warehouse, "SELECT pg_backend_pid()")
    with pytest.raises(AdbcError), warehouse.transaction() as cursor:
        cursor.execute("SELECT 1 / 0")
    assert table_of(warehouse, "SELECT pg_backend_pid()") != before
    assert len(others(own_url)) == 1


def test_a_forked_process_has_connections_of_its_own(own_url: str) -> None:
    warehouse = Warehouse(own_url)
    before = table_of(warehouse, "SELECT pg_backend_pid()")
    child = os.fork()
    if not child:
        same = True
        try:
            same = table_of(warehouse, "SELECT pg_backend_pid()") == before
        finally:
            os._exit(int(same))
    assert os.waitpid(child, 0)[1] == 0
    assert table_of(warehouse, "SELECT pg_backend_pid()") == before


def test_an_error_rolls_everything_back(warehouse: Warehouse) -> None:
    def break_off() -> None:
        with warehouse.transaction() as cursor:
            cursor.execute("INSERT INTO meta.mart_versions VALUES ('m', 1, now())")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        break_off()
    assert table_of(warehouse, "SELECT * FROM meta.mart_versions") == []


def test_readers_see_the_former_slice_until_the_commit(warehouse: Warehouse) -> None:
    publish(warehouse, {"units_sold": 1})
    units = "SELECT units_sold FROM marts.sales_hourly"
    with warehouse.transaction() as cursor:
        cursor.execute("DELETE FROM marts_base.sales_hourly")
        assert table_of(warehouse, units) == [(1,)]


@pytest.mark.parametrize("part", ["password", "server", "database"])
def test_a_warehouse_that_is_away_is_named_without_its_password(url: str, part: str) -> None:
    wrong = {
        "password": url.replace(PASSWORD, "canary-secret"),
        "server": "postgresql://loader:canary-secret@127.0.0.1:9/warehouse",
        "database": url.rsplit("/", 1)[0] + "/canary",
    }[part]
    with pytest.raises(WarehouseUnavailableError) as caught:
        Warehouse(wrong).create()
    said = str(caught.value)
    assert isinstance(caught.value, UserError)
    assert said.startswith(f"warehouse {Warehouse(wrong).address}: ")
    assert "SHOP_POSTGRES_URL" in said
    assert "canary-secret" not in said
    assert PASSWORD not in said
    assert "\n" not in said


def test_values_come_back_in_the_types_that_the_declarations_have(warehouse: Warehouse) -> None:
    frame = warehouse.read(
        "SELECT 1::bigint AS n, NULL::bigint AS nothing, 'Ünï 🛒' AS text, true AS flag, "
        "1.5::float8 AS part, '2026-01-31'::date AS day, "
        "'2026-01-31 09:00:00.000001+01'::timestamptz AS at"
    )
    dtypes = [str(dtype) for dtype in frame.dtypes]
    assert dtypes[:2] == ["Int64", "Int64"]
    assert dtypes[3:6] == ["boolean", "Float64", "date32[day][pyarrow]"]
    assert frame["text"][0] == "Ünï 🛒"
    assert frame["at"][0].isoformat() == "2026-01-31T08:00:00.000001+00:00"
