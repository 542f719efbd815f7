"""What can go wrong with a slice in PostgreSQL, one test each, through Dagster."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pandas as pd
import psycopg2
import pytest

from shop_assets.entities import TABLES
from shop_assets.io_managers.postgres import (
    EntityRows,
    LedgerOrders,
    MartRows,
    TableRows,
    write_slices,
)
from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse import slices
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.marts import look
from shop_assets.warehouse.slices import StaleWriterError
from shop_assets_tests.io_managers.lost_answers import losing_one_answer
from shop_assets_tests.io_managers.runs import key_of, read_by, run, writer
from shop_assets_tests.warehouse.loads import load_of, publish, rows, table_of, wait_for_waiter

UNITS = (
    "SELECT to_char(hour, 'DD HH24'), currency, units_sold FROM marts_base.sales_hourly "
    "ORDER BY 1, 2"
)
Rows = Callable[[list[dt.datetime]], pd.DataFrame]


def sales(*given: dict[str, Any]) -> Rows:
    """For each hour of a run, these rows."""
    usual = given or ({},)
    return lambda hours: rows("sales_hourly", *({"hour": h} | row for h in hours for row in usual))


def mart(warehouse: Warehouse, make: Rows, *, retries: int = 0) -> Any:
    def computed(hours: list[dt.datetime]) -> MartRows:
        epoch, seen = slices.begin(warehouse), look(warehouse, "sales_hourly")
        return MartRows(make(hours), epoch, seen)

    return writer("sales_hourly", computed, retries=retries)


def entity(warehouse: Warehouse, make: Rows, name: str = "orders") -> Any:
    return writer(
        name, lambda hours: EntityRows(make(hours), slices.begin(warehouse)), layer="warehouse"
    )


def order(**more: Any) -> Rows:
    """A version of an order for each hour, published in it."""

    def published(hours: list[dt.datetime]) -> pd.DataFrame:
        frame = rows("orders", *({"version_at": h} | more for h in hours))
        return frame.assign(_hour=frame["version_at"])

    return published


def test_a_rerun_changes_nothing(warehouse: Warehouse) -> None:
    first = run(mart(warehouse, sales()))
    metadata = first.asset_materializations_for_node("marts__sales_hourly")[0].metadata
    assert (metadata["rows"].value, metadata["rows_changed"].value) == (1, 1)
    again = run(mart(warehouse, sales()))
    metadata = again.asset_materializations_for_node("marts__sales_hourly")[0].metadata
    assert (metadata["rows"].value, metadata["rows_changed"].value) == (1, 0)
    assert table_of(warehouse, UNITS) == [("31 09", "GBP", 1)]


def test_a_lost_answer_to_the_commit_is_looked_up_and_not_loaded_twice(
    shop: Endpoints, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with losing_one_answer(shop.postgres_url) as (way, proxy):
        monkeypatch.setenv("SHOP_POSTGRES_URL", way)
        done = run(mart(warehouse, sales(), retries=1))
        assert proxy.lost == 1
    assert done.success
    retried = [e for e in done.all_events if e.event_type_value == "STEP_RESTARTED"]
    assert len(retried) == 1
    assert table_of(warehouse, UNITS) == [("31 09", "GBP", 1)]
    loads = table_of(warehouse, "SELECT load_id, rows_changed FROM meta.loads")
    assert loads == [(f"{done.run_id}:marts/sales_hourly", 1)]


def test_an_empty_frame_replaces_the_slice(warehouse: Warehouse) -> None:
    run(mart(warehouse, sales()), key_of(9), key_of(10))
    run(mart(warehouse, lambda _: TABLES["sales_hourly"].empty()))
    assert table_of(warehouse, UNITS) == [("31 10", "GBP", 1)]


def test_an_extra_column_is_left_out(warehouse: Warehouse) -> None:
    run(entity(warehouse, lambda hours: order()(hours).assign(_hour=hours, note="new")))
    assert table_of(warehouse, "SELECT order_id FROM warehouse.orders") == [("A",)]


def test_a_missing_column_that_may_be_null_is_null(warehouse: Warehouse) -> None:
    run(entity(warehouse, lambda hours: order()(hours).drop(columns=["channel"])))
    assert table_of(warehouse, "SELECT channel FROM warehouse.orders") == [(None,)]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda f: f.drop(columns=["status"]), id="missing column"),
        pytest.param(lambda f: f.assign(status=pd.Series([None], dtype="str")), id="null"),
    ],
)
def test_a_required_column_without_values_is_refused_by_name_and_nothing_is_written(
    warehouse: Warehouse, broken: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    canary = order(email="canary@example.com")
    run(entity(warehouse, canary))
    later = "2026-01-31 12:00"
    with pytest.raises(ValueError, match="status") as caught:
        run(entity(warehouse, lambda hours: broken(order(email="canary@x")(hours))), key_of(12))
    assert "canary" not in str(caught.value)
    assert later not in str(table_of(warehouse, "SELECT slice::text FROM meta.slices"))
    assert table_of(warehouse, "SELECT count(*) FROM warehouse.orders_versions") == [(1,)]


def test_a_null_in_a_marts_key_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(ValueError, match="currency"):
        run(mart(warehouse, sales({"currency": None})))
    assert table_of(warehouse, UNITS) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [("units_sold", "many"), ("units_sold", 1.5), ("hour", "soon"), ("units_sold", [1])],
)
def test_a_value_of_another_type_is_refused_and_the_slice_stays(
    warehouse: Warehouse, column: str, value: Any
) -> None:
    run(mart(warehouse, sales()))
    with pytest.raises((ValueError, TypeError)):
        run(mart(warehouse, lambda hours: sales()(hours).assign(**{column: [value]})))
    assert table_of(warehouse, UNITS) == [("31 09", "GBP", 1)]


def test_a_key_that_comes_twice_is_refused_and_the_slice_stays(warehouse: Warehouse) -> None:
    run(mart(warehouse, sales()))
    with pytest.raises(Exception, match="duplicate key"):
        run(mart(warehouse, sales({"units_sold": 2}, {"units_sold": 3})))
    assert table_of(warehouse, UNITS) == [("31 09", "GBP", 1)]


def test_rows_of_another_partition_are_refused(warehouse: Warehouse) -> None:
    with pytest.raises(ValueError, match="1 row lies outside"):
        run(mart(warehouse, lambda _: rows("sales_hourly", {"hour": "2026-01-31 10:00"})))
    assert table_of(warehouse, UNITS) == []


def test_a_range_run_leaves_what_single_runs_leave(warehouse: Warehouse) -> None:
    make = sales({"units_sold": 1}, {"units_sold": 2, "currency": "EUR"})
    late = key_of(22), key_of(23)
    for key in late:
        run(mart(warehouse, make), key)
    apart = table_of(warehouse, UNITS), table_of(warehouse, "SELECT asset, slice FROM meta.slices")
    done = run(mart(warehouse, make), *late)
    metadata = done.asset_materializations_for_node("marts__sales_hourly")[0].metadata
    assert (metadata["rows"].value, metadata["rows_changed"].value) == (4, 0)
    now = table_of(warehouse, UNITS), table_of(warehouse, "SELECT asset, slice FROM meta.slices")
    assert now == apart


def test_a_run_over_days_writes_slices_of_days(warehouse: Warehouse) -> None:
    spend = {
        "campaign_id": "k", "source": "ads", "currency": "GBP", "spend_micros": 1, "clicks": 0,
        "impressions": 0,
    }  # fmt: skip

    def computed(days: list[dt.datetime]) -> MartRows:
        given = [spend | {"day": day.date()} for day in days]
        seen = look(warehouse, "ad_spend_daily")
        return MartRows(rows("ad_spend_daily", *given), slices.begin(warehouse), seen)

    run(writer("ad_spend_daily", computed, partitioned="daily"), "2026-01-30", "2026-02-01")
    found = table_of(warehouse, "SELECT slice::text FROM meta.slices ORDER BY 1")
    expected = ["2026-01-30", "2026-01-31", "2026-02-01"]
    assert found == [(f"{day} 00:00:00+00",) for day in expected]
    days = table_of(warehouse, "SELECT day::text FROM marts_base.ad_spend_daily ORDER BY 1")
    assert days == [(day,) for day in expected]


def test_a_writer_that_began_earlier_is_refused(warehouse: Warehouse) -> None:
    stopped = slices.begin(warehouse)
    run(mart(warehouse, sales({"units_sold": 2})))
    woken = writer(
        "sales_hourly",
        lambda h: MartRows(sales({"units_sold": 1})(h), stopped, look(warehouse, "sales_hourly")),
    )
    with pytest.raises(StaleWriterError, match="marts/sales_hourly 2026-01-31 09:00"):
        run(woken)
    assert table_of(warehouse, UNITS) == [("31 09", "GBP", 2)]


def test_two_runs_of_one_hour_at_once_are_one_after_the_other(warehouse: Warehouse) -> None:
    def attempt(units: int) -> bool:
        given = [{"units_sold": units, "currency": c} for c in ("EUR", "GBP", "USD")]
        try:
            return run(mart(warehouse, sales(*given))).success
        except StaleWriterError:
            return False

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(attempt, (1, 2)))
    assert any(done)
    ((units, currencies),) = table_of(
        warehouse, "SELECT units_sold, count(*) FROM marts_base.sales_hourly GROUP BY 1"
    )
    assert currencies == 3
    assert units in {1, 2}
    assert table_of(warehouse, "SELECT count(*) FROM meta.loads") == [(sum(done),)]


def test_readers_never_see_half_a_slice(warehouse: Warehouse) -> None:
    def replace(units: int) -> None:
        given = [{"units_sold": units, "currency": f"X{n:02}"} for n in range(50)]
        publish(warehouse, *given, epoch=units)

    replace(1)
    seen = set()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: list(map(replace, range(2, 12))))
        sql = "SELECT count(*), count(DISTINCT units_sold), max(units_sold) FROM "
        while not writing.done():
            ((count, kinds, units),) = table_of(warehouse, sql + "marts.sales_hourly")
            assert (count, kinds) == (50, 1)
            seen.add(units)
        writing.result()
    assert len(seen) > 1


@pytest.mark.parametrize("retries", [0, 1])
def test_a_connection_that_dies_leaves_no_row_and_a_retry_converges(
    shop: Endpoints, warehouse: Warehouse, retries: int
) -> None:
    run(mart(warehouse, sales({"units_sold": 1})))
    gate = psycopg2.connect(shop.postgres_url)
    with ThreadPoolExecutor(1) as pool:
        with gate, gate.cursor() as cursor:
            cursor.execute("LOCK TABLE marts_base.sales_hourly IN EXCLUSIVE MODE")
            new = mart(warehouse, sales({"units_sold": 2}), retries=retries)
            loading = pool.submit(run, new, raise_on_error=False)
            wait_for_waiter(warehouse)
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if retries:
                wait_for_waiter(warehouse)
            assert table_of(warehouse, UNITS) == [("31 09", "GBP", 1)]
        gate.close()
        done = loading.result()
    assert done.success == bool(retries)
    if not retries:
        assert table_of(warehouse, UNITS) == [("31 09", "GBP", 1)]
        assert table_of(warehouse, "SELECT count(*) FROM meta.loads") == [(1,)]
        assert run(mart(warehouse, sales({"units_sold": 2}))).success
    assert table_of(warehouse, UNITS) == [("31 09", "GBP", 2)]


def test_an_input_is_the_rows_of_the_asked_hours(warehouse: Warehouse) -> None:
    run(mart(warehouse, sales()), key_of(8), key_of(12))

    def hours(*keys: str) -> list[int]:
        frame = read_by("marts/sales_hourly", *keys)
        assert list(frame.columns) == TABLES["sales_hourly"].column_names
        assert frame.dtypes.equals(TABLES["sales_hourly"].empty().dtypes)
        return sorted(frame["hour"].dt.hour)

    assert hours(key_of(9)) == [9]
    assert hours(key_of(9), key_of(11)) == [9, 10, 11]
    assert hours(key_of(20)) == []


def given(output: Any, _: list[dt.datetime]) -> Any:
    return output


def test_a_table_without_partitions_is_replaced_and_read_whole(warehouse: Warehouse) -> None:
    alert = {
        "source": "wms", "location_id": "L", "as_of": "2026-01-31", "severity": "low",
        "available": 1, "lead_time_days": 7,
    }  # fmt: skip
    for products in (["p1", "p2"], ["p2", "p3"]):
        frame = rows("stock_alerts", *(alert | {"product_id": p} for p in products))
        whole = TableRows(frame)
        run(
            writer("stock_alerts", partial(given, whole), layer="analytics", partitioned=None), None
        )
    found = read_by("analytics/stock_alerts", None)
    assert sorted(found["product_id"]) == ["p2", "p3"]


def test_the_ledgers_orders_and_entities_go_their_own_ways(warehouse: Warehouse) -> None:
    run(entity(warehouse, order()))
    items = rows("order_items", {"version_at": "2026-01-31 09:10"})
    items["_hour"] = items["version_at"].dt.floor("h")
    run(entity(warehouse, lambda _: items, "order_items"))
    orders = items[["source", "order_id"]]
    run(
        writer(
            "sales_ledger",
            lambda _: LedgerOrders(orders, slices.begin(warehouse)),
            layer="warehouse",
        )
    )
    assert table_of(warehouse, "SELECT kind FROM warehouse.sales_ledger") == [("sale",)]


def test_an_output_of_no_known_kind_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(TypeError, match="sales_hourly: no rule for writing DataFrame"):
        write_slices(warehouse, "sales_hourly", pd.DataFrame(), load_of("marts/sales_hourly"))
