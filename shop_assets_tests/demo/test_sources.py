"""The source systems look and err like real ones."""

from __future__ import annotations

import gzip
import json
import re

import pyarrow.parquet as pq
import pytest

from shop_assets.demo import SimulatedShop
from shop_assets.entities import ENTITIES
from shop_assets.settings import load_settings
from shop_assets.sources import connect
from shop_assets_tests.demo import dumps
from shop_assets_tests.demo.conftest import HOURS
from shop_assets_tests.demo.reading import CONFIGURATION, settings_of

# On one worker, so that one grown shop does for all.
pytestmark = pytest.mark.xdist_group("grown_shop")


@pytest.fixture(scope="session")
def tables(grown: SimulatedShop) -> dict[str, list[tuple[object, ...]]]:
    return dumps.tables(grown.targets)


def counts(shop: SimulatedShop, source: str, stream: str) -> dict[str, int]:
    """The true counts of a stream's rows."""
    totals = shop.truth().stream_totals.astype("int64")
    return {str(name): int(totals[name].to_dict()[source, stream]) for name in totals.columns}


def test_the_configuration_maps_all_sources_to_all_entities(grown: SimulatedShop) -> None:
    settings = load_settings(CONFIGURATION, grown.targets.environment(grown.plan))
    assert set(settings.entities) == set(ENTITIES)
    assert len(settings.sources) == 8
    rules = [
        rule
        for source in settings.sources.values()
        for stream in source.streams.values()
        for mapping in stream.entities.values()
        for rule in mapping.rules
    ]
    assert [rule.name for rule in rules if not rule.why] == []


def test_every_stream_is_as_the_configuration_says(grown: SimulatedShop) -> None:
    settings = settings_of(grown)
    for name, source in settings.sources.items():
        connector = connect(name, source, base=CONFIGURATION.parent)
        for stream in source.streams:
            problems = connector.check(stream).problems
            # Of what is wrong, only the dirt that is meant to be there.
            assert [p for p in problems if "not JSON" not in p] == [], (name, stream)
        connector.close()


def test_there_is_a_file_for_every_hour(grown: SimulatedShop) -> None:
    root = grown.targets.files_root
    for folder in ("web", "crm", "payments"):
        assert len(list((root / folder).iterdir())) == HOURS
    # Of the first hour, and then every six.
    assert len(list((root / "ads").glob("spend-*.csv"))) == 1 + HOURS // 6
    assert not list(root.rglob(".*"))


def test_the_tracker_writes_broken_lines_duplicates_and_three_ways_of_time(
    grown: SimulatedShop,
) -> None:
    lines: list[str] = []
    for path in (grown.targets.files_root / "web").iterdir():
        lines += gzip.decompress(path.read_bytes()).decode().splitlines()
    events, broken = [], 0
    for line in lines:
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            broken += 1
    expected = counts(grown, "tracker", "web_events")
    assert len(lines) == expected["delivered"]
    assert broken == expected["broken"] > 20
    assert len(lines) - broken - len({e["event_id"] for e in events}) == expected["duplicates"] > 50
    spoilt = [e for e in events if e["type"] == "debug_ping" or e["anonymous_id"] is None]
    assert len(spoilt) == expected["invalid"] > 20
    ways = {re.sub(r"\d", "0", e["ts"]) for e in events}
    stamp = "0000-00-00T00:00:00.000"
    assert ways == {stamp + "Z", stamp + "+00:00", "0" * 13}
    campaigns = [e for e in events if e["utm_campaign"]]
    assert all(f"utm_campaign={e['utm_campaign']}" in e["url"] for e in campaigns)


def test_every_web_order_was_made_in_a_session(
    grown: SimulatedShop, tables: dict[str, list[tuple[object, ...]]]
) -> None:
    bought = set()
    for path in (grown.targets.files_root / "web").iterdir():
        text = gzip.decompress(path.read_bytes()).decode()
        bought |= set(re.findall(r'"order_id": "(\d+)", "utm_campaign"', text))
    # order_id, status, is_test, channel of the orders that no import has spoilt
    real = [
        str(row[0])
        for row in tables["orders"]
        if row[11] == "web" and not row[10] and int(str(row[0])) % 1_000_000 < 900_000
    ]
    missing = set(real) - bought
    assert len(missing) < 0.02 * len(real), "only what is not received yet"
    assert bought <= set(real)


def test_rows_refer_to_rows_that_are_there(tables: dict[str, list[tuple[object, ...]]]) -> None:
    orders = {row[0] for row in tables["orders"]}
    items = {row[0] for row in tables["order_items"]}
    customers = {row[0] for row in tables["customers"]}
    products = {row[0] for row in tables["products"]}
    assert {row[2] for row in tables["orders"]} - {None} <= customers
    assert {row[1] for row in tables["order_items"]} <= orders
    assert {row[2] for row in tables["order_items"]} <= products
    assert {row[1] for row in tables["refunds"]} <= orders
    assert {row[2] for row in tables["refunds"]} - {None} <= items
    assert {row[2] for row in tables["stock_movements"]} - {None} <= products
    assert {row[6] for row in tables["stock_movements"]} - {None} <= orders


def test_orders_go_all_the_ways_that_orders_go(
    tables: dict[str, list[tuple[object, ...]]],
) -> None:
    orders = tables["orders"]
    assert {row[4] for row in orders} == {
        "pending",
        "paid",
        "shipped",
        "cancelled",
        "payment_failed",
        "refunded",
        "partially_refunded",
        "zombie",
    }
    assert {row[5] for row in orders} == {"EUR", "JPY", "KWD", "EURO"}
    assert any(row[10] for row in orders), "test orders"
    deleted = [row for row in orders if row[14]]
    assert deleted
    assert all(row[10] for row in deleted), "only test orders are deleted"
    assert any(row[10] for row in tables["order_items"]), "removed lines"
    assert {row[4] for row in tables["order_items"]} == {"article", "gift_card"}
    assert any(row[6] for row in tables["customers"]), "deleted accounts"
    repriced = [row for row in tables["products"] if row[9].hour != 23]  # type: ignore[attr-defined]
    assert len(repriced) > 20, "prices change"


def test_the_crm_is_latin_1_with_three_ways_of_time_gaps_and_ragged_lines(
    grown: SimulatedShop,
) -> None:
    text = ""
    for path in sorted((grown.targets.files_root / "crm").iterdir()):
        text += path.read_bytes().decode("latin-1")
    assert "Müller" in text
    assert '"ruft an;\r\nbitte per Mail"' in text
    times = re.findall(r";(\d[\d.\-]+[T ][\d:]{8}Z?);", text)
    assert {re.sub(r"\d", "0", t) for t in times} == {
        "00.00.0000 00:00:00",
        "0000-00-00T00:00:00",
        "0000-00-00T00:00:00Z",
    }
    assert "31.02.2026 10:00:00" in text
    assert ";n/a;" in text
    ragged = re.findall(r";;\r\n", text)
    assert len(ragged) == counts(grown, "crm", "contacts")["broken"] > 3


def test_the_ledger_counts_minor_units_of_each_currency(grown: SimulatedShop) -> None:
    rows = [
        row
        for path in (grown.targets.files_root / "payments").iterdir()
        for row in pq.read_table(path).to_pylist()
    ]
    assert {row["currency"] for row in rows} == {"eur", "jpy", "kwd"}
    assert {row["type"] for row in rows} >= {"charge", "refund", "hold_v2"}
    charges = [row["amount"] for row in rows if row["type"] == "charge"]
    assert all(isinstance(row["amount"], int) for row in rows)
    assert min(charges) > 0
    assert max(row["amount"] for row in rows if row["type"] == "refund") < 0


def test_ad_exports_begin_with_a_byte_order_mark_and_end_with_a_total(
    grown: SimulatedShop,
) -> None:
    for path in (grown.targets.files_root / "ads").glob("spend-*.csv"):
        content = path.read_bytes()
        assert content.startswith(b"\xef\xbb\xbfCampaign ID,Day,")
        lines = content.decode("utf-8-sig").splitlines()
        costs = [int(cost) for line in lines[1:-1] if (cost := line.split(",")[3]) != "--"]
        assert lines[-1].split(",")[:4] == ["Total", "", "EUR", str(sum(costs))]
