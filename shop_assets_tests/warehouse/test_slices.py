"""A slice is written whole or not at all, by its newest writer only, by one writer at a time."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg2
import pytest

from shop_assets.entities import TABLES
from shop_assets.warehouse import slices
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.marts import look, replace_slices
from shop_assets.warehouse.slices import Load, StaleWriterError, Written
from shop_assets_tests.warehouse.loads import (
    HOUR,
    NINE,
    activity,
    epochs,
    ledger,
    load_of,
    merge,
    publish,
    stale,
    table_of,
    wait_for_waiter,
)

UNITS = "SELECT hour::text, units_sold FROM marts_base.sales_hourly ORDER BY 1"
AT_NINE = "2026-01-31 09:00:00+00"
V1 = {"version_at": "2026-01-31 09:10"}

Write = Callable[..., Written]
WRITERS: dict[str, Write] = {
    "entity": lambda w, **load: merge(w, "orders", V1, **load),
    "dimension": lambda w, **load: merge(w, "customers", V1, **load),
    "ledger": lambda w, **load: ledger(w, "A", **load),
    "activity": lambda w, **load: activity(w, {}, **load),
    "mart": lambda w, **load: publish(w, {}, **load),
}
each_writer = pytest.mark.parametrize("write", list(WRITERS.values()), ids=list(WRITERS))


@pytest.fixture
def together() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def everything(warehouse: Warehouse) -> list[Any]:
    names = [
        "warehouse.orders",
        "warehouse.customers",
        "warehouse.web_activity",
        "warehouse.sales_ledger",
        "marts_base.sales_hourly",
        "meta.slices",
        "meta.stale_slices",
    ]
    each = [f"SELECT '{name}', t::text FROM {name} t" for name in names]
    return table_of(warehouse, " UNION ALL ".join(each) + " ORDER BY 1, 2")


def test_writers_are_numbered_in_the_order_they_began(warehouse: Warehouse) -> None:
    numbers = epochs(warehouse, 3)
    assert sorted(set(numbers)) == list(numbers)


@each_writer
def test_a_writer_that_began_earlier_is_refused_and_leaves_nothing(
    warehouse: Warehouse, write: Write
) -> None:
    stopped, retry = epochs(warehouse, 2)
    write(warehouse, epoch=retry)
    before = everything(warehouse)
    with pytest.raises(StaleWriterError, match=r"2026-01-31 09:00: already published by epoch 2"):
        write(warehouse, epoch=stopped)
    assert everything(warehouse) == before


def test_a_range_is_refused_where_any_of_its_slices_is_newer(warehouse: Warehouse) -> None:
    publish(warehouse, start=NINE + HOUR, epoch=5)
    with pytest.raises(StaleWriterError):
        publish(warehouse, {}, count=3, epoch=4)
    assert table_of(warehouse, UNITS) == []
    publish(warehouse, {}, count=3, epoch=5)
    assert table_of(warehouse, UNITS) == [(AT_NINE, 1)]


@pytest.mark.parametrize("offset", [-1, 1], ids=["the slice before", "the slice after"])
def test_a_newer_neighbour_refuses_nobody(warehouse: Warehouse, offset: int) -> None:
    publish(warehouse, start=NINE + offset * HOUR, epoch=9)
    publish(warehouse, {}, epoch=1)
    assert table_of(warehouse, UNITS) == [(AT_NINE, 1)]


@each_writer
def test_a_load_whose_answer_was_lost_is_looked_up(warehouse: Warehouse, write: Write) -> None:
    first = write(warehouse, load_id="run:asset")
    before = everything(warehouse)
    again = write(warehouse, load_id="run:asset")
    assert again == Written(first.rows, first.changed, repeated=True)
    assert everything(warehouse) == before


def test_a_known_load_does_not_undo_what_came_after_it(warehouse: Warehouse) -> None:
    publish(warehouse, {"units_sold": 1}, load_id="first", epoch=1)
    publish(warehouse, {"units_sold": 2}, load_id="second", epoch=2)
    assert publish(warehouse, {"units_sold": 1}, load_id="first", epoch=1).repeated
    assert table_of(warehouse, UNITS) == [(AT_NINE, 2)]


@each_writer
def test_the_same_load_twice_at_once_is_done_once(
    warehouse: Warehouse, write: Write, together: ThreadPoolExecutor
) -> None:
    both = [together.submit(write, warehouse, load_id="run:asset") for _ in range(2)]
    assert sorted(each.result().repeated for each in both) == [False, True]
    assert table_of(warehouse, "SELECT count(*) FROM meta.loads") == [(1,)]


def during(
    warehouse: Warehouse,
    load: Load,
    pool: ThreadPoolExecutor,
    other: Callable[[], Written],
    *,
    waits: bool,
) -> Future[Written]:
    """Start `other` while a load is open in this thread, and see whether it waits for it."""
    with warehouse.transaction() as cursor, slices.publishing(cursor, load) as publication:
        started = pool.submit(other)
        if waits:
            wait_for_waiter(warehouse)
        else:
            started.result(timeout=60)
        publication.note(0, 0)
    return started


def publish_at_last(warehouse: Warehouse, *given: dict[str, Any], **load: Any) -> Written:
    """Publish slices of a mart, looking again where another writer was in between: as a step."""
    for _ in range(100):
        try:
            return publish(warehouse, *given, **load)
        except StaleWriterError as refused:
            if "since this writer" not in str(refused):
                raise
    raise AssertionError("others were in between, time after time")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param((0, 1), (0, 1), id="the same slice"),
        pytest.param((0, 3), (2, 1), id="one of a range"),
        pytest.param((2, 1), (0, 3), id="a range over one"),
        pytest.param((0, 100), (70, 1), id="one of very many"),
        pytest.param((70, 1), (0, 100), id="very many over one"),
        pytest.param((0, 100), (50, 100), id="very many and very many"),
    ],
)
def test_loads_of_one_slice_wait_for_each_other(
    warehouse: Warehouse,
    together: ThreadPoolExecutor,
    first: tuple[int, int],
    second: tuple[int, int],
) -> None:
    asset = "marts/sales_hourly"
    held = load_of(asset, NINE + first[0] * HOUR, count=first[1], epoch=1)

    def other() -> Written:
        start = NINE + second[0] * HOUR
        return publish_at_last(warehouse, {"hour": start}, start=start, count=second[1], epoch=2)

    waiting = during(warehouse, held, together, other, waits=True)
    assert waiting.result(timeout=60).changed == 1


def test_a_writer_that_waited_is_refused_if_a_newer_one_was_before_it(
    warehouse: Warehouse, together: ThreadPoolExecutor
) -> None:
    held = load_of("marts/sales_hourly", epoch=2)
    waiting = during(warehouse, held, together, lambda: publish(warehouse, {}, epoch=1), waits=True)
    with pytest.raises(StaleWriterError):
        waiting.result(timeout=60)


@pytest.mark.parametrize(
    ("asset", "start"),
    [("marts/sales_hourly", NINE + HOUR), ("marts/funnel_hourly", NINE)],
    ids=["another slice", "another asset"],
)
def test_loads_of_other_slices_go_on_meanwhile(
    warehouse: Warehouse, together: ThreadPoolExecutor, asset: str, start: dt.datetime
) -> None:
    held = load_of(asset, NINE)
    if asset == "marts/sales_hourly":
        rows = {"hour": start}
        during(
            warehouse, held, together, lambda: publish(warehouse, rows, start=start), waits=False
        )
    else:
        during(warehouse, held, together, lambda: publish(warehouse, {}), waits=False)
    assert len(table_of(warehouse, UNITS)) == 1


def test_of_loads_of_one_slice_at_once_the_newest_is_what_remains(
    warehouse: Warehouse, together: ThreadPoolExecutor
) -> None:
    numbers = epochs(warehouse, 8)

    def attempt(epoch: int) -> bool:
        given = [{"currency": c, "units_sold": epoch} for c in ("EUR", "GBP", "USD")]
        try:
            publish_at_last(warehouse, *given, epoch=epoch)
        except StaleWriterError:
            return False
        return True

    done = list(together.map(attempt, numbers))
    assert done[-1]
    last = numbers[-1]
    assert table_of(warehouse, UNITS) == [(AT_NINE, last)] * 3
    assert table_of(warehouse, "SELECT epoch FROM meta.slices") == [(last,)]
    assert table_of(warehouse, "SELECT count(*) FROM meta.loads") == [(sum(done),)]


def test_loads_that_overlap_do_not_block_each_other_for_ever(
    warehouse: Warehouse, together: ThreadPoolExecutor
) -> None:
    spans = [(n % 5, 1 + n % 3) for n in range(12)]
    hours = ", ".join(f"('{(NINE + n * HOUR).isoformat()}'::timestamptz)" for n in range(8))
    with warehouse.transaction() as cursor:
        slices.mark_stale(cursor, "sales_hourly", f"VALUES {hours}")

    def load(span: tuple[int, int]) -> Written:
        start = NINE + span[0] * HOUR
        return publish_at_last(warehouse, {"hour": start}, start=start, count=span[1], epoch=7)

    done = together.map(load, spans)
    assert [written.repeated for written in done] == [False] * 12
    assert stale(warehouse, "sales_hourly") == ["01-31 15:00", "01-31 16:00"]  # of nobody


@each_writer
def test_a_load_that_breaks_off_leaves_nothing(
    warehouse: Warehouse, url: str, write: Write
) -> None:
    merge(warehouse, "orders", V1)
    merge(warehouse, "order_items", {"version_at": "2026-01-31 09:10"})
    before = everything(warehouse)
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        # The last statement of a load fails.
        cursor.execute(
            "ALTER TABLE meta.loads ADD CONSTRAINT full_disk CHECK (asset = '') NOT VALID"
        )
    connection.close()
    with pytest.raises(Exception, match="full_disk"):
        write(warehouse)
    assert everything(warehouse) == before
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE meta.loads DROP CONSTRAINT full_disk")
    connection.close()
    assert not write(warehouse).repeated


def test_every_slice_of_a_load_is_noted(warehouse: Warehouse) -> None:
    publish(warehouse, count=3, epoch=4, load_id="range")
    found = table_of(warehouse, "SELECT slice::text, epoch, load_id FROM meta.slices ORDER BY 1")
    assert found == [(f"2026-01-31 {h}:00:00+00", 4, "range") for h in ("09", "10", "11")]
    noted = table_of(warehouse, "SELECT asset, slice_start::text, slice_end::text FROM meta.loads")
    assert noted == [("marts/sales_hourly", AT_NINE, "2026-01-31 12:00:00+00")]


def test_a_request_for_a_mart_is_there_exactly_if_the_change_is(
    warehouse: Warehouse, url: str
) -> None:
    merge(warehouse, "inventory_levels", {"measured_at": NINE, "version_at": NINE})
    assert stale(warehouse, "inventory_hourly") == ["01-31 09:00"]
    with pytest.raises(StaleWriterError):
        merge(
            warehouse, "inventory_levels", {"measured_at": NINE + HOUR, "version_at": NINE}, epoch=0
        )
    assert stale(warehouse, "inventory_hourly") == ["01-31 09:00"]


def test_an_hour_that_was_loaded_whole_stays_so_when_an_open_hour_touches_it(
    warehouse: Warehouse,
) -> None:
    whole = "SELECT slice::text, provisional FROM meta.slices ORDER BY 1"
    open_hour = dataclasses.replace(load_of("marts/sales_hourly", count=2), provisional=True)
    publish(warehouse, {})
    rows = TABLES["sales_hourly"].empty()
    replace_slices(
        warehouse, TABLES["sales_hourly"], rows, open_hour, look(warehouse, "sales_hourly")
    )
    assert table_of(warehouse, whole) == [
        (AT_NINE, False), ("2026-01-31 10:00:00+00", True),
    ]  # fmt: skip
