"""The same through the real assets: the hourly job loads an export that ends a campaign's day."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from shop_assets.automation import runs
from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.automation.opened import opened_shop
from shop_assets_tests.sources.vendor_files import Line, as_csv, google_rows
from shop_assets_tests.warehouse.databases import make_template

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
    stack: Endpoints, tmp_path: Path
) -> None:
    (tmp_path / "google").mkdir()
    exports = {0: [Line(1, YESTERDAY, 500), Line(2, YESTERDAY, 700)], 1: [Line(1, YESTERDAY, 550)]}
    with opened_shop(stack, make_template(stack), tmp_path, CONFIG) as shop:
        keys = [
            node.key
            for node in shop.definitions.resolve_asset_graph().asset_nodes
            if node.group_name in ("raw", "clean", "warehouse") and node.partitions_def is not None
        ]
        for hour, lines in exports.items():
            moment = FIRST + dt.timedelta(hours=hour)
            name = f"{moment:%Y-%m-%dT%H}.csv"
            (tmp_path / "google" / name).write_bytes(as_csv(google_rows(lines)))
            assert shop.execute("hourly", runs.hour_range_tags(moment, moment), keys)
        rows = shop.warehouse.read(
            "SELECT campaign_id, spend_micros, deleted FROM warehouse.ad_spend ORDER BY 1"
        )
        assert list(rows.itertuples(index=False, name=None)) == [
            ("1", 5_500_000, False),
            ("2", 0, True),
        ]
        names = shop.warehouse.read("SELECT name, deleted FROM warehouse.campaigns ORDER BY 1")
        assert names["name"].tolist() == ["Search – 1", "Search – 2"]
        assert not names["deleted"].any()
