"""Which hours are missing: found anew each time, without looking again at what was complete."""

from __future__ import annotations

import datetime as dt

import pytest

from shop_assets.warehouse import slices
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.progress import (
    cleaned_from_raw,
    first_loaded,
    loaded_from_clean,
    missing_hours,
    rewriting,
)
from shop_assets_tests.warehouse.loads import HOUR, NINE, activity, publish, table_of

ACTIVITY, SALES = "warehouse/web_activity", "marts/sales_hourly"
BOTH = (ACTIVITY, SALES)


def load(warehouse: Warehouse, *hours: int) -> None:
    for hour in hours:
        activity(warehouse, start=NINE + hour * HOUR)
        publish(warehouse, start=NINE + hour * HOUR)


def missing(
    warehouse: Warehouse, until: int, *, since: int = 0, assets: tuple[str, ...] = BOTH
) -> list[int]:
    found = missing_hours(warehouse, assets, NINE + since * HOUR, NINE + until * HOUR)
    return [int((hour - NINE) / HOUR) for hour in found]


def complete(warehouse: Warehouse) -> list[tuple[int, int]]:
    """From which hour to which each set of tables is known to be complete."""
    spans: list[tuple[dt.datetime, dt.datetime]] = [
        (row[0], row[1]) for row in table_of(warehouse, "SELECT since, until FROM meta.complete")
    ]
    return [(int((a - NINE) / HOUR), int((b - NINE) / HOUR)) for a, b in spans]


def test_the_first_hour_is_that_of_whichever_table_has_the_earliest(warehouse: Warehouse) -> None:
    assert first_loaded(warehouse, BOTH) is None
    publish(warehouse, start=NINE + HOUR)
    activity(warehouse, start=NINE)
    assert first_loaded(warehouse, BOTH) == NINE
    assert first_loaded(warehouse, [SALES]) == NINE + HOUR


def test_hours_are_complete_up_to_the_first_that_any_table_lacks(warehouse: Warehouse) -> None:
    load(warehouse, 0, 1, 3)
    publish(warehouse, start=NINE + 2 * HOUR)
    assert missing(warehouse, 5) == [2, 4]
    assert complete(warehouse) == [(0, 2)]


def test_an_hour_that_stays_missing_is_found_every_time(warehouse: Warehouse) -> None:
    load(warehouse, 0, 2)
    assert missing(warehouse, 3) == missing(warehouse, 3) == [1]
    load(warehouse, 1)
    assert missing(warehouse, 4) == [3]
    assert complete(warehouse) == [(0, 3)]


def test_what_is_rewritten_is_missing_until_it_is_loaded_by_who_began_later(
    warehouse: Warehouse,
) -> None:
    load(warehouse, 0, 1, 2)
    assert missing(warehouse, 3) == []
    span = NINE + HOUR, NINE + 2 * HOUR
    with rewriting(warehouse, loaded_from_clean("web_events"), *span):
        assert missing(warehouse, 3) == [1]
        early = slices.begin(warehouse)
        activity(warehouse, start=NINE + HOUR, epoch=early)
        assert missing(warehouse, 3) == [1]
    activity(warehouse, start=NINE + HOUR, epoch=early)
    assert missing(warehouse, 3) == [1]
    assert missing(warehouse, 3, assets=(SALES,)) == []
    activity(warehouse, start=NINE + HOUR, epoch=slices.begin(warehouse))
    assert missing(warehouse, 3) == []


def test_a_write_that_ended_half_way_leaves_its_readers_missing(warehouse: Warehouse) -> None:
    load(warehouse, 0, 1)
    with (
        pytest.raises(ConnectionError),
        rewriting(warehouse, loaded_from_clean("web_events"), NINE, NINE + HOUR),
    ):
        raise ConnectionError
    activity(warehouse, epoch=slices.begin(warehouse))
    assert missing(warehouse, 2) == [0]
    with rewriting(warehouse, loaded_from_clean("web_events"), NINE, NINE + HOUR):
        pass
    activity(warehouse, epoch=slices.begin(warehouse))
    assert missing(warehouse, 2) == []


def test_an_hour_of_which_more_was_read_is_missing_until_it_is_cleaned(
    warehouse: Warehouse,
) -> None:
    load(warehouse, 0)
    clean = slices.Load("c", "clean/web_events", NINE, NINE + HOUR, HOUR, slices.begin(warehouse))
    with warehouse.transaction() as cursor, slices.publishing(cursor, clean) as publication:
        publication.note(0, 0)
    with rewriting(warehouse, cleaned_from_raw(["web_events"]), NINE, NINE + HOUR):
        pass
    activity(warehouse, epoch=slices.begin(warehouse))
    assert missing(warehouse, 1) == [0]
    assert missing(warehouse, 1, assets=(SALES,)) == []


def test_what_is_made_of_an_entity_that_the_shop_no_longer_has_is_not_missed(
    warehouse: Warehouse,
) -> None:
    kept = ("warehouse/orders", "warehouse/sales_ledger")
    for asset in (*kept, "clean/orders", "clean/refunds", "warehouse/refunds"):
        load = slices.Load(asset, asset, NINE, NINE + HOUR, HOUR, slices.begin(warehouse))
        with warehouse.transaction() as cursor, slices.publishing(cursor, load) as publication:
            publication.note(0, 0)
    with rewriting(warehouse, cleaned_from_raw(["refunds"]), NINE, NINE + HOUR):
        pass
    assert missing(warehouse, 1, assets=kept) == []
    assert missing(warehouse, 1, assets=(*kept, "warehouse/refunds")) == [0]
    with rewriting(warehouse, cleaned_from_raw(["orders"]), NINE, NINE + HOUR):
        pass
    assert missing(warehouse, 1, assets=kept) == [0]


def test_what_is_loaded_of_an_earlier_time_is_looked_at_too(warehouse: Warehouse) -> None:
    load(warehouse, 0, 1)
    assert missing(warehouse, 2) == []
    load(warehouse, -4, -2)
    assert missing(warehouse, 2, since=-4) == [-3, -1]
    load(warehouse, -3, -1)
    assert missing(warehouse, 3, since=-4) == [2]


def test_a_table_that_is_new_to_the_shop_lacks_all_hours(warehouse: Warehouse) -> None:
    load(warehouse, 0, 1)
    assert missing(warehouse, 2) == []
    assert missing(warehouse, 2, assets=(*BOTH, "marts/funnel_hourly")) == [0, 1]
    assert missing(warehouse, 2, assets=BOTH[::-1]) == []


def test_a_span_that_ends_before_what_is_known_to_be_complete_lacks_nothing(
    warehouse: Warehouse,
) -> None:
    load(warehouse, 0, 1, 2)
    assert missing(warehouse, 3) == []
    assert missing(warehouse, 1) == []
    assert complete(warehouse) == [(0, 3)]
