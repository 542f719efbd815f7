"""A mart's slice equals what was computed for it, and what changes under it asks for it again."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shop_assets.entities import TABLES
from shop_assets.warehouse.connection import Warehouse, fetch_one, read
from shop_assets.warehouse.difference import Target, replace_slice
from shop_assets.warehouse.marts import look, replace_all, stale_slices
from shop_assets.warehouse.slices import StaleWriterError, mark_stale, to_arrow
from shop_assets_tests.warehouse.loads import DAY, HOUR, NINE, publish, rows, stale, table_of

UNITS = (
    "SELECT to_char(hour, 'HH24') AS h, currency, units_sold FROM marts_base.sales_hourly "
    "ORDER BY 1, 2"
)
MIDNIGHT = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)


def at(hour: int, units: int = 1, **more: Any) -> dict[str, Any]:
    return {"hour": f"2026-01-31 {hour:02}:00", "units_sold": units} | more


def ask(warehouse: Warehouse, hour: dt.datetime = NINE) -> None:
    """Something that the mart reads changes."""
    with warehouse.transaction() as cursor:
        mark_stale(cursor, "sales_hourly", f"SELECT '{hour.isoformat()}'::timestamptz")


def test_a_slice_is_replaced_whole_and_its_neighbours_stay(warehouse: Warehouse) -> None:
    publish(warehouse, at(8), at(9), at(9, currency="EUR"), at(10), start=NINE - HOUR, count=3)
    publish(warehouse, at(9, 7, currency="USD"))
    expected = [("08", "GBP", 1), ("09", "USD", 7), ("10", "GBP", 1)]
    assert table_of(warehouse, UNITS) == expected


def test_an_empty_slice_replaces(warehouse: Warehouse) -> None:
    publish(warehouse, at(9), at(10), count=2)
    assert publish(warehouse).changed == 1
    assert table_of(warehouse, UNITS) == [("10", "GBP", 1)]


def test_only_rows_that_differ_are_written(warehouse: Warehouse) -> None:
    publish(warehouse, at(9), at(9, currency="EUR"), at(9, currency="USD"))
    where = "SELECT currency, ctid::text FROM marts_base.sales_hourly ORDER BY 1"
    before = dict(table_of(warehouse, where))
    written = publish(warehouse, at(9), at(9, 2, currency="EUR"), at(9, currency="USD"))
    assert written.changed == 2  # the old row went, the new one came
    after = dict(table_of(warehouse, where))
    assert [c for c in before if before[c] != after[c]] == ["EUR"]


def test_nulls_are_equal_to_nulls(warehouse: Warehouse) -> None:
    row = {"hour": NINE, "source": "t", "conversion_rate": None}
    zeros = dict.fromkeys(TABLES["funnel_hourly"].column_names[2:-1], 0)
    assert publish(warehouse, zeros | row, mart="funnel_hourly").changed == 1
    assert publish(warehouse, zeros | row, mart="funnel_hourly").changed == 0


@pytest.mark.parametrize("hour", [8, 10])
@pytest.mark.parametrize("before", [[], [at(9)]], ids=["nothing there", "something there"])
def test_rows_outside_of_the_slice_are_refused(
    warehouse: Warehouse, hour: int, before: list[dict[str, Any]]
) -> None:
    publish(warehouse, *before)
    known = table_of(warehouse, UNITS)
    with pytest.raises(ValueError, match=r"sales_hourly: 1 row lies outside"):
        publish(warehouse, at(9, 5), at(hour))
    assert table_of(warehouse, UNITS) == known


@pytest.mark.parametrize("before", [[], [at(9)]], ids=["nothing there", "something there"])
def test_a_key_that_comes_twice_is_refused(
    warehouse: Warehouse, before: list[dict[str, Any]]
) -> None:
    publish(warehouse, *before)
    known = table_of(warehouse, UNITS)
    with pytest.raises(Exception, match="duplicate key"):
        publish(warehouse, at(9, 2), at(9, 3))
    assert table_of(warehouse, UNITS) == known


def test_rows_of_a_slice_that_has_none_are_staged_nowhere(warehouse: Warehouse) -> None:
    """They are written once: only what is to be compared is put into a table of its own first."""
    sales_hourly = Target.of(TABLES["sales_hourly"])
    scope = "t.hour = '2026-01-31 09:00+00'"
    staged = []
    for units in (1, 2):
        given = to_arrow(rows("sales_hourly", at(9, units)), TABLES["sales_hourly"])
        with warehouse.transaction() as cursor:
            assert replace_slice(cursor, sales_hourly, scope, given).rows == units
            staged.append(fetch_one(cursor, "SELECT to_regclass('pg_temp.fresh') IS NOT NULL"))
            told = read(cursor, "SELECT units_sold FROM pg_temp.came")["units_sold"].tolist()
            gone = read(cursor, "SELECT units_sold FROM pg_temp.gone")["units_sold"].tolist()
        assert (told, gone) == ([units], [1] * (units - 1))
    assert staged == [False, True]


def test_a_range_equals_its_single_slices(warehouse: Warehouse) -> None:
    given = [at(9), at(10, 2), at(10, 3, currency="EUR"), at(12, 4)]
    for hour in range(9, 13):
        single = [row for row in given if row["hour"] == f"2026-01-31 {hour:02}:00"]
        publish(warehouse, *single, start=NINE + (hour - 9) * HOUR)
    apart = table_of(warehouse, UNITS)
    assert publish(warehouse, *given, count=4).changed == 0
    assert table_of(warehouse, UNITS) == apart


def test_days_are_slices_of_their_date(warehouse: Warehouse) -> None:
    def spend(day: int, clicks: int) -> dict[str, Any]:
        usual = {"campaign_id": "k", "source": "ads", "currency": "GBP", "spend_micros": 1}
        return usual | {"day": dt.date(2026, 1, day), "impressions": 0, "clicks": clicks}

    days: dict[str, Any] = {"mart": "ad_spend_daily", "step": DAY, "start": MIDNIGHT}
    publish(warehouse, spend(30, 1), spend(31, 1), **days | {"start": MIDNIGHT - DAY, "count": 2})
    publish(warehouse, spend(31, 9), **days)
    found = table_of(
        warehouse, "SELECT day::text, clicks FROM marts_base.ad_spend_daily ORDER BY 1"
    )
    assert found == [("2026-01-30", 1), ("2026-01-31", 9)]


def test_a_request_is_answered_by_the_slice_computed_after_it(warehouse: Warehouse) -> None:
    ask(warehouse)
    ask(warehouse, NINE + HOUR)
    publish(warehouse, at(9))
    assert stale(warehouse, "sales_hourly") == ["01-31 10:00"]


def test_a_request_of_while_the_mart_was_computed_stays(warehouse: Warehouse) -> None:
    ask(warehouse)
    seen = look(warehouse, "sales_hourly", NINE, NINE + HOUR)
    ask(warehouse)
    publish(warehouse, at(9), seen=seen)
    assert stale(warehouse, "sales_hourly") == ["01-31 09:00"]


def test_a_request_made_after_another_writer_answered_stays(warehouse: Warehouse) -> None:
    ask(warehouse)
    seen = look(warehouse, "sales_hourly")  # by two writers, before either has published
    publish(warehouse, at(9), seen=seen, epoch=1)
    ask(warehouse)  # neither has read what this is about
    with pytest.raises(StaleWriterError):
        publish(warehouse, at(9), seen=seen, epoch=2)
    assert stale(warehouse, "sales_hourly") == ["01-31 09:00"]


def test_a_writer_that_began_later_but_read_earlier_does_not_undo_an_answer(
    warehouse: Warehouse,
) -> None:
    seen = look(warehouse, "sales_hourly", NINE, NINE + HOUR)  # and reads that nothing was sold
    ask(warehouse)
    publish(warehouse, at(9, 2), epoch=1)
    with pytest.raises(StaleWriterError, match=r"09:00: already published by epoch 1, since this"):
        publish(warehouse, seen=seen, epoch=2)
    assert table_of(warehouse, UNITS) == [("09", "GBP", 2)]
    # Having looked again it may, and what others publish of other slices is nothing to it.
    seen = look(warehouse, "sales_hourly", NINE, NINE + HOUR)
    publish(warehouse, start=NINE + HOUR, epoch=1)
    assert publish(warehouse, seen=seen, epoch=2).changed == 1


def test_requests_are_read_within_their_span_and_in_order(warehouse: Warehouse) -> None:
    for hour in (3, 1, 2, 0):
        ask(warehouse, NINE + hour * HOUR)
    found = stale_slices(warehouse, "sales_hourly", NINE + HOUR, NINE + 3 * HOUR)["slice"]
    assert [f"{s:%H}" for s in found] == ["10", "11"]
    assert len(stale_slices(warehouse, "sales_hourly")) == 4
    assert len(stale_slices(warehouse, "sales_daily")) == 0


def versions(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """How often each mart's content has changed."""
    return table_of(warehouse, "SELECT mart, version FROM meta.mart_versions")


def test_a_marts_version_moves_only_when_its_content_does(warehouse: Warehouse) -> None:
    assert versions(warehouse) == []
    publish(warehouse)
    assert versions(warehouse) == []
    publish(warehouse, at(9))
    publish(warehouse, at(9))
    assert versions(warehouse) == [("sales_hourly", 1)]
    publish(warehouse)
    assert versions(warehouse) == [("sales_hourly", 2)]


def test_written_slices_are_known_even_if_they_are_empty(warehouse: Warehouse) -> None:
    publish(warehouse, start=NINE + HOUR)
    publish(warehouse, at(9))
    written = "SELECT to_char(slice, 'HH24') FROM meta.slices WHERE asset = 'marts/sales_hourly'"
    assert sorted(table_of(warehouse, written)) == [("09",), ("10",)]


ALERT = {
    "source": "wms", "location_id": "L", "as_of": NINE, "severity": "low", "available": 1,
    "lead_time_days": 7, "daily_units": 0.5,
}  # fmt: skip


def test_a_list_is_replaced_whole(warehouse: Warehouse) -> None:
    spec = TABLES["stock_alerts"]
    products = "SELECT product_id FROM analytics_base.stock_alerts ORDER BY 1"
    both = rows("stock_alerts", ALERT | {"product_id": "p1"}, ALERT | {"product_id": "p2"})
    assert replace_all(warehouse, spec, both).changed == 2
    assert replace_all(warehouse, spec, both).changed == 0
    assert replace_all(warehouse, spec, both.iloc[1:]).changed == 1
    assert table_of(warehouse, products) == [("p2",)]
    assert replace_all(warehouse, spec, spec.empty()).changed == 1
    assert table_of(warehouse, products) == []
    assert versions(warehouse) == [("stock_alerts", 3)]
