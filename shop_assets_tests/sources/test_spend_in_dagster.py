"""The same through the real assets: the hourly job loads an export that ends a campaign's day."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path

import pytest
from dagster import DagsterInstance

from shop_assets.automation import runs
from shop_assets.definitions import build_definitions
from shop_assets.settings import load_settings
from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.automation.tiny_shop import TinyShop
from shop_assets_tests.sources.vendor_files import Line, as_csv, google_rows
from shop_assets_tests.warehouse.databases import copied, make_template

CONFIG = """
shop: {name: Ads, timezone: Europe/Berlin, currency: EUR, start: 2026-11-01}
sources:
  google:
    connector: files
    url: google
    streams:
      report:
        preset: google_ads
        files: "*.csv"
        time: {name: "%Y-%m-%dT%H.csv", covers: hour}
"""
FIRST = dt.datetime(2026, 11, 10, 5, tzinfo=dt.UTC)
YESTERDAY = dt.date(2026, 11, 9)


def test_a_deleted_day_of_a_campaign_leaves_the_warehouse_hour_by_hour(
    stack: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "google").mkdir()
    (tmp_path / "shop.yaml").write_text(CONFIG, "utf-8")
    exports = {0: [Line(1, YESTERDAY, 500), Line(2, YESTERDAY, 700)], 1: [Line(1, YESTERDAY, 550)]}
    with copied(stack, make_template(stack)) as url, DagsterInstance.ephemeral() as instance:
        places = {
            "SHOP_HOME": str(tmp_path / "home"),
            "SHOP_S3_URL": f"{stack.s3_url}/{uuid.uuid4().hex}",
            "SHOP_POSTGRES_URL": url,
        }
        for name, value in {**stack.environment(), **places}.items():
            monkeypatch.setenv(name, value)
        settings = load_settings(tmp_path / "shop.yaml", {})
        warehouse = Warehouse(url, zone=settings.shop.timezone)
        made = build_definitions(settings)
        shop = TinyShop(tmp_path, settings, made, instance, warehouse, "")
        keys = [
            node.key
            for node in made.resolve_asset_graph().asset_nodes
            if node.group_name in ("raw", "clean", "warehouse") and node.partitions_def is not None
        ]
        for hour, lines in exports.items():
            moment = FIRST + dt.timedelta(hours=hour)
            name = f"{moment:%Y-%m-%dT%H}.csv"
            (tmp_path / "google" / name).write_bytes(as_csv(google_rows(lines)))
            assert shop.execute("hourly", runs.hour_range_tags(moment, moment), keys)
        rows = warehouse.read(
            "SELECT campaign_id, spend_micros, deleted FROM warehouse.ad_spend ORDER BY 1"
        )
        assert list(rows.itertuples(index=False, name=None)) == [
            ("1", 5_500_000, False),
            ("2", 0, True),
        ]
        names = warehouse.read("SELECT name, deleted FROM warehouse.campaigns ORDER BY 1")
        assert names["name"].tolist() == ["Search – 1", "Search – 2"]
        assert not names["deleted"].any()
