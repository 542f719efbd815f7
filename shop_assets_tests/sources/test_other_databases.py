"""Any database of SQLAlchemy is a source; SQLite stands for them, with its loose types."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shop_assets.sources import PROVENANCE, SourceError
from shop_assets.sources.protocol import ReadRequest, Window
from shop_assets.sources.sql import SqlConnector
from shop_assets_tests.sources.reading import ALWAYS, database, errors, good, hour, read, utc


def make(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def source(
    folder: Path, table: str | None = "orders", cursor: str = "at", **more: Any
) -> SqlConnector:
    return database("sqlite:///shop.db", table, cursor, base=folder, **more)


ORDERS = "CREATE TABLE orders (id INTEGER, at DATETIME)"


@pytest.mark.parametrize("kind", ["DATETIME", "TIMESTAMP", "TEXT", "VARCHAR(30)"])
@pytest.mark.parametrize("mark", [" ", "T"])
def test_windows_are_half_open_however_times_are_written(
    tmp_path: Path, kind: str, mark: str
) -> None:
    stamps = ["07:59:59.999999", "08:00", "08:00:00", "08:00:00.000000", "08:59:59.999999", "09:00"]
    rows = ", ".join(f"({n}, '2026-01-01{mark}{at}')" for n, at in enumerate(stamps))
    make(
        tmp_path,
        f"CREATE TABLE orders (id INTEGER, at {kind})",
        f"INSERT INTO orders VALUES {rows}",
    )
    found = read(source(tmp_path), hour("2026-01-01T08:00"))
    assert sorted(row["id"] for row in found) == [1, 2, 3, 4]


def test_times_with_an_offset_are_put_in_their_hour(tmp_path: Path) -> None:
    make(tmp_path, ORDERS, "INSERT INTO orders VALUES (1, '2026-01-02T01:30:00+14:00')")
    assert len(read(source(tmp_path), hour("2026-01-01T11:00"))) == 1


def test_local_times_and_dates_are_in_the_streams_zone(tmp_path: Path) -> None:
    make(
        tmp_path,
        "CREATE TABLE orders (id INTEGER, at DATETIME, day DATE)",
        "INSERT INTO orders VALUES (1, '2026-07-01 08:00', '2026-07-01')",
    )
    local = source(tmp_path, cursor_timezone="Europe/London")
    assert len(read(local, hour("2026-07-01T07:00"))) == 1
    dated = source(tmp_path, cursor="day", cursor_timezone="Europe/London")
    assert len(read(dated, hour("2026-06-30T23:00"))) == 1
    assert len(read(dated, hour("2026-07-01T00:00"))) == 0


def test_rows_come_by_cursor_and_key_with_provenance(tmp_path: Path) -> None:
    make(
        tmp_path,
        ORDERS,
        "INSERT INTO orders VALUES (3, '2026-01-01'), (1, '2026-01-02'), (2, '2026-01-01')",
    )
    [batch] = source(tmp_path, key=("id",)).read(ReadRequest("rows", ALWAYS))
    assert batch.rows["_position"].to_pylist() == ["orders(id=2)", "orders(id=3)", "orders(id=1)"]
    for field in PROVENANCE:
        assert batch.rows.schema.field(field.name) == field


def test_values_come_as_their_columns_declare(tmp_path: Path) -> None:
    make(
        tmp_path,
        "CREATE TABLE orders (at DATETIME, n INTEGER, r REAL, price NUMERIC(10,2), t TEXT,"
        " b BLOB, yes BOOLEAN, absent INTEGER, day DATE, clock TIME, name VARCHAR(9), big BIGINT,"
        " d DECIMAL(9,2), f FLOAT, code CHAR(2), doc JSON, free)",
        "INSERT INTO orders VALUES ('2026-01-01', 9007199254740993, 0.1, '12.10', 'é', x'dead',"
        " 1, NULL, '2026-01-02', '08:30', 'v', -9223372036854775808, 12.5, 0.25, 'ab', '[1]', 7)",
    )
    [row] = good(read(source(tmp_path)))
    queried = source(tmp_path, None, query="SELECT * FROM orders")
    assert good(read(queried)) == [row]
    assert row == {
        "at": "2026-01-01",
        "n": 9007199254740993,
        "r": 0.1,
        "price": "12.1",  # SQLite keeps a number, not its text
        "t": "é",
        "b": "\\xdead",
        "yes": "1",
        "absent": None,
        "day": "2026-01-02",
        "clock": "08:30",
        "name": "v",
        "big": -9223372036854775808,
        "d": "12.5",
        "f": 0.25,
        "code": "ab",
        "doc": "[1]",
        "free": "7",
    }


def test_a_value_that_is_not_what_its_column_declares_breaks_its_row_only(tmp_path: Path) -> None:
    make(
        tmp_path,
        "CREATE TABLE orders (at DATETIME, id INTEGER, note TEXT)",
        "INSERT INTO orders VALUES ('2026-01-01 00:01', 1, 'a'), ('2026-01-01 00:02', 'many', 'b')",
        "INSERT INTO orders VALUES ('2026-01-01 00:03', 3, CAST(x'ff' AS TEXT))",
        "INSERT INTO orders VALUES ('2026-01-01 00:04', 4, CAST(x'6100' AS TEXT))",
        "INSERT INTO orders VALUES ('2026-01-01 00:05', 5, 'e')",
    )
    rows = read(source(tmp_path))
    assert [row["id"] for row in good(rows)] == [1, 5]
    at = "orders(at=2026-01-01 00:0{})"
    assert [(position, reason) for position, reason, _ in errors(rows)] == [
        (at.format(2), "id is 'many', which is no INTEGER to keep"),
        (at.format(3), "note is '�', which is no TEXT to keep"),
        (at.format(4), "note is 'a␀', which is no TEXT to keep"),
    ]
    assert errors(rows)[0][2] == '{"at": "2026-01-01 00:02", "id": "many", "note": "b"}'
    assert rows[1]["_change_time"] == utc("2026-01-01T00:02")


def test_a_cursor_that_says_no_time_is_refused(tmp_path: Path) -> None:
    make(tmp_path, ORDERS, "INSERT INTO orders VALUES (1, '2026-01-99')")
    with pytest.raises(SourceError, match=r"orders\.at holds '2026-01-99'; a time like 2026-01-31"):
        read(source(tmp_path), Window(utc("2026-01-01T00:00"), utc("2026-03-01T00:00")))


def test_names_that_need_quotes_are_quoted(tmp_path: Path) -> None:
    make(
        tmp_path,
        'CREATE TABLE "select; --" ("At ""x"" 50% :y" DATETIME, "Key\'" INTEGER)',
        "INSERT INTO \"select; --\" VALUES ('2026-01-01', 7)",
    )
    [row] = read(source(tmp_path, "select; --", 'At "x" 50% :y', key=("Key'",)))
    assert row["_position"] == "select; --(Key'=7)"


def test_many_rows_are_read_in_batches(tmp_path: Path) -> None:
    make(
        tmp_path,
        ORDERS,
        """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 35000)
           INSERT INTO orders SELECT i, datetime('2026-01-01', i || ' seconds') FROM n""",
    )
    batches = list(source(tmp_path).read(ReadRequest("rows", ALWAYS)))
    assert len(batches) > 1
    assert [n for batch in batches for n in batch.rows["id"].to_pylist()] == list(range(1, 35_001))


def test_a_read_does_not_see_what_is_written_meanwhile(tmp_path: Path) -> None:
    make(
        tmp_path,
        "PRAGMA journal_mode = WAL",
        ORDERS,
        """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
           INSERT INTO orders SELECT i, datetime('2026-01-01', i || ' seconds') FROM n""",
    )
    batches = source(tmp_path).read(ReadRequest("rows", ALWAYS))
    seen = next(batches).rows["id"].to_pylist()
    make(
        tmp_path,
        "DELETE FROM orders WHERE id > 20000",
        "INSERT INTO orders VALUES (0, '2027-01-01')",
    )
    seen += [n for batch in batches for n in batch.rows["id"].to_pylist()]
    assert seen == list(range(1, 30_001))


def test_a_source_is_never_written(tmp_path: Path) -> None:
    make(tmp_path, ORDERS)
    (tmp_path / "shop.db").chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        assert read(source(tmp_path)) == []
    finally:
        tmp_path.chmod(0o755)


def test_rows_without_a_time_are_reported(tmp_path: Path) -> None:
    make(tmp_path, ORDERS, "INSERT INTO orders VALUES (1, NULL), (2, '2026-01-01')")
    found = source(tmp_path).check("rows")
    assert found.columns == {"id": "INTEGER", "at": "DATETIME"}
    [problem] = found.problems
    assert "1 rows of orders have no at and would never be read" in problem


@pytest.mark.parametrize(
    ("table", "cursor", "sentence"),
    [
        ("gone", "at", "there is no table or view gone, expected one for stream rows to read"),
        ("orders", "gone", "has no column 'gone', the cursor of stream rows; it has id, at"),
        ("orders", "id", "the cursor 'id' of stream rows is INTEGER; a timestamp or date is exp"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, table: str, cursor: str, sentence: str) -> None:
    make(tmp_path, ORDERS)
    with pytest.raises(SourceError) as refused:
        read(source(tmp_path, table, cursor))
    assert str(refused.value).startswith(f"shop: SQLite file {tmp_path}/shop.db: ")
    assert sentence in str(refused.value)


def test_a_missing_file_is_said_so_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"SQLite file .*/shop\.db: there is no such file"):
        read(source(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_text("at,id\n" * 1000)
    with pytest.raises(SourceError, match="it cannot be read: file is not a database") as refused:
        read(source(tmp_path))
    assert "\n" not in str(refused.value)


def test_a_driver_that_is_not_installed_is_said_so() -> None:
    for url in ("mssql+pyodbc://u:canary@127.0.0.1:1/x", "nosuch://u:canary@127.0.0.1/x"):
        with pytest.raises(SourceError, match=r"its driver .* is not installed") as refused:
            read(database(url, "orders"))
        assert "canary" not in str(refused.value)
