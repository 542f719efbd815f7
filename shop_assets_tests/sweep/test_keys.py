"""Keys are the same text on both sides, and few are read to find what is gone."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import create_engine, text

from shop_assets.assets.sweep import Comparison, compare
from shop_assets.sources.errors import SourceError
from shop_assets.sources.key_text import key_text
from shop_assets.sources.protocol import ReadRequest
from shop_assets.sources.sql import SqlConnector
from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse import source_keys
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.sources.conftest import Postgres, postgres, postgres_server
from shop_assets_tests.sources.reading import ALWAYS, database
from shop_assets_tests.warehouse.databases import copied, emptied
from shop_assets_tests.warehouse.loads import table_of, wait_for_waiter

__all__ = ["postgres", "postgres_server"]
NOW = dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC)
Source = Postgres


@pytest.fixture(scope="module")
def shared(stack: Endpoints, warehouse_template: str) -> Iterator[Warehouse]:
    with copied(stack, warehouse_template) as url:
        yield Warehouse(url)


@pytest.fixture
def warehouse(shared: Warehouse) -> Iterator[Warehouse]:
    yield shared
    emptied(shared.url)


def load(warehouse: Warehouse, source: SqlConnector, *key: str) -> None:
    """Note what the source has, as the load of its rows does."""
    rows = pa.concat_tables(batch.rows for batch in source.read(ReadRequest("rows", ALWAYS)))
    hours = pa.repeat(pa.scalar(NOW, pa.timestamp("us", "UTC")), rows.num_rows)
    seen = {"key": key_text(rows, key), "hour": hours, "changed_at": rows["_change_time"]}
    source_keys.record(warehouse, "shop", "rows", pa.table(seen))


def look(warehouse: Warehouse, source: SqlConnector) -> Comparison:
    with source_keys.known(warehouse, "shop", "rows") as known, source.keys("rows") as there:
        return compare(known, there)


def found(comparison: Comparison) -> list[str]:
    return sorted(comparison.gone.to_pylist())


def numbers(postgres: Source, count: int) -> SqlConnector:
    postgres.run(
        "CREATE TABLE orders (id bigint PRIMARY KEY, at timestamptz)",
        f"INSERT INTO orders SELECT n, '2026-01-31 09:00Z' FROM generate_series(1, {count}) n",
    )
    return database(postgres.url, "orders", key=("id",))


def test_of_100_000_keys_few_are_read_to_find_one_that_is_gone(
    postgres: Source, warehouse: Warehouse
) -> None:
    source = numbers(postgres, 100_000)
    load(warehouse, source, "id")
    nothing = look(warehouse, source)
    assert (found(nothing), nothing.ranges_read, nothing.keys_read) == ([], 0, 0)
    postgres.run("DELETE FROM orders WHERE id = 77777")
    one = look(warehouse, source)
    assert found(one) == ["77777"]
    assert one.ranges_read == 1
    assert one.keys_read < 150
    # Many, of which several were in one range, are found as surely.
    postgres.run("DELETE FROM orders WHERE id BETWEEN 40001 AND 45000")
    many = look(warehouse, source)
    assert found(many) == sorted(["77777", *map(str, range(40_001, 45_001))])
    assert many.ranges_read <= many.ranges


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        (("int",), ["(7)", "(-7)", "(0)"]),
        (("text",), ["('a')", "('A')", "('')", "('~,')", "('~~N')", "('ö, ü')", "('a ')"]),
        (("uuid",), ["('5b2a6ee8-0a37-4b6e-8ad7-2f6f6f3e8f10')"]),
        (("numeric",), ["(1)", "(1.50)", "(12345678901234567890.1)"]),
        (("char(4)",), ["('ab')", "('abcd')"]),
        (("boolean",), ["(true)", "(false)"]),
        (("date",), ["('2026-01-31')", "('1999-12-31')", "('infinity')"]),
        (("timestamptz",), ["('2026-03-29 01:30:00.000001+00')", "('1969-12-31 23:59:59.5Z')"]),
        (("timestamp",), ["('2026-01-31 08:30')", "('0001-01-01')", "('-infinity')"]),
        (("text", "text"), ["('a', 'b,c')", "('a,b', 'c')", "('a~', 'b')", "(NULL, 'N')"]),
        (("int", "text"), ["(1, NULL)", "(NULL, '1')", "(NULL, NULL)", "(1, '~N')"]),
    ],
)
def test_a_key_is_the_same_text_on_both_sides(
    declared: tuple[str, ...], values: list[str], postgres: Source, warehouse: Warehouse
) -> None:
    names = [f"k{n}" for n in range(len(declared))]
    columns = ", ".join(f"{n} {kind}" for n, kind in zip(names, declared, strict=True))
    postgres.run(
        f"CREATE TABLE orders ({columns}, at timestamptz DEFAULT '2026-01-31 09:00Z')",
        f"INSERT INTO orders ({', '.join(names)}) VALUES {', '.join(values)}",
        f"ALTER DATABASE {postgres.database} SET datestyle = 'SQL, DMY'",
    )
    source = database(postgres.url, "orders", key=names)
    load(warehouse, source, *names)
    same = look(warehouse, source)
    assert (found(same), same.ranges_read) == ([], 0)
    postgres.run("DELETE FROM orders")
    assert len(found(look(warehouse, source))) == len(values)


def test_a_key_that_is_rounded_is_refused(postgres: Source) -> None:
    postgres.run("CREATE TABLE orders (id float8, at timestamptz)")
    source = database(postgres.url, "orders", key=("id",))
    with (
        pytest.raises(SourceError, match=r"the key 'id' .+ is double precision; .+ without round"),
        source.keys("rows"),
    ):
        pass


def test_rows_that_come_and_change_while_a_sweep_reads_are_not_taken_for_gone(
    postgres: Source, warehouse: Warehouse
) -> None:
    source = numbers(postgres, 1000)
    load(warehouse, source, "id")
    stop = threading.Event()
    made: list[int] = []

    def busy() -> None:
        number = 1000
        while not stop.is_set():
            number += 1
            postgres.run(
                f"INSERT INTO orders VALUES ({number}, now())",
                f"UPDATE orders SET at = now() WHERE id = {number - 500}",
            )
            load(warehouse, source, "id")
            made.append(number)

    worker = threading.Thread(target=busy)
    worker.start()
    try:
        while len(made) < 8:
            assert found(look(warehouse, source)) == []
    finally:
        stop.set()
        worker.join()
    postgres.run("DELETE FROM orders WHERE id = 1001")
    assert found(look(warehouse, source)) == ["1001"]


def test_a_key_that_was_seen_again_since_the_sweep_looked_is_not_marked(
    postgres: Source, warehouse: Warehouse
) -> None:
    source = numbers(postgres, 100)
    load(warehouse, source, "id")
    postgres.run("DELETE FROM orders WHERE id IN (5, 6)")
    with source_keys.known(warehouse, "shop", "rows") as known, source.keys("rows") as there:
        gone = compare(known, there).gone
    postgres.run("INSERT INTO orders VALUES (6, now())")
    load(warehouse, source, "id")

    def mark() -> int:
        return source_keys.mark_deleted(
            warehouse, "shop", "rows", gone, gone_at=there.moment, known_at=known.moment
        )

    assert mark() == 1
    rows = warehouse.read("SELECT key FROM meta.source_deletions")
    assert rows["key"].tolist() == ["5"]
    assert found(look(warehouse, source)) == []


def test_what_is_marked_as_an_hour_ends_stands_in_an_hour_that_is_not_yet_loaded(
    postgres: Source, warehouse: Warehouse
) -> None:
    load(warehouse, numbers(postgres, 3), "id")
    gone = pa.chunked_array([["2"]])
    long_ago = NOW - dt.timedelta(days=9)
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
    source_keys.mark_deleted(warehouse, "shop", "rows", gone, gone_at=long_ago, known_at=soon)
    hour = soon.replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=1)
    deletions = source_keys.found_gone(
        warehouse, "shop", "rows", hour, hour + dt.timedelta(hours=2)
    ).to_pylist()
    assert [(row["key"], row["gone_at"], row["row_hour"]) for row in deletions] == [
        ("2", long_ago, NOW)
    ]
    before = source_keys.found_gone(warehouse, "shop", "rows", long_ago, hour)
    assert before.num_rows == 0


@pytest.mark.parametrize("how", ["mark_deleted", "mark_missing", "find_again"])
def test_what_is_found_gone_is_held_in_the_order_in_which_it_is_noted(
    warehouse: Warehouse, how: str
) -> None:
    # Two that hold some of the same keys in two orders would end each other in a deadlock.
    names = [f"k{n:03}" for n in range(100)]
    time = pa.repeat(pa.scalar(NOW, pa.timestamp("us", "UTC")), len(names))
    source_keys.record(
        warehouse, "shop", "rows", pa.table({"key": names, "hour": time, "changed_at": time})
    )
    gone = pa.table({"key": names[::-1], "gone_at": time})
    later = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
    stream = (warehouse, "shop", "rows")

    def mark() -> None:
        if how == "mark_deleted":
            source_keys.mark_deleted(*stream, gone["key"], gone_at=later, known_at=later)
        elif how == "mark_missing":
            source_keys.mark_missing(*stream, gone, known_at=later, hour=NOW)
        else:
            source_keys.find_again(*stream, gone["key"])

    one = "SELECT key FROM meta.source_keys WHERE key = 'k050' FOR UPDATE"
    with ThreadPoolExecutor(1) as pool:
        with warehouse.transaction() as cursor:
            cursor.execute(one)
            cursor.fetchall()
            marked = pool.submit(mark)
            wait_for_waiter(warehouse)
            free = table_of(
                warehouse, "SELECT key FROM meta.source_keys ORDER BY key FOR UPDATE SKIP LOCKED"
            )
        marked.result(timeout=60)
    assert [key for (key,) in free] == names[51:]


@contextmanager
def sqlite(path: Path) -> Iterator[Any]:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_another_database_gives_all_its_keys(tmp_path: Path, warehouse: Warehouse) -> None:
    with sqlite(tmp_path / "shop.db") as connection:
        connection.execute(text("CREATE TABLE orders (id INTEGER, shop TEXT, at DATETIME)"))
        for number in range(200):
            row = {"id": number, "shop": f"s,{number % 3}"}
            connection.execute(
                text("INSERT INTO orders VALUES (:id, :shop, '2026-01-31 09:00:00')"), row
            )
    source = database("sqlite:///shop.db", "orders", base=tmp_path, key=("id", "shop"))
    load(warehouse, source, "id", "shop")
    assert found(look(warehouse, source)) == []
    with sqlite(tmp_path / "shop.db") as connection:
        connection.execute(text("DELETE FROM orders WHERE id = 7"))
    one = look(warehouse, source)
    assert (found(one), one.keys_read) == (["7,s~,1"], 199)
