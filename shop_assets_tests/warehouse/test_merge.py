"""An entity's table holds the newest version of each row, whatever came in whichever order."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pandas as pd
import pytest

from shop_assets.entities import TABLES
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.marts import stale_slices
from shop_assets.warehouse.merge import merge_entity
from shop_assets_tests.warehouse.loads import (
    HOUR,
    NINE,
    ledger,
    load_of,
    merge,
    rows,
    settle_all,
    stale,
    table_of,
)

ORDERS = "SELECT order_id, status, placed_at::text FROM warehouse.orders ORDER BY 1, 3"
CUSTOMERS = (
    "SELECT customer_id, country, created_at::text, deleted FROM warehouse.customers ORDER BY 1"
)
V1 = {"version_at": "2026-01-31 09:10", "status": "open"}
V2 = {"version_at": "2026-01-31 10:10", "status": "paid"}
V3 = {"version_at": "2026-01-31 11:10", "status": "fulfilled"}
PLACED = "2026-01-31 09:10:00+00"


@pytest.mark.parametrize("order", list(itertools.permutations([V1, V2, V3])))
def test_the_newest_version_is_current_whatever_the_order_of_loads(
    warehouse: Warehouse, order: tuple[dict[str, Any], ...]
) -> None:
    for version in order:
        merge(warehouse, "orders", version)
    assert table_of(warehouse, ORDERS) == [("A", "fulfilled", PLACED)]
    kept = table_of(warehouse, "SELECT status FROM warehouse.orders_versions ORDER BY version_at")
    assert kept == [("open",), ("paid",), ("fulfilled",)]


def test_versions_that_come_together_are_as_those_that_come_apart(warehouse: Warehouse) -> None:
    written = merge(warehouse, "orders", V2, V3, V1)
    assert (written.rows, written.changed) == (3, 3)
    assert table_of(warehouse, ORDERS) == [("A", "fulfilled", PLACED)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_a_dimension_the_newest_version_wins_too(
    warehouse: Warehouse, order: tuple[int, int]
) -> None:
    old = {"version_at": "2026-01-30", "country": "France", "created_at": "2025-01-01"}
    new = {"version_at": "2026-01-31", "country": "Spain", "created_at": "2026-01-31"}
    for position in order:
        merge(warehouse, "customers", (old, new)[position])
    expected = [("c1", "Spain", "2025-01-01 00:00:00+00", False)]
    assert table_of(warehouse, CUSTOMERS) == expected


def test_rows_of_one_load_for_the_same_customer_become_one(warehouse: Warehouse) -> None:
    merge(
        warehouse,
        "customers",
        {"version_at": "2026-01-31", "country": "Spain", "created_at": "2026-01-31"},
        {"version_at": "2026-01-30", "country": "France", "created_at": "2025-01-01"},
    )
    expected = [("c1", "Spain", "2025-01-01 00:00:00+00", False)]
    assert table_of(warehouse, CUSTOMERS) == expected


def test_an_order_is_placed_when_any_version_of_it_says_first(warehouse: Warehouse) -> None:
    merge(warehouse, "orders", V1 | {"placed_at": "2026-02-02 08:00"})
    merge(warehouse, "orders", V2 | {"placed_at": "2026-01-31 09:10"})
    merge(warehouse, "orders", V3 | {"placed_at": "2026-03-03 08:00"})
    assert table_of(warehouse, ORDERS) == [("A", "fulfilled", PLACED)]


@pytest.mark.parametrize("times", [("01-31 09:10", "03-05 08:00"), ("03-05 08:00", "01-31 09:10")])
def test_a_version_told_again_with_another_time_leaves_one_row(
    warehouse: Warehouse, times: tuple[str, str]
) -> None:
    for placed in times:
        merge(warehouse, "orders", V1 | {"placed_at": f"2026-{placed}"})
    assert table_of(warehouse, ORDERS) == [("A", "open", f"2026-{times[1]}:00+00")]


def test_of_a_version_that_two_hours_tell_the_later_hour_counts(warehouse: Warehouse) -> None:
    merge(warehouse, "orders", V1 | {"status": "unpaid"}, start=NINE + HOUR)
    merge(warehouse, "orders", V1 | {"status": "open"})
    assert table_of(warehouse, ORDERS) == [("A", "unpaid", PLACED)]
    merge(warehouse, "orders", start=NINE + HOUR)
    assert table_of(warehouse, ORDERS) == [("A", "open", PLACED)]


def test_a_version_told_again_counts_as_it_was_told_last(warehouse: Warehouse) -> None:
    merge(warehouse, "orders", V1 | {"status": "open"})
    merge(warehouse, "orders", V1 | {"status": "unpaid"})
    assert table_of(warehouse, ORDERS) == [("A", "unpaid", PLACED)]


@pytest.mark.parametrize("table", ["orders", "customers"])
def test_a_version_told_twice_in_a_range_counts_as_in_single_hours(
    warehouse: Warehouse, table: str
) -> None:
    spec, key = TABLES[table], TABLES[table].key[1]
    column = "country"
    tellings = [
        {"version_at": "2026-01-31 09:10", key: str(n), column: text}
        for text in ("first", "second", "last")
        for n in range(50)
    ]
    told = rows(table, *tellings).assign(_hour=pd.Timestamp(NINE).as_unit("us"))
    merge_entity(warehouse, spec, told, load_of(f"warehouse/{table}", count=3))
    found = table_of(warehouse, f"SELECT DISTINCT {column} FROM warehouse.{table}")
    assert found == [("last",)]


def test_loading_the_same_rows_again_changes_nothing(warehouse: Warehouse) -> None:
    merge(warehouse, "orders", V1, V2)
    merge(warehouse, "inventory_movements", MOVED)
    before = table_of(warehouse, "SELECT xmin::text, ctid::text FROM warehouse.orders")
    asked = stale_slices(warehouse, "inventory_hourly")
    again = merge(warehouse, "orders", V1, V2)
    assert again.changed == 0
    assert merge(warehouse, "inventory_movements", MOVED).changed == 0
    assert table_of(warehouse, "SELECT xmin::text, ctid::text FROM warehouse.orders") == before
    assert stale_slices(warehouse, "inventory_hourly").equals(asked)


def test_an_older_version_after_a_newer_one_changes_no_dimension(warehouse: Warehouse) -> None:
    name = "SELECT name FROM warehouse.products"
    merge(warehouse, "products", {"version_at": "2026-01-31", "name": "new"})
    merge(warehouse, "products", {"version_at": "2026-01-30", "name": "old"})
    assert table_of(warehouse, name) == [("new",)]


def test_a_deletion_is_a_version_like_any_other(warehouse: Warehouse) -> None:
    merge(warehouse, "orders", V1, V2 | {"deleted": True})
    sql = "SELECT deleted FROM warehouse.orders"
    assert table_of(warehouse, sql) == [(True,)]
    merge(warehouse, "orders", V3)
    assert table_of(warehouse, sql) == [(False,)]


def test_an_hour_without_rows_is_noted_as_loaded(warehouse: Warehouse) -> None:
    written = merge(warehouse, "orders", count=2)
    assert (written.rows, written.changed) == (0, 0)
    assert table_of(warehouse, "SELECT count(*) FROM meta.slices") == [(2,)]


def test_a_row_that_its_hour_no_longer_publishes_leaves(warehouse: Warehouse) -> None:
    merge(warehouse, "orders", V1, V1 | {"order_id": "B"}, V2)
    merge(warehouse, "orders", V1)
    assert table_of(warehouse, ORDERS) == [("A", "paid", PLACED)]
    merge(warehouse, "orders", start=NINE + HOUR)
    assert table_of(warehouse, ORDERS) == [("A", "open", PLACED)]
    merge(warehouse, "orders")
    assert table_of(warehouse, ORDERS) == []


def test_a_row_that_leaves_asks_for_the_marts_it_was_in(warehouse: Warehouse) -> None:
    merge(warehouse, "inventory_movements", MOVED)
    settle_all(warehouse)
    merge(warehouse, "inventory_movements")
    assert stale(warehouse, "inventory_hourly") == ["01-31 09:00"]


def test_the_same_id_at_two_sources_is_two_rows(warehouse: Warehouse) -> None:
    merge(warehouse, "orders", V1, V1 | {"source": "outlet"})
    assert len(table_of(warehouse, ORDERS)) == 2


def test_names_are_values_never_sql(warehouse: Warehouse) -> None:
    name = "'); DROP TABLE warehouse.orders; --"
    merge(warehouse, "products", {"version_at": "2026-01-31", "product_id": name, "name": '"$1'})
    merge(warehouse, "orders", V1 | {"order_id": name})
    assert table_of(warehouse, "SELECT order_id FROM warehouse.orders") == [(name,)]


MOVED = {
    "movement_id": "m1",
    "moved_at": "2026-01-31 09:20",
    "quantity": -1,
    "version_at": "2026-01-31 09:20",
}


def level(measured: str, **more: Any) -> dict[str, Any]:
    return {"measured_at": f"2026-01-31 {measured}", "version_at": f"2026-01-31 {measured}"} | more


def test_a_movement_asks_for_the_hour_that_it_is_in(warehouse: Warehouse) -> None:
    merge(warehouse, "inventory_movements", MOVED)
    assert stale(warehouse, "inventory_hourly") == ["01-31 09:00"]


@pytest.mark.parametrize("version", ["2026-01-31 09:20", "2026-01-31 10:00"])
def test_a_movement_whose_time_changes_asks_for_both_hours(
    warehouse: Warehouse, version: str
) -> None:
    merge(warehouse, "inventory_movements", MOVED)
    settle_all(warehouse)
    again = MOVED | {"moved_at": "2026-01-31 07:20", "version_at": version}
    merge(warehouse, "inventory_movements", again)
    assert stale(warehouse, "inventory_hourly") == ["01-31 07:00", "01-31 09:00"]


def test_a_reading_asks_for_the_hours_until_the_next_one(warehouse: Warehouse) -> None:
    merge(warehouse, "inventory_levels", level("12:30"))
    settle_all(warehouse)
    merge(warehouse, "inventory_levels", level("09:30"))
    expected = [f"01-31 {hour}:00" for hour in ("09", "10", "11", "12")]
    assert stale(warehouse, "inventory_hourly") == expected


@pytest.mark.parametrize("deleted_later", [False, True])
def test_a_reading_holds_beyond_one_that_was_deleted(
    warehouse: Warehouse, deleted_later: bool
) -> None:
    merge(warehouse, "inventory_levels", level("11:30", deleted=not deleted_later), level("13:30"))
    if deleted_later:
        gone = level("11:30", deleted=True) | {"version_at": "2026-01-31 15:00"}
        merge(warehouse, "inventory_levels", gone)
    settle_all(warehouse)
    merge(warehouse, "inventory_levels", level("09:30"))
    expected = [f"01-31 {hour}:00" for hour in ("09", "10", "11", "12", "13")]
    assert stale(warehouse, "inventory_hourly") == expected


@pytest.mark.parametrize("last_deleted", [False, True])
def test_readings_of_one_hour_ask_for_the_hours_until_the_next_one_that_holds(
    warehouse: Warehouse, last_deleted: bool
) -> None:
    merge(warehouse, "inventory_levels", level("12:30"))
    settle_all(warehouse)
    of_the_hour = [level("09:10"), level("09:20"), level("09:50", deleted=last_deleted)]
    merge(warehouse, "inventory_levels", *of_the_hour, level("11:20"))
    expected = [f"01-31 {hour}:00" for hour in ("09", "10", "11", "12")]
    assert stale(warehouse, "inventory_hourly") == expected


def test_a_reading_that_leaves_asks_for_the_hours_that_it_held_in(warehouse: Warehouse) -> None:
    told_at_nine = [level("09:10"), level("09:50"), level("12:30")]
    for row in told_at_nine:
        row["version_at"] = "2026-01-31 09:00"
    merge(warehouse, "inventory_levels", *told_at_nine)
    settle_all(warehouse)
    merge(warehouse, "inventory_levels", *told_at_nine[::2])
    expected = [f"01-31 {hour}:00" for hour in ("09", "10", "11", "12")]
    assert stale(warehouse, "inventory_hourly") == expected


def test_the_last_reading_asks_for_every_hour_that_was_computed_since(
    warehouse: Warehouse,
) -> None:
    with warehouse.transaction() as cursor:
        cursor.execute(
            "INSERT INTO meta.slices (asset, slice, epoch, load_id) "
            "VALUES ('marts/inventory_hourly', '2026-01-31 11:00+00', 1, 'x')"
        )
    merge(warehouse, "inventory_levels", level("09:30"))
    expected = [f"01-31 {hour}:00" for hour in ("09", "10", "11")]
    assert stale(warehouse, "inventory_hourly") == expected


@pytest.mark.parametrize("earlier", [None, NINE - 4 * HOUR, NINE - HOUR])
def test_a_reading_asks_for_the_hours_until_that_which_brings_it_whatever_came_before(
    warehouse: Warehouse, earlier: dt.datetime | None
) -> None:
    if earlier is not None:
        merge(warehouse, "inventory_levels", start=earlier)
    merge(warehouse, "inventory_levels", level("04:30"), start=NINE)
    expected = [f"01-31 {hour}:00" for hour in ("04", "05", "06", "07", "08", "09")]
    assert stale(warehouse, "inventory_hourly") == expected


GARDEN = {"source": "shop", "version_at": "2026-01-31 08:00", "category": "Garden"}


def sold(warehouse: Warehouse) -> None:
    """Sell the product on the last of January, and twice in February."""
    lines = [
        {"order_id": str(n), "version_at": moment, "placed_at": moment}
        for n, moment in enumerate(("2026-01-31 09:10", "2026-02-01 09:10", "2026-02-03 09:10"))
    ]
    merge(warehouse, "order_items", *lines)
    ledger(warehouse)
    settle_all(warehouse)


def test_a_products_category_asks_for_the_days_from_its_version_on(warehouse: Warehouse) -> None:
    merge(warehouse, "products", GARDEN)
    sold(warehouse)
    merge(warehouse, "products", GARDEN | {"version_at": "2026-02-02 10:00", "category": "Home"})
    assert stale(warehouse, "product_sales_daily") == ["02-03 00:00"]
    settle_all(warehouse)
    late = GARDEN | {"version_at": "2026-02-01 10:00", "category": "Toys"}
    merge(warehouse, "products", late)
    assert stale(warehouse, "product_sales_daily") == ["02-01 00:00", "02-03 00:00"]


def test_the_first_category_that_is_known_asks_for_the_days_before_it_too(
    warehouse: Warehouse,
) -> None:
    sold(warehouse)
    merge(warehouse, "products", GARDEN | {"version_at": "2026-02-02 10:00"})
    days = ["01-31 00:00", "02-01 00:00", "02-03 00:00"]
    assert stale(warehouse, "product_sales_daily") == days


def test_a_category_asks_for_its_days_where_sums_were_never_made(warehouse: Warehouse) -> None:
    merge(warehouse, "products", GARDEN)
    sold(warehouse)
    with warehouse.transaction() as cursor:  # as an older release has left it
        cursor.execute("DELETE FROM meta.sums_of")
        cursor.execute("DELETE FROM meta.product_sums")
    merge(warehouse, "products", GARDEN | {"version_at": "2026-02-02 10:00", "category": "Home"})
    assert stale(warehouse, "product_sales_daily") == ["02-03 00:00"]


def test_a_price_asks_for_no_day(warehouse: Warehouse) -> None:
    merge(warehouse, "products", GARDEN)
    sold(warehouse)
    merge(warehouse, "products", GARDEN | {"version_at": "2026-02-01 10:00", "price_micros": 7})
    assert stale(warehouse, "product_sales_daily") == []


def test_the_history_of_a_product_says_from_when_to_when(warehouse: Warehouse) -> None:
    merge(warehouse, "products", GARDEN | {"price_micros": 1_500_000})
    merge(warehouse, "products", GARDEN | {"version_at": "2026-02-01 10:00", "category": "Home"})
    history = (
        "SELECT category, price::text, valid_from::text, valid_to::text "
        "FROM marts.products_history ORDER BY valid_from"
    )
    assert table_of(warehouse, history) == [
        ("Garden", "1.500000", "2026-01-31 08:00:00+00", "2026-02-01 10:00:00+00"),
        ("Home", None, "2026-02-01 10:00:00+00", None),
    ]


def test_restated_ad_spend_asks_for_its_day(warehouse: Warehouse) -> None:
    merge(warehouse, "ad_spend", {"day": NINE.date(), "spend_micros": 5})
    assert stale(warehouse, "ad_spend_daily") == ["01-31 00:00"]


def test_a_campaign_that_is_renamed_asks_for_the_days_it_spent_on(warehouse: Warehouse) -> None:
    merge(warehouse, "ad_spend", {"day": NINE.date(), "spend_micros": 5})
    settle_all(warehouse)
    merge(warehouse, "campaigns", {"name": "Spring"})
    assert stale(warehouse, "ad_spend_daily") == ["01-31 00:00"]
    settle_all(warehouse)
    merge(warehouse, "campaigns", {"name": "Spring"})
    assert stale(warehouse, "ad_spend_daily") == []
