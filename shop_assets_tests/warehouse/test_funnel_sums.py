"""What is kept of sessions is what their stretches say, whatever becomes of them."""

from __future__ import annotations

import datetime as dt
import random
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pandas as pd
import psycopg2
import pytest

from shop_assets.entities import TABLES
from shop_assets.transforms import sessions
from shop_assets.warehouse import funnel_sums, slices
from shop_assets.warehouse.connection import Warehouse, fetch_one
from shop_assets.warehouse.mart_inputs import funnel_hourly
from shop_assets.warehouse.marts import look, replace_slices, stale_slices
from shop_assets_tests.warehouse.loads import (
    HOUR,
    NINE,
    activity,
    load_of,
    settle_all,
    stale,
    wait_for_waiter,
)

MINUTE = dt.timedelta(minutes=1)
HOURS = 34
"""More than a session's steps count for, into the next month."""
SPAN = (NINE - 2 * HOUR, NINE + (HOURS + 2) * HOUR)


def restless(chance: random.Random) -> list[dict[str, Any]]:
    """Stretches of a few visitors, within hours, that often go on after a pause of half an hour."""
    found = []
    for source, visitor in (("web", "a"), ("web", "b"), ("app", "a"), ("web", "restless")):
        begin = NINE + chance.randrange(60) * MINUTE
        while begin < NINE + HOURS * HOUR:
            last = begin + chance.randrange(60 - begin.minute) * MINUTE
            chosen = chance.sample(["view", "product", "purchase"], 2)
            steps = {f"{step}_{end}": time for step in chosen
                     for end, time in (("first", begin), ("last", last))}  # fmt: skip
            found.append({"source": source, "visitor_id": visitor, "started_at": begin,
                          "ended_at": last, "is_bot": chance.random() < 0.1} | steps)  # fmt: skip
            pauses = [10, 29] if visitor == "restless" else [1, 29, 30, 31, 90, 400]
            begin = last + chance.choice(pauses) * MINUTE
    return found


def counted(warehouse: Warehouse) -> pd.DataFrame:
    """The funnel of all stretches that there are."""
    everything = warehouse.read("SELECT * FROM warehouse.web_activity")
    return sessions.funnel_hourly(sessions.session_counts(everything, SPAN))


@pytest.mark.parametrize("seed", [5, 6])
def test_each_load_moves_the_funnel_to_what_all_stretches_count_for(
    warehouse: Warehouse, seed: int
) -> None:
    chance = random.Random(seed)
    some = restless(chance)
    before = counted(warehouse)
    for _ in range(40):
        hour, hours = NINE + chance.randrange(HOURS + 4) * HOUR, chance.choice([1, 1, 1, 6])
        # What an hour told before is told again, left out, or told with what came late.
        told = [
            stretch | {"change_hour": hour + chance.randrange(hours) * HOUR}
            for stretch in chance.sample(some, chance.choice([0, 3, 30]))
        ]
        unique = {(s["source"], s["visitor_id"], s["started_at"], s["change_hour"]): s
                  for s in told}  # fmt: skip
        settle_all(warehouse)
        activity(warehouse, *unique.values(), start=hour, count=hours)
        after = counted(warehouse)
        pd.testing.assert_frame_equal(funnel_hourly(warehouse, *SPAN), after)
        either = pd.concat([before, after]).drop_duplicates(keep=False)
        asked = stale_slices(warehouse, "funnel_hourly")["slice"]
        assert sorted(set(asked)) == sorted(set(either["hour"]))
        before = after
    assert before["sessions"].sum() > 20


def at(time: str) -> dt.datetime:
    """A time after nine, as hours and minutes."""
    hours, minutes = map(int, time.split(":"))
    return NINE + hours * HOUR + minutes * MINUTE


def visit(begin: str, end: str, *, bought: bool = False) -> dict[str, Any]:
    """A stretch of a visitor that is told in its own hour."""
    times = {"purchase_first": at(end), "purchase_last": at(end)} if bought else {}
    hour = at(begin).replace(minute=0)
    return {"started_at": at(begin), "ended_at": at(end), "change_hour": hour} | times


def half_hours(first: int, last: int) -> list[dict[str, Any]]:
    """Stretches that go on and on, from one hour to another."""
    return [
        visit(f"{hour}:{minute:02}", f"{hour}:{minute + 25}")
        for hour in range(first, last)
        for minute in (0, 30)
    ]


def converted(warehouse: Warehouse) -> list[tuple[int, int]]:
    """The sessions of each hour, and those that bought."""
    found = funnel_hourly(warehouse, *SPAN)
    pd.testing.assert_frame_equal(found, counted(warehouse))
    return list(zip(found["sessions"], found["converted_sessions"], strict=True))


def test_what_comes_more_than_a_day_after_a_session_s_begin_is_not_counted(
    warehouse: Warehouse,
) -> None:
    # Of what was more than a day before it, the stretch from four on is the last: without it the
    # next one would seem to begin a session that the purchase is in time for.
    known = [
        *half_hours(0, 4),
        visit("4:00", "4:31"),
        *half_hours(5, 28),
        *(late | {"change_hour": at("27:00")} for late in half_hours(28, 29)),
    ]
    another = visit("5:10", "5:10") | {"visitor_id": "another"}
    activity(warehouse, another, *known, count=28)
    activity(warehouse, visit("28:59", "28:59", bought=True), start=at("28:00"))
    assert converted(warehouse) == [(1, 0), (1, 0)]


def test_a_session_that_begins_later_counts_what_came_a_day_after_it(warehouse: Warehouse) -> None:
    first = visit("0:00", "0:31")
    known = [
        visit("1:00", "1:59"),
        *half_hours(2, 24),
        visit("24:00", "24:25"),
        visit("24:45", "24:45", bought=True),
    ]
    activity(warehouse, first, *known, count=25)
    assert converted(warehouse) == [(1, 0)]
    activity(warehouse)
    assert converted(warehouse) == [(1, 1)]
    activity(warehouse, first)
    assert converted(warehouse) == [(1, 0)]


def test_a_span_has_the_sessions_that_began_in_it(warehouse: Warehouse) -> None:
    activity(warehouse, *restless(random.Random(5)))
    all_of_them = funnel_hourly(warehouse, *SPAN)
    for first in range(-1, HOURS + 1, 3):
        start, end = NINE + first * HOUR, NINE + (first + 5) * HOUR
        within = all_of_them["hour"].between(start, end, inclusive="left")
        found = funnel_hourly(warehouse, start, end)
        pd.testing.assert_frame_equal(found, all_of_them[within].reset_index(drop=True))


@pytest.mark.parametrize("rows", [1, 20, 1_000_000])
def test_counts_that_were_never_made_are_made_of_all_stretches(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    activity(warehouse, *restless(random.Random(5)))
    monkeypatch.setattr(funnel_sums, "ROWS_AT_ONCE", rows)
    with warehouse.transaction() as cursor:
        cursor.execute("UPDATE meta.funnel_sums SET sessions = sessions + 1")
        cursor.execute("DELETE FROM meta.funnel_made")
    # The next load finds that they are missing, and so does a mart.
    late = {"started_at": NINE, "ended_at": NINE, "change_hour": NINE + HOUR}
    activity(warehouse, late, start=NINE + HOUR)
    pd.testing.assert_frame_equal(funnel_hourly(warehouse, *SPAN), counted(warehouse))
    with warehouse.transaction() as cursor:
        cursor.execute("DELETE FROM meta.funnel_made")
        funnel_sums.ensure(cursor)
        # How it looks for visitors is not how the load that called it looks them up.
        assert fetch_one(cursor, "SELECT current_setting('enable_nestloop')") == "on"
        cursor.execute("DELETE FROM meta.funnel_made")
    pd.testing.assert_frame_equal(funnel_hourly(warehouse, *SPAN), counted(warehouse))


def test_counts_of_another_rule_are_made_anew_and_asked_for_where_the_mart_differs(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    activity(warehouse, *restless(random.Random(5)))
    expected = funnel_hourly(warehouse, *SPAN)
    load = load_of("marts/funnel_hourly", SPAN[0], count=HOURS + 4)
    seen = look(warehouse, "funnel_hourly")
    replace_slices(warehouse, TABLES["funnel_hourly"], expected, load, seen)
    assert stale(warehouse, "funnel_hourly") == []
    edited, missing = expected["hour"].drop_duplicates().iloc[[1, 4]]
    mart = "marts_base.funnel_hourly"
    with warehouse.transaction() as cursor:
        cursor.execute("UPDATE meta.funnel_sums SET bot_sessions = bot_sessions + 7")
        cursor.execute(f"DELETE FROM {mart} WHERE hour = $1", parameters=(missing,))
        cursor.execute(
            f"INSERT INTO {mart} SELECT hour - interval '5 days', source, sessions, 0, 0, 0, 0, "
            f"0, 0, 0, 0 FROM {mart} WHERE hour = $1",
            parameters=(edited,),
        )
        cursor.execute(
            f"UPDATE {mart} SET view_sessions = view_sessions + 1 WHERE hour = $1",
            parameters=(edited,),
        )
    assert funnel_hourly(warehouse, *SPAN)["bot_sessions"].sum() > expected["bot_sessions"].sum()
    monkeypatch.setattr(sessions, "RULE", sessions.RULE + 1)
    pd.testing.assert_frame_equal(funnel_hourly(warehouse, *SPAN), expected)
    asked = stale_slices(warehouse, "funnel_hourly")["slice"].tolist()
    assert asked == [edited - 5 * pd.Timedelta(days=1), edited, missing]


def test_no_activity_is_no_funnel(warehouse: Warehouse) -> None:
    assert funnel_hourly(warehouse, *SPAN).empty
    activity(warehouse, {})
    assert len(funnel_hourly(warehouse, *SPAN)) == 1
    activity(warehouse)
    assert funnel_hourly(warehouse, *SPAN).empty


def test_hours_at_once_that_tell_of_one_session_count_it_once(
    warehouse: Warehouse, url: str
) -> None:
    """Three hours tell of a visit: alone each would count a session of its own."""
    activity(warehouse, {"visitor_id": "another"})
    ends = [(NINE + n * 20 * MINUTE, NINE + (n * 20 + 5) * MINUTE) for n in range(3)]

    def load(number: int) -> None:
        start, end = ends[number]
        hour = NINE + (number + 1) * HOUR
        told = {"started_at": start, "ended_at": end, "change_hour": hour}
        activity(warehouse, told, start=hour)

    gate = psycopg2.connect(url)
    with ThreadPoolExecutor(3) as pool:
        with gate, gate.cursor() as cursor:
            # All come as far as the activity that there is, and wait there.
            cursor.execute(funnel_sums.LOCK)
            waiting = [pool.submit(load, number) for number in range(3)]
            wait_for_waiter(warehouse, 3)
        gate.close()
        for done in waiting:
            done.result()
    assert funnel_hourly(warehouse, *SPAN)["sessions"].tolist() == [2]
    pd.testing.assert_frame_equal(funnel_hourly(warehouse, *SPAN), counted(warehouse))


def test_a_load_that_counts_all_sessions_first_and_a_mart_do_not_wait_for_each_other(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks for the hours where the mart says otherwise, and then for those that it changes."""
    later = {"started_at": NINE + HOUR, "ended_at": NINE + HOUR, "change_hour": NINE + HOUR}
    activity(warehouse, later, start=NINE + HOUR)
    with warehouse.transaction() as cursor:
        cursor.execute("DELETE FROM meta.funnel_made")
        hours = f"generate_series('{NINE}'::timestamptz, '{NINE + HOUR}', interval '1 hour')"
        slices.mark_stale(cursor, "funnel_hourly", f"SELECT h FROM {hours} h")
    other = Warehouse(warehouse.url)
    spec, both = TABLES["funnel_hourly"], load_of("marts/funnel_hourly", NINE, count=2)
    seen = look(other, "funnel_hourly", both.start, both.end)
    add = funnel_sums.add
    settling: list[Future[Any]] = []

    def met(*given: Any) -> None:
        settling.append(pool.submit(replace_slices, other, spec, spec.empty(), both, seen))
        wait(settling, timeout=2)
        add(*given)

    monkeypatch.setattr(funnel_sums, "add", met)
    with ThreadPoolExecutor(1) as pool:
        activity(warehouse, {})
        settling[0].result(timeout=60)
    assert stale(warehouse, "funnel_hourly") == ["01-31 09:00", "01-31 10:00"]
