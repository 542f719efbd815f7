"""`shop-assets init`: a first configuration that loads, without a secret in it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

import psycopg2
import pytest

from shop_assets.errors import UserError
from shop_assets.settings import load_settings
from shop_assets.settings.apis import ApiSource
from shop_assets.settings.file_streams import FilesSource
from shop_assets.settings.shop import SqlSource
from shop_assets.stack.endpoints import Endpoints
from shop_assets.stack.postgres import create_database
from shop_assets_tests.connect.conftest import Run, database, reported
from shop_assets_tests.end_to_end.commands import Command
from shop_assets_tests.sweep.sql_shop import source_database

SHOP = (
    *("--name", "Lamps & more: # 1", "--timezone", "Europe/Berlin"),
    *("--currency", "EUR", "--start", "2026-01-01"),
)
TABLES = """
CREATE TABLE orders (
    order_id INTEGER PRIMARY KEY, customer_id TEXT, order_date DATETIME, status VARCHAR(20),
    freight NUMERIC(10, 2), updated_at TIMESTAMP, placed_by TEXT);
CREATE TABLE "order details" (
    order_id INTEGER, product_id INTEGER, unit_price_cents INTEGER, qty SMALLINT, discount REAL,
    PRIMARY KEY (order_id, product_id));
CREATE TABLE tbl_products (product_id INTEGER PRIMARY KEY, title TEXT, price NUMERIC(10, 2));
CREATE TABLE Customers (id INTEGER PRIMARY KEY, email TEXT, deleted_at TIMESTAMP);
CREATE TABLE stock (sku TEXT, on_hand INTEGER);
CREATE TABLE migrations (version INTEGER);
INSERT INTO orders VALUES (1, 'ann', '2026-01-05 10:00', 'Shipped', 4.5, '2026-01-06 10:00', 'x');
INSERT INTO "order details" VALUES (1, 11, 999, 2, 0), (1, 12, 500, 1, 0.1);
INSERT INTO tbl_products VALUES (11, 'Lamp', 9.99);
INSERT INTO Customers VALUES (7, 'Ann@Example.org', NULL), (8, 'bob@example.org', '2026-01-02');
"""


def test_streams_of_a_database_are_guessed_and_every_row_passes(
    command: Run, tmp_path: Path
) -> None:
    url = database(tmp_path / "shop.db", TABLES)
    path = tmp_path / "new" / "shop.yaml"
    done = command("init", "-c", str(path), *SHOP, "--source", f"sql={url}", "--yes")
    assert done.exit_code == 0, done.output
    source = load_settings(path, {}).sources["sql"]
    assert isinstance(source, SqlSource)
    assert list(source.streams) == ["orders", "order_details", "customers", "tbl_products"]
    orders, items = source.streams["orders"], source.streams["order_details"]
    assert (orders.cursor, orders.key) == ("updated_at", ("order_id",))
    assert items.cursor is None
    assert items.query == (
        'SELECT l.*, o.order_date AS order_placed_at FROM "order details" AS l '
        "JOIN orders AS o ON o.order_id = l.order_id"
    )
    price = items.entities["order_items"].fields["unit_price_micros"]
    assert (price.column, price.money) == ("unit_price_cents", "minor")
    text = path.read_text("utf-8")
    assert "placed_at: order_placed_at # guess: the order's" in text
    assert "# Not used: placed_by." in text
    assert "# Not used: discount." in text, "a float of that name may be a share"
    assert "# Not read: migrations, stock." in text, "stock has neither key nor cursor"
    (found,) = reported(command("sources", "check", "-c", str(path), "--json"))
    entities = {e["entity"]: e for s in found["streams"] for e in s["entities"]}
    assert found["fine"]
    assert {name: e["published"] for name, e in entities.items()} == {
        "orders": 1,
        "order_items": 2,
        "customers": 2,
        "products": 1,
    }
    assert entities["orders"]["rows"][0]["status"] == "fulfilled"
    assert [c["deleted"] for c in entities["customers"]["rows"]] == [False, True]
    lines = [(r["item_id"], r["unit_price_micros"]) for r in entities["order_items"]["rows"]]
    assert lines == [("11", 9_990_000), ("12", 5_000_000)]


def test_a_real_database_is_connected_by_what_was_guessed(
    command: Run, tmp_path: Path, stack: Endpoints, real_data: Path
) -> None:
    path = tmp_path / "shop.yaml"
    shop = ("--name", "Northwind", "--timezone", "America/New_York", "--currency", "USD")
    with source_database(stack) as url:
        connection = psycopg2.connect(url)
        with connection, connection.cursor() as cursor:
            cursor.execute((real_data / "northwind" / "northwind.sql").read_text("utf-8"))
        connection.close()
        given = (*shop, "--start", "1996-07-04", "--source", f"sql={url}", "--yes")
        assert command("init", "-c", str(path), *given).exit_code == 0
        done = command("sources", "check", "-c", str(path), "--json")
    assert done.exit_code == 0, done.output
    (found,) = reported(done)
    counts = {e["entity"]: e for s in found["streams"] for e in s["entities"]}
    # At most 2,000 rows are looked at.
    read = {"customers": 91, "products": 77, "orders": 830, "order_items": 2000}
    assert {name: e["read"] for name, e in counts.items()} == read
    assert {name: e["published"] for name, e in counts.items()} == read


def test_what_looks_like_orders_but_says_no_time_is_kept_in_raw(
    command: Run, tmp_path: Path
) -> None:
    url = database(tmp_path / "shop.db", "CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL)")
    path = tmp_path / "shop.yaml"
    command("init", "-c", str(path), *SHOP, "--source", f"sql={url}", "--yes")
    assert load_settings(path, {}).sources["sql"].streams["orders"].entities == {}
    assert "Looks like orders, but nothing seems to say placed_at." in path.read_text("utf-8")


def test_a_databases_password_goes_into_a_file_of_its_own(
    command: Run, tmp_path: Path, stack: Endpoints
) -> None:
    assert stack.postgres_admin_url is not None
    url = create_database(stack.postgres_admin_url, "lamps", owner="lamps", password="p@ss/word")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS products (sku varchar(9) PRIMARY KEY, name text, "
            "price numeric(9,2), updated_at timestamptz)"
        )
    connection.close()
    path = tmp_path / "shop.yaml"
    done = command("init", "-c", str(path), *SHOP, "--source", f"sql={url}", "--yes")
    assert done.exit_code == 0, done.output
    secret = tmp_path / "secrets" / "sql_password"
    text = path.read_text("utf-8")
    assert f"{secret.read_text().strip()}@" not in text + done.output
    assert "p@ss/word" not in text + done.output
    assert "postgresql://lamps:${file:secrets/sql_password}@" in text
    assert secret.stat().st_mode & 0o777 == 0o600
    assert (secret.parent / ".gitignore").read_text() == "*\n"
    source = load_settings(path, {}).sources["sql"]
    assert isinstance(source, SqlSource)
    assert source.url == url
    assert source.streams["products"].cursor == "updated_at"
    check = command("sources", "check", "-c", str(path), "--json")
    assert check.exit_code == 0, check.output


def test_systems_behind_an_api_need_their_secrets_from_elsewhere(
    command: Run, tmp_path: Path
) -> None:
    path = tmp_path / "shop.yaml"
    given = [
        *("--source", "stripe=http://127.0.0.1:8301,requests_per_second=50"),
        *("--source", "shopify=lamps.myshopify.com,api_url=http://localhost:8302"),
        *("--source", "woocommerce=https://lamps.example"),
        *("--source", "woocommerce=https://shades.example"),
    ]
    done = command("init", "-c", str(path), *SHOP, *given, "--yes")
    assert done.exit_code == 0, done.output
    unset = ["SHOPIFY_TOKEN", "STRIPE_API_KEY", "WOOCOMMERCE_2_CONSUMER_KEY"]
    for name in unset:
        assert f"export {name}=…" in done.output
    with pytest.raises(UserError, match="STRIPE_API_KEY is not set"):
        load_settings(path, {})
    names = [line.split()[1] for line in done.output.splitlines() if line.startswith("Set ")]
    settings = load_settings(path, dict.fromkeys(names, "x"))
    assert list(settings.sources) == ["stripe", "shopify", "woocommerce", "woocommerce_2"]
    stripe = settings.sources["stripe"]
    assert isinstance(stripe, ApiSource)
    assert (stripe.allow_private, stripe.requests_per_second) == (True, 50)
    distant = settings.sources["woocommerce"]
    assert isinstance(distant, ApiSource)
    assert not distant.allow_private
    assert list(stripe.streams) == list(stripe.STREAMS)


def test_a_command_that_is_proposed_can_be_pasted(command: Run, tmp_path: Path) -> None:
    path = tmp_path / "my shop" / "shop.yaml"
    done = command("init", "-c", str(path), *SHOP, "--source", "stripe", "--yes")
    assert f"Then: shop-assets sources check --config '{path}'" in done.output


def test_kinds_of_files_are_guessed(command: Run, tmp_path: Path) -> None:
    till = tmp_path / "till"
    till.mkdir()
    header = "order_id,line_id,created_at,qty,price,modified\n"
    row = "A,1,2026-01-05T10:00:00Z,1,9.99,2026-01-05T10:00:00Z\n"
    for day in ("2026-01-05", "2026-01-06"):
        (till / f"order_lines-{day}.csv").write_text(header + row)
    (till / "lines.7.jsonl").write_text('{"order_id": "A"}\n')
    (till / "notes.txt").write_text("no data")
    path = tmp_path / "shop.yaml"
    done = command("init", "-c", str(path), *SHOP, "--source", "files=till", "--yes")
    assert done.exit_code == 0, done.output
    source = load_settings(path, {}).sources["files"]
    assert isinstance(source, FilesSource)
    assert list(source.streams) == ["lines", "order_lines"]
    assert source.streams["lines"].time.modified
    lines = source.streams["order_lines"]
    assert (lines.files, lines.format) == ("order_lines-*.csv", "csv")
    assert (lines.time.name, lines.time.covers) == ("order_lines-%Y-%m-%d.csv", "day")
    found = reported(command("sources", "check", "-c", str(path), "--json"))[0]
    items = next(s for s in found["streams"] if s["stream"] == "order_lines")["entities"][0]
    assert (items["entity"], items["published"], items["missing"]) == ("order_items", 2, [])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--source", "magento"), "--source magento: no connector magento, expected one of sql,"),
        (("--source", "stripe=,key=1"), "--source stripe: no option key, expected one of "),
        (("--source", "stripe,api_key=rk_live_1"), "--source stripe: api_key is a secret and"),
        (("--source", "stripe=rk_live_1"), "--source stripe: what is given as api_url is a secret"),
        (("--source", "shopify=shpat_1"), "--source shopify: what is given as shop is a secret"),
        (
            ("--source", "woocommerce=http://lamps.example"),
            "--source woocommerce: api_url: api_url is read without TLS",
        ),
        (("--source", "shopify"), "--source shopify: shop is not given, expected shopify=… (Its"),
        (("--source", "shopify=lamps"), "--source shopify: shop: 'lamps' is no Shopify shop; one"),
        (("--source", "stripe,relist_days=x"), "--source stripe: relist_days: Input should be a"),
        (("--source", "sql=nothing"), "the url is none of a database, expected one like postgres"),
        (("--source", "sql=mysql://h/d?password=x"), "the url has its password behind the ?,"),
        ((), "no --source is given, expected at least one with --yes"),
        (("--source", "stripe", "--currency", "euro"), "--currency: 'euro' is no currency; an ISO"),
        (("--source", "stripe", "--timezone", "Mars"), "--timezone: no such time zone: 'Mars';"),
        (("--source", "stripe", "--start", "soon"), "--start: found 'soon'; a date, such as"),
    ],
)
def test_mistakes_are_one_sentence_and_nothing_is_written(
    command: Run, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    path = tmp_path / "shop.yaml"
    done = command("init", "-c", str(path), *SHOP, "--yes", *arguments)
    assert isinstance(done.exception, UserError), done.output
    assert str(done.exception).startswith(sentence)
    assert "rk_live_1" not in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_replaced_only_by_force(command: Run, tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text("mine\n")
    given = ("init", "-c", str(path), *SHOP, "--source", "stripe", "--yes")
    refused = command(*given)
    assert isinstance(refused.exception, UserError)
    assert (
        str(refused.exception) == f"{path} is there already, expected another --config, or --force"
    )
    assert path.read_text() == "mine\n"
    assert command(*given, "--force").exit_code == 0
    assert path.read_text() != "mine\n"


def test_a_secret_that_is_there_is_replaced_only_by_force(command: Run, tmp_path: Path) -> None:
    path, secret = tmp_path / "shop.yaml", tmp_path / "secrets" / "sql_password"
    source = "sql=mysql://u:new@127.0.0.1:1/d"
    given = ("init", "-c", str(path), *SHOP, "--source", source, "--yes", "--allow-unreachable")
    secret.parent.mkdir()
    secret.write_text("old\n")
    refused = command(*given)
    assert str(refused.exception).startswith(f"{secret} is there already, expected")
    assert (path.exists(), secret.read_text()) == (False, "old\n")
    assert command(*given, "--force").exit_code == 0
    assert secret.read_text() == "new\n"


def test_what_would_not_load_leaves_nothing_behind(command: Run, tmp_path: Path) -> None:
    url = database(tmp_path / "a$b.db", "CREATE TABLE orders ([${no] TEXT, id INTEGER PRIMARY KEY)")
    path = tmp_path / "new" / "shop.yaml"
    given = (
        "--source",
        f"sql={url}".replace("a$b", "a${b"),
        "--source",
        "sql=mysql://u:x@h.invalid/d",
    )
    done = command("init", "-c", str(path), *SHOP, *given, "--yes", "--allow-unreachable")
    assert isinstance(done.exception, UserError)
    assert "found ${b.db" in str(done.exception)
    assert [p.name for p in path.parent.rglob("*") if p.is_file()] == [".gitignore"]


def test_answers_that_cannot_be_are_asked_for_again(command: Run, tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    typed = ["Lamps", "Mars/North", "Europe/Berlin", "euro", "EUR", "2026-13-01", "2026-01-01"]
    typed += [
        "oracle",
        "shopify=lamps",
        "stripe",
        "n",
        "a b",
        "MY_KEY",
        "shopify",
        "lamps.myshopify.com",
        "y",
    ]
    typed += ["shpat_canary", ""]
    done = command("init", "-c", str(path), typed="\n".join(typed) + "\n")
    assert done.exit_code == 0, done.output
    for said in (
        "no such time zone: 'Mars/North'",
        "'euro' is no currency",
        "no connector oracle",
        "is no Shopify",
    ):
        assert said in done.output
    assert "shpat_canary" not in path.read_text("utf-8") + done.output
    assert (tmp_path / "secrets" / "shopify_token").read_text() == "shpat_canary\n"
    assert "export MY_KEY=…" in done.output
    settings = load_settings(path, {"MY_KEY": "x"})
    assert settings.shop.start.isoformat() == "2026-01-01"
    assert list(settings.sources) == ["stripe", "shopify"]


def test_it_leads_a_person_at_a_terminal_to_a_checked_source(tmp_path: Path) -> None:
    url = database(tmp_path / "shop.db", TABLES)
    terminal = _Terminal(tmp_path, "init")
    for question, answer in (
        ("The shop's name", "Lamps"),
        ("time zone", "Europe/Berlin"),
        ("currency [EUR]", ""),
        ("first day", "2026-01-01"),
        ("One of them (nothing to end)", f"sql={url}"),
        ("Another (nothing to end)", ""),
        ("Look at the sources now? [Y/n]", "y"),
    ):
        terminal.answer(question, answer)
    said = terminal.end()
    assert "4 of its tables or files look like a shop's" in said
    assert "1 row → 1 orders" in said
    assert "All sources can be loaded." in said
    assert "Ann@" not in said
    assert load_settings(tmp_path / "shop.yaml", {}).shop.currency == "EUR"


class _Terminal:
    """A command at a terminal of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = Command(folder / "home", COLUMNS="160", TERM="xterm")
        self._screen, inside = pty.openpty()
        self._process = subprocess.Popen(
            [command.program("shop-assets"), *arguments],
            cwd=folder,
            env=command.environment,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
        os.close(inside)
        self._said, self._seen = "", 0

    def answer(self, question: str, answer: str) -> None:
        """Wait for a question, and answer it."""
        deadline = time.monotonic() + 60
        while question not in self._said[self._seen :]:
            assert time.monotonic() < deadline, f"{question!r} is not asked: {self._said[-500:]}"
            self._read()
        self._seen = self._said.index(question, self._seen) + len(question)
        os.write(self._screen, answer.encode() + b"\n")

    def end(self) -> str:
        """All that it said; it must have succeeded."""
        while self._read():
            pass
        os.close(self._screen)
        assert self._process.wait(60) == 0, self._said
        return self._said

    def _read(self) -> bool:
        if select.select([self._screen], [], [], 60)[0]:
            try:
                part = os.read(self._screen, 65536)
            except OSError:  # how Linux says that the other side is closed
                return False
            self._said += part.decode("utf-8", "replace")
            return bool(part)
        return False
