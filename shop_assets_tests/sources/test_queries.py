"""A query is read as a table is: by its cursor, or whole, whatever the database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shop_assets.errors import UserError
from shop_assets.settings.select_statement import why_no_select, without_semicolon
from shop_assets.settings.shop import SqlStream
from shop_assets.sources import SourceError
from shop_assets.sources.protocol import ReadRequest, Window
from shop_assets.sources.sql import SqlConnector
from shop_assets_tests.sources.conftest import Postgres
from shop_assets_tests.sources.mariadb import MariaDb
from shop_assets_tests.sources.reading import database, good, hour, read, utc
from shop_assets_tests.sources.test_other_databases import make

TABLES = (
    "CREATE TABLE orders (id INT, at TIMESTAMP NULL, buyer INT)",
    "CREATE TABLE buyers (id INT, name VARCHAR(20))",
    """INSERT INTO orders VALUES (1, '2026-01-01 08:00:00', 7), (2, '2026-01-01 08:59:59', 8),
       (3, '2026-01-01 09:00:00', 7)""",
    "INSERT INTO buyers VALUES (7, 'Ann'), (8, 'Bo')",
)
QUERY = "SELECT o.id, o.at, b.name FROM orders o JOIN buyers b ON b.id = o.buyer -- and no more"


@pytest.fixture(params=["postgres", "sqlite", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind, with the same rows."""
    if request.param == "sqlite":
        make(tmp_path, *TABLES)
        return f"sqlite:///{tmp_path / 'shop.db'}"
    if request.param == "mariadb":
        maria: MariaDb = request.getfixturevalue("mariadb")
        maria.run("SET time_zone = '+00:00'", *TABLES)
        return maria.url
    made: Postgres = request.getfixturevalue("postgres")
    made.run(*TABLES)
    return made.url


def joined(url: str, **more: Any) -> SqlConnector:
    return database(url, query=more.pop("query", QUERY), key=("id",), **more)


def test_a_query_is_read_by_its_cursor(url: str) -> None:
    rows = read(joined(url), hour("2026-01-01T08:00"))
    assert [(row["id"], row["name"]) for row in good(rows)] == [(1, "Ann"), (2, "Bo")]
    assert [row["_position"] for row in rows] == ["rows(id=1)", "rows(id=2)"]
    assert rows[0]["_change_time"] == utc("2026-01-01T08:00")


def test_a_query_without_cursor_is_read_whole_by_its_key(url: str) -> None:
    source = joined(url, cursor=None, query="SELECT id, buyer % 7 AS odd FROM orders ORDER BY 2")
    window = hour("2026-01-01T11:00")
    rows = read(source, window)
    assert [row["id"] for row in rows] == [1, 2, 3]
    assert {row["_change_time"] for row in rows} == {datetime(2026, 1, 1, 11, 59, 59, tzinfo=UTC)}
    compared = source.compared(ReadRequest("rows", window))
    assert compared is not None
    assert (compared.key, compared.complete, compared.window) == (("id",), True, window)


def test_a_query_is_checked_and_swept_as_a_table_is(url: str) -> None:
    found = joined(url).check("rows")
    assert (list(found.columns), found.problems) == (["id", "at", "name"], [])
    with joined(url).keys("rows") as keys:
        assert sorted(keys.keys(1, [0]).to_pylist()) == ["1", "2", "3"]
    without = joined(url, query="SELECT id, name FROM buyers").check("rows").problems
    assert without[0].endswith(
        "the query of stream rows has no column 'at', the cursor of stream rows; it has id, name"
    )


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("SELECT o.id, b.id, o.at FROM orders o, buyers b", "'id'"),
        ("SELECT id, at FROM nowhere", "nowhere"),
    ],
)
def test_a_query_that_cannot_be_read_is_said_so(url: str, query: str, sentence: str) -> None:
    with pytest.raises(SourceError) as refused:
        read(joined(url, query=query))
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_rows_that_share_a_key_are_refused_where_rows_are_compared(url: str) -> None:
    query = "SELECT buyer AS id, at FROM orders"
    with pytest.raises(
        SourceError, match="several rows of rows have the same id; a key of its own"
    ):
        read(joined(url, cursor=None, query=query), hour("2026-01-01T11:00"))


def test_a_daily_snapshot_is_read_in_the_hour_of_midnight_only(url: str) -> None:
    source = joined(url, cursor=None, snapshot="daily")
    midnight = utc("2025-12-31T18:30")  # in Kolkata
    day = Window(utc("2025-12-31T12:00"), utc("2026-01-01T12:00"))

    def times(window: Window, midnight: datetime | None) -> set[Any]:
        request = ReadRequest("rows", window, midnight=midnight)
        return {
            time
            for batch in source.read(request)
            for time in batch.rows["_change_time"].to_pylist()
        }

    assert times(hour("2025-12-31T17:00"), None) == set()
    assert times(hour("2025-12-31T18:00"), midnight) == {utc("2025-12-31T18:59:59")}
    assert times(day, midnight) == {utc("2025-12-31T18:59:59")}


def test_no_query_writes_in_postgresql(postgres: Postgres) -> None:
    postgres.run("CREATE SEQUENCE numbers")
    with pytest.raises(SourceError, match="read-only transaction"):
        read(joined(postgres.url, query="SELECT nextval('numbers') AS id, now() AS at"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT 1", None),
        (" (select 1) ;\n-- done", None),
        ("/* ; */ WITH a AS (SELECT ';') SELECT * FROM a", None),
        ('SELECT $x$ ; $x$, "a;b", `c;d`', None),
        ("", "it is empty"),
        ("DELETE FROM orders", "it begins with DELETE"),
        ("-- SELECT\nDROP TABLE orders", "it begins with DROP"),
        ("SELECT 1; DROP TABLE orders", "more follows after its semicolon"),
        ("SELECT 1) x, (SELECT 2", "a bracket is closed that was never opened"),
        ("SELECT (1", "a bracket is never closed"),
        ("SELECT 'a", "the ' in it has no end"),
        ("SELECT 1 /* and", "the /* in it has no end"),
    ],
)
def test_only_one_select_is_a_query(text: str, why: str | None) -> None:
    assert why_no_select(text) == why
    if why is None:
        assert why_no_select(f"SELECT * FROM ({without_semicolon(text)}\n) x") is None


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "none of table and query"),
        ({"table": "a", "query": "SELECT 1", "cursor": "at"}, "both table and query"),
        ({"query": "UPDATE a SET b = 1", "cursor": "at"}, "it begins with UPDATE"),
        ({"table": "a"}, "neither a cursor nor a key to compare rows by"),
        ({"table": "a", "cursor": "at", "snapshot": "daily"}, "a snapshot of a stream that has"),
        ({"table": "a", "key": ["id"], "sweep": "daily"}, "a sweep of a stream without cursor"),
        ({"table": "a", "cursor": "at", "sweep": "daily"}, "a sweep without a key to compare"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises((ValueError, UserError), match=sentence):
        SqlStream.model_validate({"entities": {}, **settings})
