"""Streams of one source that are read side by side share what must be one, and no more."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from shop_assets.resources import SourcesResource, connections
from shop_assets.sources import connect
from shop_assets.sources.protocol import Connector

CONFIG = """
shop: {name: two, timezone: Europe/London, currency: GBP, start: 2026-11-01}
sources:
  stripe: {connector: stripe, api_key: sk_test_1}
  till:
    connector: files
    url: till
    streams:
      sold:
        files: "*.csv"
        format: csv
        time: {name: "%Y-%m-%dT%H.csv", covers: hour}
        entities: {}
"""


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourcesResource:
    monkeypatch.setenv("SHOP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHOP_POSTGRES_URL", "postgresql://loader@127.0.0.1:9/warehouse")
    monkeypatch.setenv("SHOP_S3_URL", "s3://bucket")
    path = tmp_path / "shop.yaml"
    path.write_text(CONFIG, "utf-8")
    return SourcesResource(config=str(path))


def test_streams_of_an_api_have_a_connector_each_within_one_limit(
    sources: SourcesResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[Any] = []

    def noted(*given: Any, **named: Any) -> Connector:
        limits.append(named["limit"])
        return connect(*given, **named)

    monkeypatch.setattr(connections, "connect", noted)
    charges = sources.open("stripe", "charges")
    refunds = sources.open("stripe", "refunds")
    assert charges is not refunds
    assert sources.open("stripe", "charges") is charges
    assert len(limits) == 2
    assert limits[0] is limits[1] is not None


def test_streams_of_files_share_a_connector_whoever_comes_first(
    sources: SourcesResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Connector] = []

    def slowly(*given: Any, **named: Any) -> Connector:
        time.sleep(0.1)
        made.append(connect(*given, **named))
        return made[-1]

    monkeypatch.setattr(connections, "connect", slowly)
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda n: sources.open("till", f"sold {n}"), range(4)))
    assert len(made) == 1
    assert all(each is made[0] for each in opened)
