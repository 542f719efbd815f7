"""MariaDB is a source (and MySQL, whose protocol it speaks), read from a server that runs."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from shop_assets.sources import SourceError
from shop_assets.sources.protocol import ReadRequest, Window
from shop_assets_tests.sources.mariadb import MariaDb
from shop_assets_tests.sources.reading import ALWAYS, database, errors, good, hour, read

AT = "'2026-07-01 13:00:00.000001'"  # written in the server's zone, five hours before UTC
EVERY_TYPE = {
    "id": ("bigint unsigned", "18446744073709551615", "18446744073709551615"),
    "at": ("timestamp(6) NULL", AT, datetime(2026, 7, 1, 8, 0, 0, 1, tzinfo=UTC)),
    "local": ("datetime(6)", "'2026-07-01 08:00:00.5'", datetime(2026, 7, 1, 8, 0, 0, 500_000)),  # noqa: DTZ001
    "day": ("date", "'2026-07-01'", date(2026, 7, 1)),
    "tiny": ("tinyint", "-128", -128),
    "small": ("smallint unsigned", "65535", 65_535),
    "medium": ("mediumint", "-8388608", -8_388_608),
    "whole": ("int unsigned", "4294967295", 4_294_967_295),
    "big": ("bigint", "-9223372036854775808", -9_223_372_036_854_775_808),
    "yes": ("boolean", "true", 1),
    "bits": ("bit(12)", "b'101'", "5"),
    "price": ("decimal(20,4)", "1234567890123456.7000", "1234567890123456.7000"),
    "tiny_price": ("decimal(20,12)", "0.000000000001", "0.000000000001"),
    "real4": ("float", "0.1", 0.1),
    "real8": ("double", "0.1", 0.1),
    "made": ("year", "2026", 2026),
    "span": ("time(3)", "'-12:30:00.500'", "-12:30:00.500"),
    "code": ("char(4)", "'ab'", "ab"),
    "name": ("varchar(20)", "'é 😀'", "é 😀"),
    "latin": ("varchar(20) CHARACTER SET latin1", "'é'", "é"),
    "note": ("longtext", "''", ""),
    "fixed": ("binary(3)", "x'0a0b00'", "\\x0a0b00"),
    "bytes": ("varbinary(5)", "x'dead'", "\\xdead"),
    "file": ("blob", "x'00ff'", "\\x00ff"),
    "state": ("enum('open','paid')", "'paid'", "paid"),
    "flags": ("set('x','y')", "'x,y'", "x,y"),
    "doc": ("json", "'{\"a\": [1]}'", '{"a": [1]}'),
    "place": ("point", "ST_GeomFromText('POINT(1 2)')", "POINT(1 2)"),
    "shape": ("geometry", "NULL", None),
    "address": ("inet6", "'::1'", "::1"),
    "uid": (
        "uuid",
        "'5b2a6ee8-0a37-4b6e-8ad7-2f6f6f3e8f10'",
        "5b2a6ee8-0a37-4b6e-8ad7-2f6f6f3e8f10",
    ),
    "absent": ("int", "NULL", None),
}


@pytest.fixture
def typed(mariadb: MariaDb) -> MariaDb:
    """A database whose orders have a column of each type."""
    columns = ", ".join(f"{name} {kind}" for name, (kind, _, _) in EVERY_TYPE.items())
    values = ", ".join(value for _, value, _ in EVERY_TYPE.values())
    mariadb.run(f"CREATE TABLE orders ({columns})", f"INSERT INTO orders VALUES ({values})")
    return mariadb


@pytest.mark.parametrize("scheme", ["mariadb", "mysql", "mysql+pymysql"])
def test_values_come_as_their_types_are(typed: MariaDb, scheme: str) -> None:
    source = database(typed.url.replace("mariadb", scheme, 1), "orders", key=("id",))
    [row] = good(read(source))
    assert row == {name: found for name, (_, _, found) in EVERY_TYPE.items()}


def test_a_querys_values_come_as_their_types_are(typed: MariaDb) -> None:
    query = (
        "SELECT o.*, price * 2 AS twice, 'a:b %s' AS odd FROM orders o WHERE name LIKE '%é%' -- x"
    )
    [row] = good(read(database(typed.url, query=query, key=("id",))))
    expected = {name: found for name, (_, _, found) in EVERY_TYPE.items()}
    assert row == {**expected, "twice": "2469135780246913.4000", "odd": "a:b %s"}


@pytest.mark.parametrize(
    ("kind", "window", "expected"),
    [
        ("timestamp(6)", hour("2026-07-01T03:00"), [2, 3]),
        ("datetime(6)", hour("2026-07-01T07:00"), [2, 3]),
        ("date", hour("2026-06-30T23:00"), [1, 2, 3, 4]),
        ("date", hour("2026-07-01T00:00"), []),
    ],
)
def test_windows_are_half_open(
    mariadb: MariaDb, kind: str, window: Window, expected: list[int]
) -> None:
    # A timestamp is an instant, whatever zone it was written in; a datetime is the stream's.
    mariadb.run(
        f"CREATE TABLE orders (id int, at {kind} NULL)",
        "INSERT INTO orders VALUES (1, '2026-07-01 07:59:59.999999'), (2, '2026-07-01 08:00'),"
        " (3, '2026-07-01 08:59:59.999999'), (4, '2026-07-01 09:00')",
    )
    source = database(mariadb.url, "orders", key=("id",), cursor_timezone="Europe/London")
    assert [row["id"] for row in read(source, window)] == expected


def test_dates_that_are_none_are_null_and_never_a_time_of_change(mariadb: MariaDb) -> None:
    mariadb.run(
        "SET sql_mode = ''",
        "CREATE TABLE orders (id int, at datetime NOT NULL, day date, stamp timestamp NULL)",
        "INSERT INTO orders VALUES (1, '2026-01-01', '0000-00-00', '0000-00-00 00:00:00'),"
        " (2, '0000-00-00 00:00:00', NULL, NULL), (3, '2026-01-02', '2026-00-00', NULL)",
    )
    source = database(mariadb.url, "orders", key=("id",))
    found = good(read(source))
    assert [(row["id"], row["day"], row["stamp"]) for row in found] == [
        (1, None, None),
        (3, None, None),
    ]
    [problem] = source.check("rows").problems
    assert "1 rows of orders have no at and would never be read" in problem


def test_text_that_no_database_keeps_breaks_its_row_only(mariadb: MariaDb) -> None:
    mariadb.run(
        "CREATE TABLE orders (id int, at datetime, note text)",
        "INSERT INTO orders VALUES (1, '2026-01-01', 'a\\0b'), (2, '2026-01-02', 'fine')",
    )
    rows = read(database(mariadb.url, "orders", key=("id",)))
    assert [row["id"] for row in good(rows)] == [2]
    assert [reason for _, reason, _ in errors(rows)] == ["note is 'a␀b', which is no text to keep"]


def test_a_read_sees_one_snapshot_and_streams(mariadb: MariaDb) -> None:
    mariadb.run(
        "CREATE TABLE orders (id int PRIMARY KEY, at datetime)",
        "INSERT INTO orders SELECT seq, '2026-01-01' + INTERVAL seq SECOND FROM seq_1_to_50000",
    )
    batches = database(mariadb.url, "orders").read(ReadRequest("rows", ALWAYS))
    first = next(batches).rows
    assert first.num_rows == 10_000
    mariadb.run("DELETE FROM orders WHERE id > 40000")
    assert first.num_rows + sum(batch.rows.num_rows for batch in batches) == 50_000


def test_its_transaction_only_reads(mariadb: MariaDb) -> None:
    mariadb.run(
        "CREATE TABLE orders (at datetime)",
        "INSERT INTO orders VALUES ('2026-01-01')",
        "CREATE FUNCTION spoil() RETURNS int MODIFIES SQL DATA"
        " BEGIN INSERT INTO orders VALUES (now()); RETURN 1; END",
    )
    source = database(mariadb.url, query="SELECT at, spoil() AS n FROM orders")
    with pytest.raises(SourceError, match="READ ONLY transaction"):
        read(source)


def test_keys_are_swept(mariadb: MariaDb) -> None:
    mariadb.run(
        "CREATE TABLE orders (id bigint unsigned, shop varchar(9), at datetime)",
        "INSERT INTO orders VALUES (1, 'a,b', '2026-01-01'), (2, 'c', '2026-01-01')",
    )
    with database(mariadb.url, "orders", key=("id", "shop")).keys("rows") as keys:
        assert keys.ranges(4) is None
        assert sorted(keys.keys(4, [0]).to_pylist()) == ["1,a~,b", "2,c"]


def test_a_statement_that_takes_too_long_is_ended(mariadb: MariaDb) -> None:
    source = database(
        mariadb.url,
        query="SELECT now() AS at, count(*) AS n FROM seq_1_to_99999999 a, seq_1_to_9999999 b",
        statement_timeout=1,
    )
    with pytest.raises(SourceError, match="it took longer than `statement_timeout`, 1 s") as ended:
        read(source)
    assert ended.value.transient


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("PASSWORD", "wrong-canary"), "the password of user owner is not accepted, expected"),
        (("DATABASE", "nowhere"), "there is no such database, expected one that is"),
        (("PORT", "1"), "it cannot be reached: Can't connect to MySQL server"),
        (("OPTIONS", "?ssl_mode=SOMETIMES"), "its URL has ssl_mode=SOMETIMES, expected PREFERRED"),
        (("OPTIONS", "?ssl_ca=/nowhere.pem"), "ssl options cannot be used: No such file"),
        (("OPTIONS", "?nosuch=1"), "its driver cannot connect: "),
    ],
)
def test_what_is_refused_is_one_sentence_without_the_password(
    mariadb: MariaDb, change: tuple[str, str], sentence: str
) -> None:
    parts = {
        "PASSWORD": mariadb.password,
        "PORT": str(mariadb.port),
        "DATABASE": mariadb.database,
        "OPTIONS": "",
    } | dict([change])
    url = "mariadb://owner:PASSWORD@127.0.0.1:PORT/DATABASEOPTIONS"
    for name, value in parts.items():
        url = url.replace(name, value)
    with pytest.raises(SourceError) as refused:
        read(database(url, "orders"))
    said = str(refused.value)
    assert said.startswith("shop: MariaDB at 127.0.0.1:")
    assert sentence in said
    assert "\n" not in said
    assert mariadb.password not in said
    assert "canary" not in said


def test_a_password_with_any_character_is_passed_on(mariadb: MariaDb) -> None:
    mariadb.run(
        "CREATE TABLE orders (at datetime)",
        "CREATE OR REPLACE USER clerk IDENTIFIED BY 'p@ß:/€'",
        f"GRANT SELECT ON {mariadb.database}.orders TO clerk",
        "CREATE TABLE secret (at datetime)",
    )
    at = f"@127.0.0.1:{mariadb.port}/{mariadb.database}"
    assert read(database(f"mysql://clerk:p%40%C3%9F%3A%2F%E2%82%AC{at}", "orders")) == []
    with pytest.raises(SourceError, match="there is no table or view secret"):
        read(database(f"mysql://clerk:p%40%C3%9F%3A%2F%E2%82%AC{at}", "secret"))


@pytest.mark.parametrize("options", ["", "?ssl_mode=REQUIRED", "?ssl_ca=CA"])
def test_the_connection_is_encrypted_as_the_url_says(mariadb: MariaDb, options: str) -> None:
    url = mariadb.url + options.replace("CA", str(mariadb.ca))
    query = (
        "SELECT now() AS at, variable_value AS cipher FROM information_schema.session_status"
        " WHERE variable_name = 'Ssl_cipher'"
    )
    [row] = read(database(url, query=query))
    assert row["cipher"].startswith("TLS_")
    [plain] = read(database(f"{mariadb.url}?ssl_mode=DISABLED", query=query))
    assert plain["cipher"] == ""


def test_a_server_that_cannot_prove_itself_is_refused(mariadb: MariaDb) -> None:
    for options in ("ssl_mode=VERIFY_CA", "ssl_mode=VERIFY_IDENTITY"):
        with pytest.raises(SourceError, match="CERTIFICATE_VERIFY_FAILED"):
            read(database(f"{mariadb.url}?{options}", "orders"))
