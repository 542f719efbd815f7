"""Two configurations have one digest if rows are made by both alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from shop_assets.settings import load_settings
from shop_assets.settings.digest import digest

TEXT = """
shop: {name: Lamps, timezone: Europe/London, currency: GBP, start: 2026-01-01}
sources:
  till:
    connector: sql
    url: postgresql://reader:${PASSWORD}@db/shop?sslmode=require&password=${PASSWORD}
    streams:
      lines:
        table: lines
        cursor: changed
        key: [id]
        entities:
          products:
            fields: {product_id: sku, name: "${COLUMN}"}
  paid: {connector: stripe, api_key: "${PASSWORD}"}
  web:
    connector: woocommerce
    api_url: https://lamps.example
    consumer_key: "${PASSWORD}"
    consumer_secret: "${PASSWORD}"
"""
ENVIRONMENT = {"PASSWORD": "hunter2", "COLUMN": "name"}


def of(folder: Path, text: str = TEXT, **environment: str) -> str:
    path = folder / "shop.yaml"
    path.write_text(text, "utf-8")
    return digest(load_settings(path, ENVIRONMENT | environment))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: Lamps,", "name:   'Lamps', # of ours\n  "),
        ("    streams:", "    connect_timeout: 99\n    statement_timeout: 9\n    streams:"),
        ("connector: stripe", "connector: stripe, retry_budget_seconds: 999, timeout_seconds: 9"),
        ("connector: stripe", "connector: stripe, requests_per_second: 1"),
        ("api_url:", "page_size: 20\n    api_url:"),
    ],
)
def test_what_changes_no_row_changes_no_digest(tmp_path: Path, old: str, new: str) -> None:
    assert old in TEXT
    assert of(tmp_path, TEXT.replace(old, new)) == of(tmp_path)


def test_a_new_password_or_key_changes_no_digest(tmp_path: Path) -> None:
    assert of(tmp_path, PASSWORD="another") == of(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("product_id: sku", "product_id: {column: sku, clean: [trim]}"),
        ("Europe/London", "Europe/Berlin"),
        ("@db/shop", "@db/copy"),
        ("reader:", "other:"),
        ("cursor: changed", "cursor: updated"),
        ("connector: stripe", "connector: stripe, order_id: metadata.order"),
        ("lamps.example", "vases.example"),
        ("\nsources:", "\nreconciliation: {grace_hours: 1}\nsources:"),
    ],
)
def test_what_rows_are_made_by_changes_it(tmp_path: Path, old: str, new: str) -> None:
    assert old in TEXT
    assert of(tmp_path, TEXT.replace(old, new)) != of(tmp_path)


def test_a_variable_counts_by_its_value(tmp_path: Path) -> None:
    assert of(tmp_path, COLUMN="title") != of(tmp_path)
