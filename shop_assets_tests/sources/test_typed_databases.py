"""Databases with types of their own are streamed through SQLAlchemy: PostgreSQL by its driver."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from shop_assets.sources import SourceError
from shop_assets.sources.databases import DatabaseReader
from shop_assets.sources.protocol import ReadRequest, Window
from shop_assets.sources.sql import SqlConnector
from shop_assets_tests.sources.conftest import PASSWORD, Postgres
from shop_assets_tests.sources.reading import ALWAYS, database, good, hour, read, utc


def through_sqlalchemy(url: str, *table: str, **more: Any) -> SqlConnector:
    """A connector that does not know that the database is PostgreSQL."""
    connector = database(url, *table, **more)
    reader = DatabaseReader("shop", make_url(url), connector._source, base=Path("/"))
    connector._opened = reader
    return connector


@pytest.fixture(name="url")
def _url(postgres: Postgres) -> str:
    return postgres.url.replace("postgresql", "postgresql+psycopg2")


def test_values_come_as_their_types_are(postgres: Postgres, url: str) -> None:
    postgres.run(
        """CREATE TABLE orders AS SELECT timestamptz '2026-01-01 09:00+01' AS at,
           12.10::numeric AS price, 1e-10::numeric AS tiny, true AS yes, 5::int8 AS n,
           0.1::float8 AS f, 'é'::text AS t, '{"a": [1]}'::jsonb AS doc, '\\xdead'::bytea AS b,
           date '2026-01-02' AS day, timestamp '2026-01-01 09:00' AS local,
           interval '90 min' AS span, NULL::numeric AS absent, NULL::timestamptz AS never"""
    )
    [row] = good(read(through_sqlalchemy(url, "orders")))
    assert row == {
        "at": datetime(2026, 1, 1, 8, tzinfo=UTC),
        "price": "12.10",
        "tiny": "0.0000000001",
        "yes": True,
        "n": 5,
        "f": 0.1,
        "t": "é",
        "doc": '{"a": [1]}',
        "b": "\\xdead",
        "day": date(2026, 1, 2),
        "local": datetime(2026, 1, 1, 9),  # noqa: DTZ001
        "span": "1:30:00",
        "absent": None,
        "never": None,
    }


@pytest.mark.parametrize(
    ("kind", "window", "expected"),
    [
        ("timestamptz", hour("2026-07-01T08:00"), [2, 3]),
        ("timestamp", hour("2026-07-01T07:00"), [2, 3]),
        ("date", hour("2026-06-30T23:00"), [1, 2, 3, 4]),
        ("date", hour("2026-07-01T00:00"), []),
    ],
)
def test_windows_are_half_open(
    postgres: Postgres, url: str, kind: str, window: Window, expected: list[int]
) -> None:
    postgres.run(
        "SET timezone = 'UTC'",
        f"CREATE TABLE orders (id int, at {kind})",
        "INSERT INTO orders VALUES (1, '2026-07-01 07:59:59.999999'), (2, '2026-07-01 08:00'),"
        " (3, '2026-07-01 08:59:59.999999'), (4, '2026-07-01 09:00')",
    )
    source = through_sqlalchemy(url, "orders", key=("id",), cursor_timezone="Europe/London")
    assert [row["id"] for row in read(source, window)] == expected


def test_a_read_sees_one_snapshot_and_streams(postgres: Postgres, url: str) -> None:
    postgres.run(
        "CREATE TABLE orders AS SELECT n AS id,"
        " '2026-01-01'::timestamptz + n * interval '1 s' AS at FROM generate_series(1, 50000) n"
    )
    source = through_sqlalchemy(url, "orders")
    batches = source.read(ReadRequest("rows", ALWAYS))
    first = next(batches).rows
    assert first.num_rows == 10_000
    postgres.run("DELETE FROM orders WHERE id > 40000")
    assert first.num_rows + sum(batch.rows.num_rows for batch in batches) == 50_000


def test_its_transaction_is_repeatable_read(postgres: Postgres, url: str) -> None:
    postgres.run(
        "CREATE VIEW orders AS SELECT current_setting('transaction_isolation') AS level,"
        " '2026-01-01'::timestamptz AS at"
    )
    [row] = read(through_sqlalchemy(url, "orders"))
    assert row["level"] == "repeatable read"


def test_rows_without_a_time_are_reported(postgres: Postgres, url: str) -> None:
    postgres.run("CREATE TABLE orders (id int, at timestamptz)", "INSERT INTO orders VALUES (1)")
    [problem] = through_sqlalchemy(url, "orders").check("rows").problems
    assert "1 rows of orders have no at" in problem


def test_a_time_that_python_has_no_word_for_ends_the_read_in_one_sentence(
    postgres: Postgres, url: str
) -> None:
    postgres.run(
        "CREATE TABLE orders AS SELECT '2026-01-01'::timestamptz AS at, 'infinity'::date AS day,"
        " '12026-01-01'::timestamptz AS far"
    )
    with pytest.raises(SourceError) as refused:
        read(through_sqlalchemy(url, "orders"))
    assert "\n" not in str(refused.value)


def test_no_refusal_says_the_password(postgres: Postgres) -> None:
    url = postgres.url_of_clerk(PASSWORD).replace("postgresql", "postgresql+psycopg2")
    for wrong in (url.replace(PASSWORD, "canary"), f"{url}&connect_timeout={PASSWORD}"):
        with pytest.raises(SourceError) as refused:
            read(through_sqlalchemy(wrong, "orders"))
        assert PASSWORD not in str(refused.value)
        assert "canary" not in str(refused.value)


def test_a_window_has_instants(postgres: Postgres, url: str) -> None:
    postgres.run("CREATE TABLE orders (at timestamptz)")
    window = Window(utc("0001-01-01T00:00"), utc("9999-12-31T23:59"))
    assert read(through_sqlalchemy(url, "orders"), window) == []
    assert read(database(postgres.url, "orders"), window) == []
