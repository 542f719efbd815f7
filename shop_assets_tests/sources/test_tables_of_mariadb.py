"""A first configuration of a MariaDB, from its tables to rows that pass."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from shop_assets.cli.app import application
from shop_assets_tests.sources.mariadb import MariaDb

SHOP = (
    *("--name", "Lamps", "--timezone", "Europe/Berlin", "--currency", "EUR"),
    *("--start", "2026-01-01", "--yes"),
)


def test_streams_of_mariadb_are_guessed_and_every_row_passes(
    mariadb: MariaDb, tmp_path: Path
) -> None:
    mariadb.run(
        "CREATE TABLE `order` (id INT UNSIGNED PRIMARY KEY, created_at DATETIME, "
        "status ENUM('pending','paid'), total_tax DECIMAL(9,2), is_deleted TINYINT(1))",
        "CREATE TABLE `order item` (id BIGINT PRIMARY KEY, order_id INT, sku VARCHAR(9), qty INT, "
        "price DOUBLE, modified_at TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP(3))",
        "INSERT INTO `order` VALUES (1, '2026-01-05 10:00', 'paid', 1.90, 0)",
        "INSERT INTO `order item` (id, order_id, sku, qty, price) VALUES (7, 1, 'A', 2, 9.99)",
    )
    path = tmp_path / "shop.yaml"
    run = CliRunner()
    done = run.invoke(
        application(), ["init", "-c", str(path), *SHOP, "--source", f"sql={mariadb.url}"]
    )
    assert done.exit_code == 0, (done.output, done.exception)
    assert mariadb.password not in path.read_text("utf-8") + done.output
    assert "JOIN `order` AS o ON o.id = l.order_id" in path.read_text("utf-8")
    checked = run.invoke(application(), ["sources", "check", "-c", str(path), "--json"])
    (found,) = json.loads(checked.stdout)
    assert found["fine"], found
    rows = {e["entity"]: e["rows"] for s in found["streams"] for e in s["entities"]}
    assert [(o["status"], o["tax_micros"]) for o in rows["orders"]] == [("paid", 1_900_000)]
    (item,) = rows["order_items"]
    assert (item["item_id"], item["quantity"], item["unit_price_micros"]) == ("7", 2, 9_990_000)
    assert item["placed_at"] == "2026-01-05T10:00:00+00:00"
