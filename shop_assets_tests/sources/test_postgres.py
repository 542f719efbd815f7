"""Tables of a real PostgreSQL are read by window, in order, from one snapshot, exactly."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shop_assets.sources import PROVENANCE, SourceError, connect
from shop_assets.sources.protocol import ReadRequest, Window
from shop_assets_tests.sources.conftest import PASSWORD, Postgres
from shop_assets_tests.sources.reading import ALWAYS, database, good, hour, read, utc

ORDERS = "CREATE TABLE orders (id int, at timestamptz)"


def fill(postgres: Postgres, *stamps: str, kind: str = "timestamptz") -> None:
    values = ", ".join(f"({number}, '{stamp}')" for number, stamp in enumerate(stamps))
    postgres.run(f"CREATE TABLE orders (id int, at {kind})", f"INSERT INTO orders VALUES {values}")


def ids(source: Any, window: Window = ALWAYS) -> list[Any]:
    return [row["id"] for row in read(source, window)]


def test_windows_are_half_open(postgres: Postgres) -> None:
    stamps = [
        f"2026-01-01 {at}+00" for at in ("07:59:59.999999", "08:00", "08:59:59.999999", "09:00")
    ]
    fill(postgres, *stamps)
    source = database(postgres.url, "orders")
    assert ids(source, hour("2026-01-01T08:00")) == [1, 2]


def test_rows_come_by_cursor_and_then_by_every_key(postgres: Postgres) -> None:
    postgres.run(
        "CREATE TABLE lines (shop text, n int, at timestamptz)",
        """INSERT INTO lines SELECT s, n, '2026-01-01 08:00+00'::timestamptz - h * interval '1 h'
           FROM unnest(ARRAY['b', 'a']) s, generate_series(3, 1, -1) n, generate_series(0, 1) h""",
    )
    source = database(postgres.url, "lines", key=("shop", "n"))
    rows = [(row["at"].hour, row["shop"], row["n"]) for row in read(source)]
    assert rows == [(h, s, n) for h in (7, 8) for s in "ab" for n in (1, 2, 3)]
    assert read(source)[0]["_position"] == "lines(shop=a,n=1)"


def test_rows_carry_provenance(postgres: Postgres) -> None:
    fill(postgres, "2026-01-01 08:00+00")
    [batch] = database(postgres.url, "orders").read(ReadRequest("rows", ALWAYS))
    for field in PROVENANCE:
        assert batch.rows.schema.field(field.name) == field
    [row] = batch.rows.to_pylist()
    assert row["_change_time"] == utc("2026-01-01T08:00")
    assert row["_position"] == "orders(at=2026-01-01 08:00:00.000000Z)"
    assert (row["_delivery"], row["_error"], row["_line"]) == ("", None, None)


def test_a_null_in_the_key_is_shown(postgres: Postgres) -> None:
    postgres.run(ORDERS, "INSERT INTO orders VALUES (NULL, '2026-01-01')")
    [row] = read(database(postgres.url, "orders", key=("id",)))
    assert row["_position"] == "orders(id=null)"


def test_every_type_comes_exactly(postgres: Postgres) -> None:
    postgres.run(
        "CREATE TYPE mood AS ENUM ('ok', 'sad')",
        "CREATE TYPE named AS (number int, name text)",
        "CREATE DOMAIN cents AS int CHECK (VALUE >= 0)",
        """CREATE TABLE orders AS SELECT
             timestamptz '2026-01-01 08:00+00' AS at, 12.10::numeric(10,2) AS price,
             'NaN'::numeric AS nan, 1e30::numeric AS big, true AS yes, 1::int2 AS small,
             9007199254740993::int8 AS large, 0.1::float8 AS double, '{"a": 1.50}'::jsonb AS doc,
             '{"a":1.50}'::json AS text_doc, ARRAY[1,2] AS list, 'ok'::mood AS mood,
             '\\xdead'::bytea AS bytes, interval '1 day 2 h' AS span, '10.0.0.1/8'::inet AS ip,
             '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid AS uuid, 5::cents AS cents,
             12.5::money AS money, 'ab'::char(4) AS padded, time '08:30' AS clock,
             date '2026-01-02' AS day, timestamp '2026-01-01 09:00:00.123456' AS local,
             'infinity'::timestamptz AS forever, '-infinity'::date AS never,
             int4range(1, 5) AS range, point(1, 2) AS place, to_tsvector('a b') AS words,
             'n'::name AS name, NULL::numeric AS nothing, 7::int4 AS whole, 0.5::float4 AS half,
             'v'::varchar(9) AS short, time with time zone '08:30+01' AS clock_there,
             b'101' AS bits, b'10'::bit varying AS more_bits, '10.0.0.0/8'::cidr AS net,
             '08:00:2b:01:02:03'::macaddr AS mac, ROW(1, 'b')::named AS pair,
             box '((1,2),(3,4))' AS box, '0/1'::pg_lsn AS place_in_log,
             'naïve €😀'::text AS text""",
    )
    [row] = good(read(database(postgres.url, "orders")))
    [queried] = good(read(database(postgres.url, query="SELECT * FROM orders")))
    assert queried == row
    assert row == {
        "at": utc("2026-01-01T08:00"),
        "price": "12.10",
        "nan": "NaN",
        "big": "1000000000000000000000000000000",
        "yes": True,
        "small": 1,
        "large": 9007199254740993,
        "double": 0.1,
        "doc": '{"a": 1.50}',
        "text_doc": '{"a":1.50}',
        "list": "{1,2}",
        "mood": "ok",
        "bytes": "\\xdead",
        "span": "1 day 02:00:00",
        "ip": "10.0.0.1/8",
        "uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "cents": 5,
        "money": "12.50",
        "padded": "ab",
        "clock": "08:30:00",
        "day": date(2026, 1, 2),
        "local": datetime(2026, 1, 1, 9, 0, 0, 123456),  # noqa: DTZ001
        "forever": None,
        "never": None,
        "range": "[1,5)",
        "place": "(1,2)",
        "words": "'b':2",
        "name": "n",
        "nothing": None,
        "whole": 7,
        "half": 0.5,
        "short": "v",
        "clock_there": "08:30:00+01",
        "bits": "101",
        "more_bits": "10",
        "net": "10.0.0.0/8",
        "mac": "08:00:2b:01:02:03",
        "pair": "(1,b)",
        "box": "(3,4),(1,2)",
        "place_in_log": "0/1",
        "text": "naïve €😀",
    }


def test_names_that_need_quotes_are_quoted(postgres: Postgres) -> None:
    postgres.run(
        'CREATE SCHEMA "My %s Shop"',
        """CREATE TABLE "My %s Shop"."select; --" ("At ""x"" 50% :y" timestamptz, "Key'" int)""",
        'INSERT INTO "My %s Shop"."select; --" VALUES (\'2026-01-01\', 7)',
    )
    cursor = 'At "x" 50% :y'
    source = database(postgres.url, "My %s Shop.select; --", cursor, key=("Key'",))
    [row] = read(source)
    assert row["Key'"] == 7
    assert row["_position"] == "My %s Shop.select; --(Key'=7)"
    assert source.check("rows").problems == []


def test_names_cannot_smuggle_statements_in(postgres: Postgres) -> None:
    postgres.run(ORDERS)
    attack = 'orders"; DROP TABLE orders; --'
    with pytest.raises(SourceError, match="there is no table or view"):
        read(database(postgres.url, attack))
    with pytest.raises(SourceError, match="has no column"):
        read(database(postgres.url, "orders", 'at"; DROP TABLE orders; --'))
    assert read(database(postgres.url, "orders")) == []


def test_views_and_tables_of_a_schema_are_read(postgres: Postgres) -> None:
    postgres.run(
        "CREATE SCHEMA shop",
        "CREATE TABLE shop.orders (id int, at timestamptz)",
        "INSERT INTO shop.orders VALUES (1, '2026-01-01')",
        "CREATE VIEW recent AS SELECT * FROM shop.orders",
    )
    assert ids(database(postgres.url, "shop.orders")) == [1]
    assert ids(database(postgres.url, "recent")) == [1]


def test_only_the_columns_asked_for_are_read_and_what_orders_them(postgres: Postgres) -> None:
    postgres.run(
        "CREATE TABLE orders (secret text, id int, note text, at timestamptz)",
        "INSERT INTO orders VALUES ('canary', 1, 'x', '2026-01-01')",
    )
    [row] = good(read(database(postgres.url, "orders", key=("id",), columns=("note",))))
    assert list(row) == ["id", "note", "at"]


def test_a_local_cursor_is_read_in_its_zone_over_the_changes_of_the_clock(
    postgres: Postgres,
) -> None:
    stamps = [f"2026-10-25 {h:02}:{m:02}" for h in range(4) for m in (0, 15, 30, 45)]
    stamps += [f"2026-03-29 {h:02}:{m:02}" for h in range(4) for m in (0, 15, 30, 45)]
    fill(postgres, *stamps, kind="timestamp")
    source = database(postgres.url, "orders", cursor_timezone="Europe/London")
    found: list[int] = []
    for start in ("2026-03-28T22:00", "2026-10-24T22:00"):
        for step in range(8):
            at = utc(start) + timedelta(hours=step)
            found += ids(source, Window(at, at + timedelta(hours=1)))
    assert sorted(found) == list(range(len(stamps)))
    # What happens twice counts as the first time; what never happens, at the change.
    assert ids(source, hour("2026-10-25T00:00")) == [4, 5, 6, 7]
    assert ids(source, hour("2026-10-25T01:00")) == []
    assert sorted(ids(source, hour("2026-03-29T01:00"))) == list(range(20, 28))


def test_a_local_cursor_without_zone_has_the_sources(postgres: Postgres) -> None:
    fill(postgres, "2026-07-01 08:00", kind="timestamp")
    source = database(postgres.url, "orders", timezone="Europe/Berlin")
    assert ids(source, hour("2026-07-01T06:00")) == [0]


def test_a_date_is_its_local_midnight(postgres: Postgres) -> None:
    fill(postgres, "2026-07-01", "2026-07-02", kind="date")
    source = database(postgres.url, "orders", cursor_timezone="Europe/London")
    assert ids(source, hour("2026-06-30T23:00")) == [0]
    assert ids(source, hour("2026-07-01T00:00")) == []
    assert ids(source, Window(utc("2026-06-30T00:00"), utc("2026-07-01T23:00"))) == [0]


def test_a_read_sees_one_snapshot(postgres: Postgres) -> None:
    postgres.run(
        ORDERS,
        """INSERT INTO orders SELECT n, '2026-01-01'::timestamptz + n * interval '1 ms'
           FROM generate_series(1, 150000) n""",
    )
    source = database(postgres.url, "orders")
    batches = source.read(ReadRequest("rows", ALWAYS))
    seen = next(batches).rows["id"].to_pylist()
    # The last rows are not yet read: they go, move behind the end, and new ones come.
    postgres.run(
        "DELETE FROM orders WHERE id > 149990",
        "UPDATE orders SET at = '2027-01-01', id = -id WHERE id BETWEEN 140000 AND 140010",
        "INSERT INTO orders VALUES (0, '2026-06-01')",
    )
    for batch in batches:
        seen += batch.rows["id"].to_pylist()
    assert seen == list(range(1, 150_001))
    assert len(read(source)) == 150_000 - 10 + 1


def test_reading_changes_nothing_and_holds_nothing(postgres: Postgres) -> None:
    fill(postgres, *["2026-01-01"] * 3)
    source = database(postgres.url, "orders")
    batches = source.read(ReadRequest("rows", ALWAYS))
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    read(source)
    with postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shop_assets'"
            " AND datname = current_database()"
        )
        assert cursor.fetchone() == (0,)


def test_a_million_rows_are_read_with_bounded_memory(postgres: Postgres) -> None:
    postgres.run(
        "CREATE TABLE events (id int, at timestamptz, note text)",
        """INSERT INTO events SELECT n, '2026-01-01'::timestamptz + n * interval '1 s',
           repeat('x', 400) FROM generate_series(1, 1000000) n""",
    )
    program = textwrap.dedent(
        """
        import resource, sys
        from shop_assets.sources.protocol import ReadRequest
        from shop_assets_tests.sources.reading import ALWAYS, database
        source = database(sys.argv[1], "events")
        source.check("rows")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rows = sum(b.rows.num_rows for b in source.read(ReadRequest("rows", ALWAYS)))
        print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, postgres.url],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    rows, kilobytes = map(int, done.stdout.split())
    assert rows == 1_000_000
    assert kilobytes < 150_000  # of 430 MB


def test_rows_without_a_time_are_reported(postgres: Postgres) -> None:
    postgres.run(ORDERS, "INSERT INTO orders VALUES (1, NULL), (2, NULL), (3, '2026-01-01')")
    source = database(postgres.url, "orders")
    found = source.check("rows")
    assert found.columns == {"id": "integer", "at": "timestamp with time zone"}
    [problem] = found.problems
    assert problem.endswith(
        "2 rows of orders have no at and would never be read; a time is expected in each"
    )
    postgres.run("INSERT INTO orders SELECT n, NULL FROM generate_series(1, 5000) n")
    assert "1000 or more rows of orders" in source.check("rows").problems[0]


def test_what_the_table_lacks_is_said_each(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE orders (id int, total int, _error text)")
    source = database(postgres.url, "orders", "total", key=("no",), columns=("nor", "_error"))
    at = f"shop: PostgreSQL at {postgres.socket}, database {postgres.database}: table orders"
    kept = f"{at} has a column '_error', a name kept for the platform's own column"
    problems = [
        f"{at}: the cursor 'total' of stream rows is integer; a timestamp or date is expected",
        f"{at} has no column 'no', a key of stream rows; it has id, total, _error",
        f"{at} has no column 'nor', which stream rows is to read; it has id, total, _error",
        f"{kept}; leave it out by `columns`",
    ]
    assert source.check("rows").problems == problems
    with pytest.raises(SourceError) as refused:
        read(source)
    assert str(refused.value) == problems[0]


def said(source: Any) -> SourceError:
    """The one sentence that check and read both refuse with."""
    with pytest.raises(SourceError) as of_check:
        source.check("rows")
    with pytest.raises(SourceError) as of_read:
        read(source)
    assert str(of_check.value) == str(of_read.value)
    assert "\n" not in str(of_read.value)
    assert PASSWORD not in str(of_read.value)
    return of_read.value


def test_a_missing_table_is_said_so(postgres: Postgres) -> None:
    at = f"shop: PostgreSQL at {postgres.socket}, database {postgres.database}"
    for table in ("orders", "no.orders"):
        expected = f"{at}: there is no table or view {table}, expected one for stream rows to read"
        assert str(said(database(postgres.url, table))) == expected


def test_a_missing_cursor_is_said_so(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE orders (id int, updated timestamptz)")
    with pytest.raises(SourceError) as refused:
        read(database(postgres.url, "orders"))
    assert str(refused.value).endswith(
        "table orders has no column 'at', the cursor of stream rows; it has id, updated"
    )


def test_a_wrong_password_is_said_so_and_not_said(postgres: Postgres) -> None:
    error = said(database(postgres.url_of_clerk("wrong-canary"), "orders"))
    assert str(error).endswith(
        ": the password of user clerk is not accepted, expected the one that the server knows"
    )
    assert "canary" not in str(error)
    assert not error.transient


def test_a_missing_database_is_said_so(postgres: Postgres) -> None:
    url = f"postgresql://postgres@/gone?host={postgres.socket}"
    assert str(said(database(url, "orders"))) == (
        f"shop: PostgreSQL at {postgres.socket}, database gone: there is no such database, "
        "expected one that is"
    )


def test_a_missing_user_is_said_so(postgres: Postgres) -> None:
    url = f"postgresql://nobody@/{postgres.database}?host={postgres.socket}"
    assert str(said(database(url, "orders"))).endswith(
        ": there is no user nobody, expected one that the server knows"
    )


def test_a_server_that_does_not_answer_is_said_so() -> None:
    error = said(database(f"postgresql://clerk:{PASSWORD}@127.0.0.1:1/shop", "orders"))
    assert str(error) == (
        "shop: PostgreSQL at 127.0.0.1:1, database shop: it cannot be reached: Connection refused; "
        "expected a server that answers"
    )
    assert error.transient


def test_a_host_that_does_not_exist_is_said_so() -> None:
    error = said(database("postgresql://shop.invalid/shop", "orders"))
    assert str(error).startswith("shop: PostgreSQL at shop.invalid:5432, database shop: it cannot")


def test_the_address_where_clouds_give_out_credentials_is_no_source() -> None:
    with pytest.raises(SourceError, match=r"169\.254\.169\.254 is a link-local address"):
        database("postgresql://169.254.169.254/shop", "orders").check("rows")


def test_a_table_that_may_not_be_read_is_said_so(postgres: Postgres) -> None:
    postgres.run(ORDERS)
    error = said(database(postgres.url_of_clerk(), "orders"))
    assert str(error).endswith(": user clerk may not read it: permission denied for table orders")
    assert not error.transient


def test_a_statement_that_takes_too_long_is_ended(postgres: Postgres) -> None:
    postgres.run(
        "CREATE VIEW orders AS SELECT 1 AS id, now() AS at, pg_sleep(30)::text AS nap",
    )
    with pytest.raises(SourceError, match="it took longer than `statement_timeout`, 1 s") as ended:
        read(database(postgres.url, "orders", statement_timeout=1))
    assert ended.value.transient


def test_a_connection_lost_while_reading_is_said_so(postgres: Postgres) -> None:
    postgres.run(
        "CREATE TABLE orders AS SELECT n AS id, '2026-01-01'::timestamptz AS at,"
        " repeat('x', 1000) AS note FROM generate_series(1, 100000) n"
    )
    batches = database(postgres.url, "orders").read(ReadRequest("rows", ALWAYS))
    next(batches)
    postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'shop_assets' AND datname = current_database()"
    )
    with pytest.raises(SourceError, match="it could not be read: ") as lost:
        list(batches)
    assert lost.value.transient
    assert "\n" not in str(lost.value)


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql+psycopg2", "postgresql+psycopg", "postgresql+asyncpg"]
)
def test_every_way_of_naming_postgresql_is_read_through_adbc(
    postgres: Postgres, scheme: str
) -> None:
    postgres.run(
        ORDERS, "INSERT INTO orders VALUES (1, '2026-01-01')", "GRANT ALL ON orders TO clerk"
    )
    url = postgres.url_of_clerk().replace("postgresql", scheme)
    source = connect("shop", database(url, "orders")._source, base=Path("/"))
    assert ids(source) == [1]
    source.close()


def test_a_password_with_any_character_is_passed_on(postgres: Postgres) -> None:
    postgres.run(ORDERS)
    with pytest.raises(SourceError, match="the password of user clerk is not accepted"):
        read(database(postgres.url_of_clerk("a%40%2Fb%3F%25c"), "orders"))


def test_what_is_no_url_is_refused_without_being_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        database("not a url with canary", "orders")
    said = refused.value.errors(include_input=False)[0]["msg"]
    assert "canary" not in said
    assert "no URL of a database; one like postgresql://user:password@host/database, both" in said


def test_many_threads_read_at_once(postgres: Postgres) -> None:
    fill(postgres, *[f"2026-01-01 {h:02}:00+00" for h in range(24)])
    source = database(postgres.url, "orders")
    found: dict[int, list[int]] = {}

    def one(h: int) -> None:
        found[h] = ids(source, hour(f"2026-01-01T{h:02}:00"))

    threads = [threading.Thread(target=one, args=(h,)) for h in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {h: [h] for h in range(24)}


def test_an_empty_table_has_no_rows(postgres: Postgres) -> None:
    postgres.run(ORDERS)
    assert read(database(postgres.url, "orders", key=("id",))) == []
