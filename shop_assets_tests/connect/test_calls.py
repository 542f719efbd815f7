"""What a month of an API costs is known before it is loaded, to within a few calls."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from shop_assets.settings import load_settings
from shop_assets.settings.apis import ApiSource
from shop_assets.sources import connect
from shop_assets.sources.protocol import ReadRequest, Window
from shop_assets.sources.rate_limit import RateLimit
from shop_assets_tests.connect.conftest import Run, configured, reported
from shop_assets_tests.connect.simulations import running
from shop_assets_tests.connect.test_check import checked

ORDERS = 450


def truly(path: Path, stream: str) -> int:
    """How many calls it takes to read a month of a stream."""
    (name, source), *_ = load_settings(path, {}).sources.items()
    assert isinstance(source, ApiSource)
    limit = RateLimit(name, source.requests_per_second)
    connector = connect(name, source, base=path.parent, limit=limit)
    now = dt.datetime.now(dt.UTC)
    for _ in connector.read(ReadRequest(stream, Window(now - dt.timedelta(days=30), now))):
        pass
    connector.close()
    return limit.calls


def said(found: dict[str, Any], stream: str) -> dict[str, Any]:
    (backfill,) = (s["backfill"] for s in found["streams"] if s["stream"] == stream)
    assert backfill is not None
    assert backfill["days"] == 30
    return dict(backfill)


@pytest.mark.parametrize(
    ("provider", "long", "short"),
    [("stripe", "charges", "disputes"), ("woocommerce", "orders", "customers")],
)
def test_the_calls_of_a_month_are_told(
    command: Run, tmp_path: Path, provider: str, long: str, short: str
) -> None:
    with running(provider, ORDERS) as api:
        path = configured(tmp_path, api.source())
        found = checked(command, path)[provider]
        calls = len(api.faults.calls)
        assert found["calls"] == calls, "each call is counted, and no other"
        extrapolated, measured = said(found, long), said(found, short)
        assert (extrapolated["how"], measured["how"]) == ("extrapolated", "measured")
        assert extrapolated["calls"] == pytest.approx(truly(path, long), rel=0.35, abs=2)
        assert measured["calls"] == pytest.approx(truly(path, short), abs=1)
    assert found["fine"], found


def test_no_bulk_operation_is_begun_just_to_look(command: Run, tmp_path: Path) -> None:
    with running("shopify", 40) as api:
        found = checked(command, configured(tmp_path, api.source()))["shopify"]
        asked = b"".join(call.body for call in api.faults.calls)
    assert b"bulkOperationRunQuery" not in asked
    assert found["fine"]
    assert {s["backfill"]["how"] for s in found["streams"]} == {"by operation"}
    rows = {s["stream"]: s["rows"] for s in found["streams"]}
    assert min(rows["orders"], rows["order_lines"], rows["refunds"], rows["products"]) > 0


def test_a_stream_that_the_key_may_not_read_keeps_no_other_from_being_read(
    command: Run, tmp_path: Path
) -> None:
    with running("stripe", 5) as api:
        refused = b'{"error": {"message": "rk_... may not", "type": "invalid_request_error"}}'
        api.faults.answer(403, refused, matches=lambda c: c.path == "/v1/disputes", times=None)
        found = checked(command, configured(tmp_path, api.source()))["stripe"]
    assert [s["stream"] for s in found["streams"] if not s["fine"]] == ["disputes"]
    (refused_stream,) = (s for s in found["streams"] if s["stream"] == "disputes")
    assert "may not" in str([refused_stream["error"], *refused_stream["problems"]])


def test_whoever_waits_is_told_soon_that_an_api_does_not_answer(
    command: Run, tmp_path: Path
) -> None:
    with running("woocommerce", 5) as api:
        api.faults.answer(503, times=None)
        path = configured(tmp_path, api.source(requests_per_second=50))
        began = dt.datetime.now(dt.UTC)
        done = command("sources", "check", "-c", str(path), "--json")
        spent = dt.datetime.now(dt.UTC) - began
    assert done.exit_code == 1
    (found,) = reported(done)
    assert all("it answers 503" in s["error"] for s in found["streams"])
    assert spent < dt.timedelta(seconds=30), "a run would wait for five minutes"
    assert "cs_simulated" not in done.output
    assert "ck_simulated" not in done.output
