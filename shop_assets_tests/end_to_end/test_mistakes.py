"""A user's mistake ends `shop-assets run` with one sentence, code 2, and nothing half-written."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest

from shop_assets.io_managers.delta_store import DeltaStore
from shop_assets.stack.endpoints import Endpoints
from shop_assets.stack.postgres import create_database
from shop_assets.stack.process import free_ports
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.end_to_end.commands import Command

pytestmark = pytest.mark.xdist_group("mistakes")

HOUR = ("--from", "2026-01-05T10:00", "--to", "2026-01-05T11:00")
SHOP = "shop: {name: Faulty, timezone: Europe/Berlin, currency: EUR, start: 2026-01-01}\nsources:\n"
LINES = """
        entities:
          order_items:
            fields:
              order_id: order_id
              item_id: item_id
              placed_at: changed
              quantity: quantity
              unit_price_micros: {column: price, money: major}
"""
HEADER = "order_id,item_id,changed,quantity,price\n"
ROW = "A,1,2026-01-05T10:10:00Z,1,9.99\n"
GOOD = HEADER + ROW


def files_shop(pattern: str, form: str = "csv") -> str:
    return (
        f"{SHOP}  till:\n    connector: files\n    url: till\n    streams:\n      lines:\n"
        f"        files: '{pattern}'\n        format: {form}\n"
        "        time: {column: changed}" + LINES
    )


def sql_shop(url: str, table: str = "lines", cursor: str = "changed") -> str:
    return (
        f"{SHOP}  till:\n    connector: sql\n    url: {url}\n    connect_timeout: 2\n    streams:\n"
        f"      lines:\n        table: {table}\n        cursor: {cursor}\n        key: [item_id]"
        + LINES
    )


@pytest.fixture(scope="module")
def source(stack: Endpoints) -> str:
    """The URL of a database with a table of lines."""
    assert stack.postgres_admin_url is not None
    url = create_database(stack.postgres_admin_url, "till", owner="till", password="Pa55word")
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS lines (order_id text, item_id text, "
            "changed timestamptz, quantity int, price numeric)"
        )
    connection.close()
    return url


@pytest.fixture(scope="module")
def warehouse(stack: Endpoints) -> Warehouse:
    """One of these tests' own: the stack's is that of whichever shop was loaded there first."""
    assert stack.postgres_admin_url is not None
    url = create_database(
        stack.postgres_admin_url, "mistakes", owner="mistaken", password="Pa55word"
    )
    return Warehouse(url)


@pytest.fixture
def told(
    tmp_path: Path, stack: Endpoints, stack_home: Path, warehouse: Warehouse
) -> Callable[[str], str]:
    """Runs an hour of a configuration that must be refused; gives the sentence."""
    own = {
        "SHOP_POSTGRES_URL": warehouse.url,
        "SHOP_DAGSTER_POSTGRES_URL": stack.dagster_postgres_url,
    }

    def run(config: str) -> str:
        path = tmp_path / "shop.yaml"
        path.write_text(config, "utf-8")
        done = Command(stack_home, SHOP_CONFIG=str(path), **own)("run", *HOUR)
        lines = [line for line in done.stderr.splitlines() if line.startswith("shop-assets:")]
        assert done.returncode == 2, done.stderr[-2000:]
        assert len(lines) == 1
        assert "Traceback" not in done.stderr
        assert "Pa55word" not in done.stderr + done.stdout
        warehouse.create()
        loaded = warehouse.read("SELECT count(*) AS n FROM meta.row_ledger WHERE source = 'till'")
        assert loaded["n"].tolist() == [0]
        assert warehouse.read("SELECT FROM warehouse.order_items WHERE source = 'till'").empty
        lake = DeltaStore(f"{stack.s3_url}/lake", stack.storage_options())
        assert not lake.exists("clean/order_items")
        return lines[0].removeprefix("shop-assets: ")

    return run


def test_a_source_that_does_not_answer(told: Callable[[str], str]) -> None:
    (port,) = free_ports(1)
    said = told(sql_shop(f"postgresql://till:Pa55word@127.0.0.1:{port}/till"))
    assert said.startswith(f"till: PostgreSQL at 127.0.0.1:{port}, database till: it cannot be")
    assert said.endswith("Connection refused; expected a server that answers")


def test_a_wrong_password(told: Callable[[str], str], source: str) -> None:
    said = told(sql_shop(source.replace("Pa55word", quote("wr0ng"))))
    assert "till" in said
    assert "the password of user till is not accepted, expected" in said
    assert "wr0ng" not in said


def test_a_table_that_is_not_there(told: Callable[[str], str], source: str) -> None:
    said = told(sql_shop(source, table="line"))
    assert "there is no table or view line, expected" in said


def test_a_table_without_the_cursor_column(told: Callable[[str], str], source: str) -> None:
    said = told(sql_shop(source, cursor="updated_at"))
    assert "updated_at" in said
    assert "order_id" in said, "the columns that are there"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv.gz", GOOD.encode(), "gzip"),
        ("a.csv", gzip.compress(GOOD.encode()), "a.csv"),
        ("a.csv", (HEADER.replace("price", "prize") + ROW).encode(), "price"),
        ("a.csv", (HEADER.replace("changed", "when") + ROW).encode(), "changed"),
    ],
    ids=["not gzip", "gzip without saying so", "a mapped column is missing", "no time column"],
)
def test_a_file_that_is_not_what_it_says(
    told: Callable[[str], str], tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    folder = tmp_path / "till"
    folder.mkdir()
    (folder / name).write_bytes(content)
    said = told(files_shop("a.*"))
    assert expected in said


def test_a_parquet_file_that_is_none(told: Callable[[str], str], tmp_path: Path) -> None:
    folder = tmp_path / "till"
    folder.mkdir()
    (folder / "a.parquet").write_text(GOOD, "utf-8")
    assert "a.parquet" in told(files_shop("*.parquet", "parquet"))
