"""What can go wrong with an hour in the lake, one test each, through Dagster."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from shop_assets.entities import ENTITIES
from shop_assets.io_managers.delta import CleanedRows, RawRows, epoch_of, write_cleaned
from shop_assets.io_managers.delta_store import DeltaStore
from shop_assets.transforms.clean import COUNTS, Cleaned, empty
from shop_assets.transforms.parts import Parts
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.io_managers.runs import key_of, read_by, run, writer
from shop_assets_tests.warehouse.loads import HOUR, NINE, rows, stale, table_of

HOURS = pa.timestamp("us", "UTC")
RAW = "raw/shop__orders"
CLEAN = "clean/orders"
QUARANTINE = "quarantine/orders"
Make = Callable[[list[dt.datetime]], Any]


def read(lake: DeltaStore, table: str, column: str = "id") -> list[Any]:
    found = lake.read(table, NINE - 9 * HOUR, NINE + 12 * HOUR, [column])
    values = [] if found is None else found.column(column).to_pylist()
    return sorted(values, key=lambda value: (value is None, value))


def said(**columns: list[Any]) -> Make:
    """Rows of a source for each hour of a run."""

    def make(hours: list[dt.datetime]) -> pa.Table:
        tables = [
            pa.table(columns).append_column(
                "_hour", pa.array([hour] * len(next(iter(columns.values()))), HOURS)
            )
            for hour in hours
        ]
        return pa.concat_tables(tables)

    return make


def raw(make: Make, *, retries: int = 0) -> Any:
    def brought(hours: list[dt.datetime]) -> RawRows:
        return RawRows(Parts.of(make(hours)))

    return writer("shop__orders", brought, layer="raw", manager="raw_lake", retries=retries)


def test_raw_keeps_what_each_attempt_read_with_its_identity(lake: DeltaStore) -> None:
    first, second = run(raw(said(id=[1]))), run(raw(said(id=[2])))
    assert read(lake, RAW) == [1, 2]
    expected = sorted(f"{each.run_id}:raw/shop__orders" for each in (first, second))
    assert read(lake, RAW, "_load_id") == expected
    now = dt.datetime.now(dt.UTC)
    assert all(now - moment < HOUR for moment in read(lake, RAW, "_extracted_at"))


def test_a_step_that_is_tried_again_after_its_commit_appends_once(lake: DeltaStore) -> None:
    made = raw(said(id=[1]))
    done = run(made)
    again = pa.table({"id": [1], "_hour": pa.array([NINE], HOURS)})
    assert not lake.append(RAW, again, load_id=f"{done.run_id}:raw/shop__orders")
    assert read(lake, RAW) == [1]


def test_a_raw_hour_without_rows_costs_nothing_and_deletes_nothing(lake: DeltaStore) -> None:
    run(raw(said(id=[1])))
    run(raw(lambda _: pa.table({})))
    run(raw(said(id=[])))
    assert read(lake, RAW) == [1]


def test_a_new_column_of_a_source_is_null_before_and_a_lost_one_after(lake: DeltaStore) -> None:
    for columns in ({"id": [1]}, {"id": [2], "note": ["new"]}, {"id": [3]}):
        run(raw(said(**columns)))
    assert read(lake, RAW, "note") == ["new", None, None]


def test_a_retyped_column_of_a_source_is_kept_beside_what_it_was(lake: DeltaStore) -> None:
    run(raw(said(id=[1], total=[5])))
    for total in ("dear", "cheap"):
        run(raw(said(id=[2], total=[total])))
    run(raw(said(id=[3], total=[7])))
    run(raw(said(id=[4], Total=[8])))
    assert read(lake, RAW) == [1, 2, 2, 3, 4]
    assert read(lake, RAW, "total") == [5, 7, None, None, None]
    assert read(lake, RAW, "total__string") == ["cheap", "dear", None, None, None]
    assert read(lake, RAW, "Total__int64") == [8, None, None, None, None]


def test_a_raw_range_reads_as_its_single_hours_do(lake: DeltaStore) -> None:
    run(raw(said(id=[1, 2])), key_of(9), key_of(11))
    apart = [read_by(RAW, key_of(hour), manager="raw_lake").whole() for hour in (9, 10, 11)]
    whole = read_by(RAW, key_of(9), key_of(11), manager="raw_lake").whole()
    assert [table.num_rows for table in apart] == [2, 2, 2]
    assert pa.concat_tables(apart).sort_by([("_hour", "ascending"), ("id", "ascending")]) == (
        whole.sort_by([("_hour", "ascending"), ("id", "ascending")])
    )
    assert not list(read_by(RAW, key_of(12), manager="raw_lake").each())


def test_a_source_that_was_never_read_is_no_rows(lake: DeltaStore) -> None:
    assert not list(read_by(RAW, key_of(9), manager="raw_lake").each())


def cleaned(
    *orders: str, hour: dt.datetime = NINE, quarantined: tuple[str, ...] = (), **more: Any
) -> Cleaned:
    """These orders published and set aside, counted, of one hour."""
    nothing = empty(ENTITIES["orders"])
    published = rows("orders", *({"order_id": o, "version_at": hour} | more for o in orders))
    counts = {"rows_read": len(orders) + len(quarantined), "rows_published": len(orders)}
    counts = dict.fromkeys(COUNTS, 0) | counts | {"rows_quarantined": len(quarantined)}
    origin = {"hour": hour, "source": "shop", "stream": "orders", "entity": "orders"}
    aside = [origin | {"_hour": hour, "rule": "r", "row": row} for row in quarantined]
    return Cleaned(
        published.assign(_hour=pd.Series([hour] * len(orders), dtype="datetime64[us, UTC]")),
        pd.DataFrame(aside, columns=nothing.quarantined.columns).astype(nothing.quarantined.dtypes),
        pd.DataFrame([origin | counts]).astype(nothing.counts.dtypes),
    )


def clean(*parts: Cleaned, epoch: int = 1) -> Any:
    def make(_: list[dt.datetime]) -> CleanedRows:
        joined = Cleaned(
            pd.concat([p.published for p in parts], ignore_index=True),
            pd.concat([p.quarantined for p in parts], ignore_index=True),
            pd.concat([p.counts for p in parts], ignore_index=True),
        )
        return CleanedRows.of(joined, ENTITIES["orders"], epoch)

    return writer("orders", make, layer="clean", manager="clean_lake")


NOTHING = Cleaned(*(getattr(empty(ENTITIES["orders"]), f) for f in Cleaned.__dataclass_fields__))
COUNTED = (
    "SELECT to_char(hour, 'HH24'), rows_read, rows_published, rows_quarantined "
    "FROM meta.row_ledger ORDER BY 1"
)


def test_an_hour_is_replaced_with_its_quarantine_and_its_counts(
    lake: DeltaStore, warehouse: Warehouse
) -> None:
    later = cleaned("Z", hour=NINE + HOUR, quarantined=("z",))
    run(clean(cleaned("A", "B", quarantined=("x", "y")), later), key_of(9), key_of(10))
    run(clean(cleaned("B", quarantined=("y",))))
    assert read(lake, CLEAN, "order_id") == ["B", "Z"]
    assert read(lake, QUARANTINE, "row") == ["y", "z"]
    assert table_of(warehouse, COUNTED) == [("09", 2, 1, 1), ("10", 2, 1, 1)]
    assert stale(warehouse, "data_quality_hourly") == ["01-31 09:00", "01-31 10:00"]


def test_a_rerun_of_an_hour_leaves_it_as_it_is(lake: DeltaStore, warehouse: Warehouse) -> None:
    for _ in range(2):
        run(clean(cleaned("A", quarantined=("x",))))
    assert read(lake, CLEAN, "order_id") == ["A"]
    assert read(lake, QUARANTINE, "row") == ["x"]
    assert table_of(warehouse, COUNTED) == [("09", 2, 1, 1)]


def test_an_hour_without_rows_replaces(lake: DeltaStore, warehouse: Warehouse) -> None:
    run(clean(cleaned("A", quarantined=("x",))))
    run(clean(NOTHING))
    assert read(lake, CLEAN, "order_id") == read(lake, QUARANTINE, "row") == []
    assert table_of(warehouse, COUNTED) == []


def test_rows_of_another_hour_are_refused_before_anything_is_written(
    lake: DeltaStore, warehouse: Warehouse
) -> None:
    run(clean(cleaned("A", quarantined=("x",))))
    with pytest.raises(ValueError, match="outside of the range"):
        run(clean(cleaned("A", "B"), cleaned("C", hour=NINE + HOUR)))
    assert read(lake, CLEAN, "order_id") == ["A"]
    assert read(lake, QUARANTINE, "row") == ["x"]
    assert table_of(warehouse, COUNTED) == [("09", 2, 1, 1)]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda f: f.drop(columns=["status"]), id="missing column"),
        pytest.param(lambda f: f.assign(status=pd.Series([None], dtype="str")), id="null"),
        pytest.param(lambda f: f.assign(shipping_micros=["much"]), id="wrong type"),
    ],
)
def test_rows_that_break_the_declaration_are_refused_and_nothing_is_written(
    lake: DeltaStore, warehouse: Warehouse, broken: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    run(clean(cleaned("A", quarantined=("x",))))
    good = cleaned("B", email="canary@example.com")
    bad = Cleaned(broken(good.published), good.quarantined, good.counts)
    with pytest.raises((ValueError, KeyError, pa.ArrowException)) as caught:
        run(clean(bad))
    assert "canary" not in str(caught.value)
    assert read(lake, CLEAN, "order_id") == ["A"]
    assert read(lake, QUARANTINE, "row") == ["x"]
    assert table_of(warehouse, COUNTED) == [("09", 2, 1, 1)]


def test_an_extra_column_of_a_frame_is_not_stored(lake: DeltaStore) -> None:
    good = cleaned("A")
    run(clean(Cleaned(good.published.assign(note="x"), good.quarantined, good.counts)))
    expected = {*ENTITIES["orders"].column_names, "_hour"}
    schema = lake.schema(CLEAN)
    assert schema is not None
    assert set(schema.names) == expected


def test_a_range_leaves_what_single_hours_leave(lake: DeltaStore, warehouse: Warehouse) -> None:
    parts = [cleaned(f"{n}", hour=NINE + n * HOUR, quarantined=(f"q{n}",)) for n in range(3)]
    run(clean(*parts), key_of(9), key_of(11))
    together = (
        read(lake, CLEAN, "order_id"),
        read(lake, QUARANTINE, "row"),
        table_of(warehouse, COUNTED),
    )
    for number, part in enumerate(parts):
        run(clean(part), key_of(9 + number))
    assert together == (
        read(lake, CLEAN, "order_id"),
        read(lake, QUARANTINE, "row"),
        table_of(warehouse, COUNTED),
    )


def test_two_runs_of_one_hour_at_once_leave_the_rows_of_one(lake: DeltaStore) -> None:
    run(clean(cleaned("before")))
    pairs = [("A1", "A2"), ("B1", "B2")]
    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(lambda pair: run(clean(cleaned(*pair))).success, pairs))
    assert tuple(read(lake, CLEAN, "order_id")) in pairs


def test_what_another_has_cleaned_since_is_not_written_over(
    lake: DeltaStore, warehouse: Warehouse
) -> None:
    run(clean(cleaned("A", "B"), epoch=8))
    before = table_of(warehouse, COUNTED)
    stopped = run(clean(cleaned("A"), epoch=7), raise_on_error=False)
    assert not stopped.success
    assert sorted(read(lake, CLEAN, "order_id")) == ["A", "B"]
    assert table_of(warehouse, COUNTED) == before


def test_an_input_knows_the_epoch_before_which_it_was_not_read(lake: DeltaStore) -> None:
    run(clean(cleaned("A")))
    first = read_by(CLEAN, manager="clean_lake")
    second = read_by("raw/shop__orders", manager="raw_lake")
    assert epoch_of(first) < epoch_of(second)
    assert epoch_of(second, first) == epoch_of(first)


def test_rows_quarantine_and_counts_come_from_one_attempt(
    lake: DeltaStore, warehouse: Warehouse
) -> None:
    attempts = [cleaned(*"ABCD"[:n], quarantined=tuple("wxyz"[: 4 - n])) for n in range(1, 4)]

    def attempt(number: int) -> None:
        made = CleanedRows.of(attempts[number], ENTITIES["orders"], 1)
        write_cleaned(lake, warehouse, "orders", made, (NINE, NINE + HOUR), str(number))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(attempt, range(3)))
    published = len(read(lake, CLEAN, "order_id"))
    assert len(read(lake, QUARANTINE, "row")) == 4 - published
    assert table_of(warehouse, COUNTED) == [("09", 4, published, 4 - published)]


def test_an_input_is_the_asked_hours_in_the_asked_columns(lake: DeltaStore) -> None:
    parts = [cleaned(f"{n}", hour=NINE + n * HOUR) for n in range(4)]
    run(clean(*parts), key_of(9), key_of(12))
    columns = ["_hour", "source", "order_id"]
    found = read_by(CLEAN, key_of(10), key_of(11), manager="clean_lake", columns=columns)
    assert set(found.column_names) == set(columns)
    assert sorted(found["order_id"].to_pylist()) == ["1", "2"]
    every = read_by(CLEAN, key_of(10), manager="clean_lake")
    assert set(every.column_names) == {*ENTITIES["orders"].column_names, "_hour"}


@pytest.mark.parametrize("columns", [None, ["_hour", "order_id"]])
def test_an_entity_that_was_never_written_is_no_rows_of_its_columns(
    lake: DeltaStore, columns: list[str] | None
) -> None:
    found = read_by(CLEAN, key_of(9), manager="clean_lake", columns=columns)
    assert found.num_rows == 0
    assert found.column_names == (columns or [*ENTITIES["orders"].column_names, "_hour"])
