"""`shop-assets sources check`: what a shop's sources have, and what would come of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from shop_assets.cli.app import main
from shop_assets.errors import UserError
from shop_assets.stack.process import free_ports
from shop_assets_tests.connect.conftest import TILL, Run, configured, database, reported

ORDERS = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, placed DATETIME, state TEXT, updated_at TIMESTAMP);
INSERT INTO orders VALUES (1, '2026-01-05 10:00', 'paid', '2026-01-05 11:00'),
                          (2, '2026-01-05 10:00', 'lost', '2026-01-05 12:00');
"""
DOWN = """\
  down:
    connector: sql
    url: postgresql://clerk:Pa55word@127.0.0.1:{port}/till
    connect_timeout: 2
    streams:
      lines: {{table: lines, cursor: changed, entities: {{}}}}
"""


def storefront(url: str, status: str = "state") -> str:
    return f"""\
  storefront:
    connector: sql
    url: {url}
    streams:
      orders:
        table: orders
        cursor: updated_at
        key: [id]
        entities:
          orders:
            fields: {{order_id: id, placed_at: placed, status: {status}}}
"""


def checked(command: Run, path: Path, *more: str) -> dict[str, Any]:
    done = command("sources", "check", "--config", str(path), "--json", *more)
    found = {source["source"]: source for source in reported(done)}
    assert done.exit_code == (0 if all(s["fine"] for s in found.values()) else 1)
    return found


def test_rows_are_shown_as_every_load_would_make_them(command: Run, folder: Path) -> None:
    found = checked(command, configured(folder, TILL))
    (stream,) = found["till"]["streams"]
    assert (stream["error"], stream["rows"], stream["problems"]) == (None, 3, [])
    assert stream["columns"]["price"] == "string"
    items = next(e for e in stream["entities"] if e["entity"] == "order_items")
    assert (items["read"], items["published"], items["quarantined"]) == (3, 2, 1)
    assert [row["unit_price_micros"] for row in items["rows"]] == [9_990_000, 9_990_000]
    assert items["origins"]["placed_at"] == "changed"
    (aside,) = items["set_aside"]
    assert aside["rule"] == "unreadable_value"
    assert aside["reason"].startswith("quantity cannot be read as a whole number")
    assert aside["position"].endswith("lines-2026.csv:3")
    assert found["till"]["fine"], "a row that is set aside is no mistake of the configuration"


def test_personal_data_is_masked_wherever_it_is_taken_to(command: Run, folder: Path) -> None:
    path = configured(folder, TILL)
    hidden = command("sources", "check", "-c", str(path), "--json").stdout
    assert "anna" not in hidden
    (stream,) = reported(command("sources", "check", "-c", str(path), "--json"))[0]["streams"]
    orders = next(e for e in stream["entities"] if e["entity"] == "orders")
    assert [(r["email"], r["customer_id"]) for r in orders["rows"]] == [
        ("•••", "•••"),
        (None, None),
    ]
    assert "anna" not in command("sources", "check", "-c", str(path)).stdout
    assert "anna@example.org" in command("sources", "check", "-c", str(path), "--show-pii").stdout


def test_columns_that_the_source_lacks_are_named_with_the_likeliest(
    command: Run, folder: Path
) -> None:
    path = configured(folder, storefront(database(folder / "s.db", ORDERS), status="stat"))
    found = checked(command, path)["storefront"]
    (stream,) = found["streams"]
    assert not found["fine"]
    assert stream["entities"][0]["missing"] == [
        "column stat, which orders.status needs, is not there; is it state?"
    ]
    assert stream["entities"][0]["rows"] == []


def test_fields_that_nothing_gives_are_named(command: Run, folder: Path) -> None:
    path = configured(folder, TILL.replace("              quantity: quantity\n", ""))
    (stream,) = checked(command, path)["till"]["streams"]
    items = next(e for e in stream["entities"] if e["entity"] == "order_items")
    assert items["missing"][0] == "nothing gives order_items.quantity, which every row must have"
    assert "none of 3 rows is fit to be published" in items["missing"]


def test_a_source_that_is_down_keeps_nobody_else_from_being_looked_at(
    command: Run, folder: Path
) -> None:
    (port,) = free_ports(1)
    path = configured(folder, DOWN.format(port=port) + TILL)
    found = checked(command, path)
    assert found["till"]["fine"]
    (stream,) = found["down"]["streams"]
    assert f"127.0.0.1:{port}" in stream["error"]
    assert "Connection refused; expected a server that answers" in stream["error"]
    said = command("sources", "check", "-c", str(path))
    assert said.exit_code == 1
    assert "To be put right: down" in said.stdout
    assert "Pa55word" not in said.output


def test_old_rows_are_found_and_their_span_is_said(command: Run, folder: Path) -> None:
    url = database(folder / "s.db", ORDERS)
    (stream,) = checked(command, configured(folder, storefront(url)))["storefront"]["streams"]
    assert stream["window"][0] == "2025-12-31T23:00:00+00:00", "the shop's first midnight"
    assert stream["entities"][0]["rules"] == {"contract": 1}
    closed = configured(folder, storefront(url))
    closed.write_text(closed.read_text().replace("2026-01-01}", "2026-01-01, end: 2026-01-05}"))
    (stream,) = checked(command, closed)["storefront"]["streams"]
    assert stream["window"] == ["2026-01-04T23:00:00+00:00", "2026-01-05T22:00:00+00:00"]
    assert stream["rows"] == 2


def test_an_empty_table_is_said_to_be_so_and_is_no_mistake(command: Run, folder: Path) -> None:
    url = database(folder / "s.db", ORDERS.split("INSERT", maxsplit=1)[0])
    path = configured(folder, storefront(url))
    (stream,) = checked(command, path)["storefront"]["streams"]
    assert (stream["fine"], stream["rows"]) == (True, 0)
    assert "no rows from 2025-12-31 23:00" in command("sources", "check", "-c", str(path)).stdout


def test_a_stream_without_cursor_is_looked_at_as_a_whole(command: Run, folder: Path) -> None:
    url = database(folder / "s.db", ORDERS)
    for snapshot in ("hourly", "daily"):
        compared = storefront(url).replace("cursor: updated_at", f"snapshot: {snapshot}")
        (stream,) = checked(command, configured(folder, compared))["storefront"]["streams"]
        assert stream["rows"] == 2, snapshot


def test_only_the_named_sources_are_looked_at(command: Run, folder: Path) -> None:
    (port,) = free_ports(1)
    path = configured(folder, DOWN.format(port=port) + TILL)
    assert list(checked(command, path, "till")) == ["till"]
    done = command("sources", "check", "tilt", "-c", str(path))
    assert isinstance(done.exception, UserError)
    assert str(done.exception) == f"{path}: no source tilt, expected one of down, till"


def test_exit_codes_are_those_of_every_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def ended(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["shop-assets", *arguments])
        with pytest.raises(SystemExit) as exited:
            main()
        return int(exited.value.code or 0)

    path = configured(folder, TILL)
    assert ended("sources", "check", "-c", str(path)) == 0
    path.write_text(path.read_text().replace("quantity: quantity", "quantity: pieces"))
    assert ended("sources", "check", "-c", str(path)) == 1
    path.write_text(path.read_text().replace("format: csv", "format: cvs"))
    capfd.readouterr()
    assert ended("sources", "check", "-c", str(path)) == 2
    said = capfd.readouterr().err
    assert said.startswith(f"shop-assets: {path}:9: sources.till.streams.lines.format: found cvs;")
    assert said.count("\n") == 1
