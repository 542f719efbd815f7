"""A system that cannot be seen when it is described, and one that has no streams."""

from __future__ import annotations

from pathlib import Path

import psycopg2
import pytest

from shop_assets.errors import UserError
from shop_assets.settings import load_settings
from shop_assets.settings.shop import SqlSource
from shop_assets.stack.endpoints import Endpoints
from shop_assets.stack.postgres import create_database
from shop_assets.stack.process import free_ports
from shop_assets_tests.connect.conftest import Run, configured, database, reported

SHOP = (
    *("--name", "Lamps", "--timezone", "Europe/Berlin"),
    *("--currency", "EUR", "--start", "2026-01-01"),
)
REFUSED = "the password of user vases is not accepted, expected the one that the server knows"
PRODUCTS = (
    "CREATE TABLE IF NOT EXISTS products (sku varchar(9) PRIMARY KEY, name text, "
    "price numeric(9,2), updated_at timestamptz)"
)


@pytest.fixture
def vases(stack: Endpoints) -> str:
    """The URL of a shop's database."""
    assert stack.postgres_admin_url is not None
    url = create_database(stack.postgres_admin_url, "vases", owner="vases", password="right")
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(PRODUCTS)
    connection.close()
    return url


def wrong(url: str) -> str:
    return url.replace(":right@", ":wr0ng@")


def test_a_wrong_password_is_said_and_nothing_is_written(
    command: Run, tmp_path: Path, vases: str
) -> None:
    path = tmp_path / "shop.yaml"
    done = command("init", "-c", str(path), *SHOP, "--source", f"sql={wrong(vases)}", "--yes")
    assert isinstance(done.exception, UserError), done.output
    said = str(done.exception)
    place = vases.rpartition("@")[2]
    assert said.startswith(f"--source sql: the database at {place}: {REFUSED}; "), said
    assert said.endswith("with --allow-unreachable it is written without streams"), said
    assert "wr0ng" not in said + done.output
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_does_not_answer_is_said_and_nothing_is_written(
    command: Run, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    for scheme in ("mysql", "postgresql"):
        url = f"{scheme}://clerk:hunter2@127.0.0.1:{port}/shop"
        given = ("--source", "stripe", "--source", f"sql={url}", "--yes")
        done = command("init", "-c", str(tmp_path / "shop.yaml"), *SHOP, *given)
        assert isinstance(done.exception, UserError), done.output
        said = str(done.exception)
        assert said.startswith(f"--source sql: the database at 127.0.0.1:{port}/shop: it cannot be")
        assert "expected a server that answers" in said
        assert "hunter2" not in said
        assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said_and_nothing_is_written(
    command: Run, tmp_path: Path
) -> None:
    path = tmp_path / "shop.yaml"
    given = ("init", "-c", str(path), *SHOP, "--source", "files=exports", "--yes")
    done = command(*given)
    assert isinstance(done.exception, UserError), done.output
    folder = tmp_path / "exports"
    assert str(done.exception).startswith(
        f"--source files: there is no folder {folder}, expected one with files; "
    )
    assert list(tmp_path.iterdir()) == []
    assert command(*given, "--allow-unreachable").exit_code == 0
    assert f"there is no folder {folder}" in path.read_text("utf-8").replace("\n    #", "")


def test_what_cannot_be_reached_is_written_if_one_says_so(command: Run, tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    url = "mysql://clerk:hunter2@127.0.0.1:1/shop"
    given = ("--source", f"sql={url}", "--yes", "--allow-unreachable")
    done = command("init", "-c", str(path), *SHOP, *given)
    assert done.exit_code == 0, done.output
    assert "When this was written, nothing could be seen of it" in path.read_text("utf-8")
    assert "hunter2" not in path.read_text("utf-8") + done.output
    check = command("sources", "check", "-c", str(path))
    assert check.exit_code == 1
    assert "at 127.0.0.1:1/shop: it cannot be reached" in check.stdout
    assert "hunter2" not in check.stdout


def test_a_person_is_asked_again_until_the_database_answers(
    command: Run, tmp_path: Path, vases: str
) -> None:
    path = tmp_path / "shop.yaml"
    bare = vases.replace(":right@", "@")
    typed = [
        *("n", "nothing", "", "wr0ng"),  # no address; the same one; its password, wrong again
        *("n", "", "right"),
        *("y", "n"),  # its password into a file; not to look at it now
    ]
    done = command(
        "init", "-c", str(path), *SHOP, "--source", f"sql={wrong(vases)}", typed="\n".join(typed)
    )
    assert done.exit_code == 0, (done.output, done.exception)
    assert done.output.count(REFUSED) == 2
    assert f"[{bare}]" in done.output
    assert "the url is none of a database, expected one like" in done.output
    assert "wr0ng" not in done.output
    source = load_settings(path, {}).sources["sql"]
    assert isinstance(source, SqlSource)
    assert (source.url, list(source.streams)) == (vases, ["products"])


def test_a_person_may_write_it_without_streams(command: Run, tmp_path: Path, vases: str) -> None:
    path = tmp_path / "shop.yaml"
    done = command(
        *("init", "-c", str(path), *SHOP, "--source", f"sql={wrong(vases)}"), typed="y\nn\n\nn\n"
    )
    assert done.exit_code == 0, (done.output, done.exception)
    assert "is not accepted" in path.read_text("utf-8").replace("\n    #", "")
    assert "url: postgresql://vases:${SQL_PASSWORD}@" in path.read_text("utf-8")


def test_a_source_without_streams_is_a_problem_of_its_own(
    command: Run, folder: Path, vases: str
) -> None:
    (port,) = free_ports(1)
    shop = database(folder / "s.db", "CREATE TABLE orders (id INTEGER); CREATE TABLE vat (r REAL)")
    empty = database(folder / "empty.db", "")
    written = "".join(
        f"  {name}: {{connector: {kind}, url: '{url}', streams: {{}}}}\n"
        for name, kind, url in (
            ("seen", "sql", shop),
            ("empty", "sql", empty),
            ("locked", "sql", wrong(vases)),
            ("down", "sql", f"postgresql://vases:right@127.0.0.1:{port}/vases?connect_timeout=2"),
            ("till", "files", "till"),
            ("lost", "files", "exports"),
            ("bucket", "files", "s3://exports/till"),
        )
    )
    path = configured(folder, written)
    done = command("sources", "check", "-c", str(path), "--json")
    assert done.exit_code == 1
    found = {source["source"]: source for source in reported(done)}
    assert not any(source["fine"] for source in found.values())
    said = {name: source["error"] for name, source in found.items()}
    assert said["seen"] == (
        "seen: it has no streams; expected tables of it, named below `streams:` (it has orders, "
        "vat)"
    )
    assert said["empty"].endswith("below `streams:` (it has no tables that this user may see)")
    assert REFUSED in said["locked"]
    assert f"127.0.0.1:{port}" in said["down"]
    assert "expected a server that answers" in said["down"]
    assert said["till"] == (
        "till: it has no streams; expected kinds of its files, named below `streams:`"
    )
    assert said["lost"] == (
        f"lost: there is no folder {folder / 'exports'}, expected one with files"
    )
    assert said["bucket"].startswith("bucket: it has no streams; expected")
    shown = command("sources", "check", "-c", str(path)).stdout
    for sentence in said.values():
        assert sentence in shown
    assert "wr0ng" not in shown


@pytest.mark.parametrize("password", ["p@ss/w:o#r?d%41", "100%25", "plain"])
def test_any_password_that_a_database_has_can_be_in_a_secret_file(
    command: Run, tmp_path: Path, stack: Endpoints, password: str
) -> None:
    assert stack.postgres_admin_url is not None
    url = create_database(stack.postgres_admin_url, "pots", owner="pots", password=password)
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(PRODUCTS)
    connection.close()
    path = tmp_path / "shop.yaml"
    done = command("init", "-c", str(path), *SHOP, "--source", f"sql={url}", "--yes")
    assert done.exit_code == 0, (done.output, done.exception)
    secret = tmp_path / "secrets" / "sql_password"
    assert secret.read_text() == ("100%2525\n" if password == "100%25" else f"{password}\n")
    check = command("sources", "check", "-c", str(path), "--json")
    assert check.exit_code == 0, check.output


def test_an_at_in_a_password_given_to_init_is_said(command: Run, tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    given = ("--source", "sql=postgresql://u:hunt@er2@h/d", "--yes")
    done = command("init", "-c", str(path), *SHOP, *given)
    assert isinstance(done.exception, UserError)
    assert str(done.exception).startswith("the url's password seems to have an @ of its own, expe")
    assert "er2" not in str(done.exception)
