"""A small shop's database and files to connect, and the command in this process."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from shop_assets.cli.app import application

SHOP = "shop: {name: Lamps, timezone: Europe/Berlin, currency: EUR, start: 2026-01-01}\n"
LINES = """\
order_id,item_id,changed,quantity,price,mail
A,1,2026-01-05T10:10:00Z,1,9.99,anna@example.org
A,2,2026-01-05T10:10:00Z,many,9.99,anna@example.org
B,1,2026-01-06T10:10:00Z,2,9.99,
"""
TILL = """\
  till:
    connector: files
    url: till
    streams:
      lines:
        files: lines-*.csv
        format: csv
        time: {column: changed}
        entities:
          orders:
            grain: folded
            fields: {order_id: order_id, email: mail, customer_id: mail, placed_at: changed}
          order_items:
            fields:
              order_id: order_id
              item_id: item_id
              placed_at: changed
              quantity: quantity
              unit_price_micros: {column: price, money: major}
"""

Run = Callable[..., Result]


@pytest.fixture
def command() -> Run:
    """`shop-assets` with arguments, and what is typed; a mistake of the user is raised."""

    def run(*arguments: str, typed: str = "", **variables: str) -> Result:
        return CliRunner().invoke(
            application(), list(arguments), input=typed, env=variables or None
        )

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a till's export in `till`."""
    (tmp_path / "till").mkdir()
    (tmp_path / "till" / "lines-2026.csv").write_text(LINES, "utf-8")
    return tmp_path


def configured(folder: Path, sources: str) -> Path:
    """A `shop.yaml` with these sources."""
    path = folder / "shop.yaml"
    path.write_text(f"{SHOP}sources:\n{sources}", "utf-8")
    return path


def database(path: Path, script: str) -> str:
    """A SQLite database made by a script; its URL."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return f"sqlite:///{path}"


def reported(done: Result) -> Any:
    """What the command printed as JSON."""
    return json.loads(done.stdout)
