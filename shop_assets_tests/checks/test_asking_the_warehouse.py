"""Checks that compare with what the warehouse knows: arrival, loading, sums."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest
from dagster import AssetCheckSeverity

from shop_assets.checks import arrival, loading, marts
from shop_assets.checks.outcome import Outcome
from shop_assets.entities import TABLES
from shop_assets.partition_span import Span
from shop_assets.partitions import HOUR, hour_key
from shop_assets.transforms.clean import COUNTS
from shop_assets.transforms.sales import hour_sums, sales_hourly
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.rows import record_counts
from shop_assets.warehouse.slices import to_arrow
from shop_assets_tests.transforms.frames import frame_of

NOON = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)


def span(first: dt.datetime = NOON, hours: int = 1) -> Span:
    keys = tuple(hour_key(first + n * HOUR) for n in range(hours))
    return Span(first, first + hours * HOUR, keys)


def read_before(
    warehouse: Warehouse,
    hours: dict[dt.datetime, int],
    stream: str = "orders",
    entity: str = "orders",
) -> None:
    """Note in the ledger of rows how many were read (and published) for each hour."""
    counts = pd.DataFrame({"hour": pd.Series(list(hours), dtype="datetime64[us, UTC]")})
    counts = counts.assign(source="shop", stream=stream, entity=entity, **dict.fromkeys(COUNTS, 0))
    counts["rows_read"] = counts["rows_published"] = list(hours.values())
    with warehouse.transaction() as cursor:
        record_counts(cursor, entity, counts, min(hours), max(hours) + HOUR, "x")


def arrived(
    warehouse: Warehouse, rows: dict[dt.datetime, int], over: Span, *, busy: bool = False
) -> Outcome:
    by_key = {hour_key(hour): n for hour, n in rows.items()}
    return arrival.judge(warehouse, "shop", "orders", over, by_key, busy=busy)


def test_an_empty_hour_is_suspect_after_a_day_that_had_rows_in_every_hour(
    warehouse: Warehouse,
) -> None:
    read_before(warehouse, {NOON - n * HOUR: 5 for n in range(1, 25)})
    found = arrived(warehouse, {}, span())
    assert found.failed == {hour_key(NOON): {"rows": 0, "filled_hours_of_24_before": 24}}
    assert found.severity == AssetCheckSeverity.WARN
    assert arrived(warehouse, {NOON: 1}, span()).passed


def test_an_empty_hour_is_not_suspect_where_there_were_some_before(warehouse: Warehouse) -> None:
    assert arrived(warehouse, {}, span()).passed
    read_before(warehouse, {NOON - n * HOUR: 0 if n == 7 else 5 for n in range(1, 25)})
    assert arrived(warehouse, {}, span()).passed
    # What another stream delivered does not count.
    read_before(warehouse, {NOON - 7 * HOUR: 5}, stream="refunds", entity="refunds")
    assert arrived(warehouse, {}, span()).passed


def test_an_empty_hour_of_a_busy_stream_is_always_suspect(warehouse: Warehouse) -> None:
    found = arrived(warehouse, {}, span(), busy=True)
    assert found.failed == {hour_key(NOON): {"rows": 0, "filled_hours_of_24_before": 0}}


def test_a_range_is_judged_hour_by_hour_with_what_it_brought_itself(warehouse: Warehouse) -> None:
    read_before(warehouse, {NOON - n * HOUR: 5 for n in range(1, 21)})
    rows = {NOON + n * HOUR: 1 for n in range(8) if n not in (4, 6)}
    found = arrived(warehouse, rows, span(hours=8))
    assert set(found.failed) == {hour_key(NOON + 4 * HOUR)}
    assert found.metadata == {"rows": 6, "empty": 2}


def test_what_clean_published_is_what_is_loaded(warehouse: Warehouse) -> None:
    read_before(warehouse, {NOON: 5, NOON + HOUR: 0, NOON + 2 * HOUR: 2, NOON + 3 * HOUR: 9})
    read_before(warehouse, {NOON: 3}, stream="archive", entity="refunds")
    exact = {hour_key(NOON): 5, hour_key(NOON + 2 * HOUR): 2}
    assert loading.judge(warehouse, "orders", span(hours=3), exact).passed
    found = loading.judge(
        warehouse, "orders", span(hours=3), {hour_key(NOON): 6, hour_key(NOON + HOUR): 1}
    )
    assert found.failed == {
        hour_key(NOON): {"published": 5, "to_load": 6},
        hour_key(NOON + HOUR): {"published": 0, "to_load": 1},
        hour_key(NOON + 2 * HOUR): {"published": 2, "to_load": 0},
    }
    assert found.severity == AssetCheckSeverity.ERROR


def entry(order: str, kind: str = "sale", at: dt.datetime = NOON, **changed: Any) -> dict[str, Any]:
    row = {"order_id": order, "kind": kind, "happened_at": at, "ordered_at": at, "currency": "EUR"}
    return row | changed


@pytest.fixture(name="ledger")
def _ledger(warehouse: Warehouse) -> pd.DataFrame:
    """Rows that stand in the sales ledger, in two currencies, with returns and a test order."""
    spec = TABLES["sales_ledger"]
    rows = frame_of(
        "sales_ledger",
        [
            entry("A"),
            entry("A", "discount", amount_micros=1_000_000),
            entry("B", "return", amount_micros=4_000_000),
            entry("C", currency="JPY", amount_micros=5_000_000),
            entry("C", "cancellation", currency="JPY", amount_micros=5_000_000),
            entry("D", is_test=True),
            entry("E", "shipping", amount_micros=3_000_000),
            entry("F", at=NOON + HOUR),
        ],
    )
    table = to_arrow(rows, spec)
    warehouse.ensure_months(spec, table.column("happened_at"))
    with warehouse.transaction() as cursor:
        cursor.adbc_ingest("sales_ledger", table, mode="append", db_schema_name="warehouse")
    return rows


def sums(warehouse: Warehouse, rows: pd.DataFrame, hours: int = 2) -> Outcome:
    return marts.judge_sums(warehouse, rows, NOON, NOON + hours * HOUR)


def test_a_mart_sums_to_the_ledger_in_each_currency(
    warehouse: Warehouse, ledger: pd.DataFrame
) -> None:
    rows = sales_hourly(hour_sums(ledger))
    assert sums(warehouse, rows).passed
    assert sums(warehouse, rows[rows["hour"] == pd.Timestamp(NOON)], hours=1).passed


def test_a_doubled_a_missing_and_an_invented_row_are_found(
    warehouse: Warehouse, ledger: pd.DataFrame
) -> None:
    rows = sales_hourly(hour_sums(ledger))
    doubled = sums(warehouse, pd.concat([rows, rows.tail(1)], ignore_index=True))
    assert not doubled.passed
    assert doubled.severity == AssetCheckSeverity.ERROR
    assert doubled.metadata == {
        "off_by_EUR": "gross_sales_micros=10000000, net_sales_micros=10000000"
    }
    assert not sums(warehouse, rows.tail(1)).passed
    assert not sums(warehouse, rows.iloc[:0]).passed
    other = rows.assign(currency=rows["currency"].where(rows["currency"] != "JPY", "USD"))
    assert sums(warehouse, other).metadata.keys() == {"off_by_JPY", "off_by_USD"}


def test_wrong_amounts_that_make_up_for_each_other_are_found(
    warehouse: Warehouse, ledger: pd.DataFrame
) -> None:
    rows = sales_hourly(hour_sums(ledger))
    for name in ("discounts_micros", "returns_micros", "net_sales_micros"):
        off = rows.assign(**{name: rows[name] + 1})
        assert name in str(sums(warehouse, off).metadata)


def test_nothing_sums_to_nothing(warehouse: Warehouse) -> None:
    assert sums(warehouse, TABLES["sales_hourly"].empty()).passed
    assert sums(warehouse, TABLES["sales_daily"].empty()).passed
