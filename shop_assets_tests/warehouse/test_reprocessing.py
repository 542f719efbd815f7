"""A reprocessing goes on where it was stopped, if all of its hours are made by the same rules."""

from __future__ import annotations

import datetime as dt

import pytest

from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.reprocessing import (
    GOOD_FOR_DAYS,
    Reprocessing,
    begin_or_resume,
    finish,
    note_run,
)
from shop_assets_tests.warehouse.databases import of_version, session

FIRST = dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
WINDOW = (FIRST, FIRST + 4 * HOUR)
DONE = {FIRST, FIRST + HOUR}
ANEW = "all hours anew, and not from where it was stopped: "
OTHER_RULES = f"{ANEW}the configuration or the release is not the one that it began with"


def begun(
    warehouse: Warehouse,
    made_by: str = "these",
    window: tuple[dt.datetime, dt.datetime] = WINDOW,
    layer: str = "clean",
) -> Reprocessing:
    return begin_or_resume(warehouse, layer, *window, "", made_by=made_by)


def stopped(warehouse: Warehouse, made_by: str = "these") -> Reprocessing:
    """One whose first two hours are done."""
    task = begun(warehouse, made_by)
    note_run(warehouse, task, f"run of {task.identity}", (FIRST, FIRST + 2 * HOUR))
    return task


def age(warehouse: Warehouse, by: dt.timedelta) -> None:
    with warehouse.transaction() as cursor:
        cursor.execute(
            "UPDATE meta.reprocessings SET began_at = began_at - make_interval(secs => $1)",
            parameters=(by.total_seconds(),),
        )


def test_one_that_was_stopped_goes_on(warehouse: Warehouse) -> None:
    task = stopped(warehouse)
    assert (task.done, task.anew) == (set(), None)
    found = begun(warehouse)
    assert (found.identity, found.done, found.runs) == (task.identity, DONE, task.runs)
    assert found.anew is None


def test_one_of_other_rules_begins_anew(warehouse: Warehouse) -> None:
    task = stopped(warehouse)
    found = begun(warehouse, "those")
    assert found.identity != task.identity
    assert (found.done, found.runs, found.anew) == (set(), [], OTHER_RULES)
    # The rules are what they were; some of the hours are done by the others.
    assert begun(warehouse).anew == OTHER_RULES


@pytest.mark.parametrize(("days", "goes_on"), [(GOOD_FOR_DAYS, False), (GOOD_FOR_DAYS - 1, True)])
def test_one_that_began_long_ago_begins_anew(
    warehouse: Warehouse, days: int, *, goes_on: bool
) -> None:
    task = stopped(warehouse)
    age(warehouse, dt.timedelta(days=days))
    found = begun(warehouse)
    assert (found.identity == task.identity) == goes_on
    assert found.done == (DONE if goes_on else set())
    assert found.anew == (None if goes_on else f"{ANEW}it began more than 7 days ago")


def test_one_that_is_finished_is_over_and_nothing_is_said_of_it(warehouse: Warehouse) -> None:
    stopped(warehouse)
    other = stopped(warehouse, "those")
    finish(warehouse, other)
    found = begun(warehouse)
    assert found.identity != other.identity
    assert (found.done, found.anew) == (set(), None)


@pytest.mark.parametrize(
    ("hours", "made_by", "goes_on"),
    [(3, "those", False), (3, "these", True), (4, "those", True)],
)
def test_one_of_which_hours_were_done_by_other_rules_since_begins_anew(
    warehouse: Warehouse, hours: int, made_by: str, *, goes_on: bool
) -> None:
    task = stopped(warehouse)
    window = (FIRST + hours * HOUR, FIRST + 9 * HOUR)
    finish(warehouse, begun(warehouse, made_by, window, "marts"))
    found = begun(warehouse)
    assert (found.identity == task.identity) == goes_on
    why = f"{ANEW}hours of it have been reprocessed since by another configuration or release"
    assert found.anew == (None if goes_on else why)


def test_one_that_an_older_release_began_is_not_gone_on_with(stack: Endpoints) -> None:
    url = of_version(stack, "0023")
    with session(url) as cursor:
        cursor.execute(
            "INSERT INTO meta.reprocessings (id, layer, starts, ends, reason) "
            "VALUES ('old', 'clean', %s, %s, '')",
            WINDOW,
        )
    warehouse = Warehouse(url)
    warehouse.create()
    found = begun(warehouse)
    assert found.identity != "old"
    assert found.anew == OTHER_RULES
