"""What became of every row that was read is kept by hour, and shown by a mart."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd

from shop_assets.transforms.clean import COUNTS
from shop_assets.warehouse import slices
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.mart_inputs import MARTS
from shop_assets.warehouse.rows import read_counts, record_counts
from shop_assets_tests.warehouse.loads import HOUR, NINE, settle_all, stale, table_of

KNOWN = "SELECT stream, to_char(hour, 'HH24'), rows_read FROM meta.row_ledger ORDER BY 1, 2"


def counts(*given: tuple[str, int, int], entity: str = "orders") -> pd.DataFrame:
    """Counts of (stream, hour, rows read), all published."""
    frame = pd.DataFrame(given, columns=["stream", "hour", "rows_read"])
    frame["hour"] = [NINE.replace(hour=hour) for hour in frame["hour"]]
    frame = frame.assign(source="shop", entity=entity, rows_published=frame["rows_read"])
    zero = {name: 0 for name in COUNTS if name not in frame}
    typed = frame.assign(**zero).astype(dict.fromkeys(COUNTS, "int64"))
    return typed.astype({"hour": "datetime64[us, UTC]"})


def record(warehouse: Warehouse, frame: pd.DataFrame, hours: int = 1, **more: Any) -> None:
    usual: dict[str, Any] = {"entity": "orders", "start": NINE, "load_id": "x"}
    arguments = usual | more
    start: dt.datetime = arguments["start"]
    entity, end = arguments["entity"], start + hours * HOUR
    with warehouse.transaction() as cursor:
        slices.lock(cursor, f"clean/{entity}", start, end, HOUR)
        record_counts(cursor, entity, frame, start, end, arguments["load_id"])


def test_the_counts_of_an_hour_are_replaced_and_no_others(warehouse: Warehouse) -> None:
    record(warehouse, counts(("a", 9, 5), ("b", 9, 6), ("a", 10, 7)), hours=2)
    record(warehouse, counts(("a", 9, 1)))
    assert table_of(warehouse, KNOWN) == [("a", "09", 1), ("a", "10", 7)]


def test_an_hour_that_has_no_rows_any_more_has_no_counts(warehouse: Warehouse) -> None:
    record(warehouse, counts(("a", 9, 5)))
    settle_all(warehouse)
    record(warehouse, counts())
    assert table_of(warehouse, KNOWN) == []
    assert stale(warehouse, "data_quality_hourly") == ["01-31 09:00"]


def test_entities_of_one_stream_are_counted_apart(warehouse: Warehouse) -> None:
    record(warehouse, counts(("a", 9, 5)))
    record(warehouse, counts(("a", 9, 2), entity="customers"), entity="customers")
    assert len(read_counts(warehouse, NINE, NINE + HOUR)) == 2


def test_counts_ask_for_the_quality_of_their_hours(warehouse: Warehouse) -> None:
    record(warehouse, counts(("a", 9, 5), ("a", 11, 5)), hours=3)
    assert stale(warehouse, "data_quality_hourly") == ["01-31 09:00", "01-31 11:00"]


def test_the_end_of_a_span_is_not_part_of_it(warehouse: Warehouse) -> None:
    record(warehouse, counts(("a", 9, 5), ("a", 10, 5)), hours=2)
    assert list(read_counts(warehouse, NINE, NINE + HOUR)["hour"]) == [pd.Timestamp(NINE)]


def test_counts_of_one_hour_at_once_leave_those_of_one_attempt(warehouse: Warehouse) -> None:
    def attempt(number: int) -> None:
        frame = counts(*[(stream, 9, number) for stream in "abcdef"[: number + 2]])
        record(warehouse, frame, load_id=str(number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(attempt, range(4)))
    found = table_of(warehouse, "SELECT load_id, count(*) FROM meta.row_ledger GROUP BY 1")
    assert len(found) == 1
    assert found[0][1] == int(found[0][0]) + 2


def test_the_quality_mart_reads_what_was_counted(warehouse: Warehouse) -> None:
    record(warehouse, counts(("a", 9, 5), ("a", 10, 4)), hours=2)
    mart = MARTS["data_quality_hourly"](warehouse, NINE, NINE + HOUR)
    assert mart[["stream", "rows_read", "accuracy"]].to_numpy().tolist() == [["a", 5, 1.0]]
