from __future__ import annotations

from pathlib import Path

from shop_assets.definitions import build_definitions
from shop_assets.settings import load_settings
from shop_assets_tests.conftest import REPOSITORY

WEB = {"raw__tracker__web_events", "clean__web_events", "warehouse__web_activity"}


def test_web_events_begin_before_what_takes_less_long(tmp_path: Path) -> None:
    surroundings = {
        "SHOP_DEMO_STOREFRONT_URL": "postgresql://reader@localhost/storefront",
        "SHOP_DEMO_WMS_URL": "postgresql://reader@localhost/wms",
        "SHOP_DEMO_FILES": str(tmp_path),
        "SHOP_DEMO_START": "2026-01-01",
    }
    settings = load_settings(REPOSITORY / "examples/demo/shop.yaml", surroundings)
    hourly = build_definitions(settings).resolve_job_def("hourly")
    urgent = {node.name for node in hourly.nodes if node.tags.get("dagster/priority") == "1"}
    assert urgent == WEB
    assert len(hourly.nodes) > 3 * len(WEB)
