from __future__ import annotations

import random
from collections import Counter
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.entities import TABLES
from shop_assets.entities.web import STEPS
from shop_assets.transforms.sessions import (
    FUNNEL_READS,
    GAP,
    TOUCHED_READS,
    funnel_hourly,
    session_counts,
    touched,
    web_activity,
)
from shop_assets_tests.examples import examples
from shop_assets_tests.transforms.frames import check

START = pd.Timestamp("2024-05-01T10:00Z")
Event = tuple[str, int, str, bool, int]
"""Visitor, minute, step, is a bot's, change hour."""


def events(rows: list[Event]) -> pd.DataFrame:
    spec = TABLES["web_events"]
    if not rows:
        return spec.empty().assign(_hour=pd.Series(dtype="datetime64[us, UTC]"))
    at = pd.Series([START + pd.Timedelta(minutes=m) for _, m, _, _, _ in rows]).dt.as_unit("us")
    frame = spec.conform(
        pd.DataFrame(
            {
                "source": "web", "event_id": [str(i) for i in range(len(rows))], "occurred_at": at,
                "visitor_id": [r[0] for r in rows], "step": [r[2] for r in rows],
                "is_bot": [r[3] for r in rows], "version_at": at, "deleted": False,
            }
        )
    )  # fmt: skip
    hour = [START + pd.Timedelta(hours=r[4]) for r in rows]
    return frame.assign(_hour=pd.Series(hour).dt.as_unit("us"))


def activity(rows: list[Event]) -> pd.DataFrame:
    return check("web_activity", web_activity(events(rows)))


def funnel(rows: list[Event], first: int = 0, last: int = 6) -> pd.DataFrame:
    start, end = START + pd.Timedelta(hours=first), START + pd.Timedelta(hours=last)
    return check("funnel_hourly", funnel_hourly(session_counts(activity(rows), (start, end))))


def person(minute: int, step: str = "view", visitor: str = "v", hour: int = 0) -> Event:
    return (visitor, minute, step, False, hour)


def test_a_stretch_ends_at_a_pause_of_half_an_hour_and_at_the_hour() -> None:
    rows = activity([person(m) for m in (0, 29, 59, 61)])
    minutes = (rows["started_at"] - START) // pd.Timedelta(minutes=1)
    assert minutes.tolist() == [0, 59, 61]
    assert rows["events"].tolist() == [2, 1, 1]


def test_each_change_hour_has_stretches_of_its_own() -> None:
    rows = activity([person(0), person(5, hour=3), person(9)])
    assert rows["events"].tolist() == [2, 1]
    assert rows["change_hour"].nunique() == 2


def test_deleted_events_and_no_events_make_no_stretch() -> None:
    assert activity([]).empty
    assert web_activity(events([person(0)]).assign(deleted=True)).empty
    assert funnel([]).empty


def test_a_session_goes_on_over_the_hour_and_counts_where_it_began() -> None:
    rows = funnel([person(50), person(70), person(95)])
    assert rows["hour"].tolist() == [START]
    assert rows["sessions"].tolist() == [1]


def test_half_an_hour_of_silence_begins_a_new_session() -> None:
    assert funnel([person(0), person(29)])["sessions"].tolist() == [1]
    assert funnel([person(0), person(30)])["sessions"].tolist() == [2]


def test_a_session_begun_before_the_window_is_not_counted_again() -> None:
    rows = [person(50), person(70), person(95)]
    assert funnel(rows, 0, 1)["sessions"].tolist() == [1]
    assert funnel(rows, 1, 2).empty


def test_a_late_event_joins_two_sessions_into_one() -> None:
    rows = [person(0), person(40)]
    assert funnel(rows)["sessions"].tolist() == [2]
    assert funnel([*rows, person(20, hour=5)])["sessions"].tolist() == [1]


def test_steps_count_in_order_only() -> None:
    straight = [person(i, step) for i, step in enumerate(STEPS)]
    names = [f"{step}_sessions" for step in STEPS]
    assert funnel(straight)[names].to_numpy().tolist() == [[1, 1, 1, 1, 1]]
    backwards = [person(9 - i, step) for i, step in enumerate(STEPS)]
    rows = funnel(backwards)
    assert rows[names].to_numpy().tolist() == [[1, 0, 0, 0, 0]]
    assert rows["converted_sessions"].tolist() == [1]
    assert funnel([person(0), person(1, "cart")])["cart_sessions"].tolist() == [0]


def test_bots_are_counted_apart_and_a_rate_without_sessions_is_null() -> None:
    rows = funnel([("b", 0, "view", True, 0), ("b", 1, "purchase", False, 0)]).iloc[0]
    assert (rows["sessions"], rows["bot_sessions"], rows["converted_sessions"]) == (0, 1, 0)
    assert pd.isna(rows["conversion_rate"])


DAY = 24 * 60


@pytest.mark.parametrize("hours", [(24, 24), (24, 25), (25, 24), (24, 24, 26, 26)])
def test_what_counts_after_a_day_does_not_hang_on_which_hours_bring_it(
    hours: tuple[int, ...],
) -> None:
    """A session from 10:30 on, for a day; at 10:20 the next one comes a view, at 10:40 a purchase.

    `hours`: the hours that bring the two, and bring them again.
    """
    on_and_on = [person(30 + 20 * n) for n in range(3 * 24)]
    late = [("view", DAY + 20), ("purchase", DAY + 40)] * (len(hours) // 2)
    told = [person(at, step, hour=hour) for (step, at), hour in zip(late, hours, strict=True)]
    found = funnel([*on_and_on, *told], 0, 60)
    assert found[["sessions", "converted_sessions"]].to_numpy().tolist() == [[1, 0]]


def test_a_session_s_steps_count_for_a_day_and_no_longer() -> None:
    restless = [person(20 * i) for i in range(3 * 26)]
    rows = funnel([*restless, person(23 * 60, "product"), person(25 * 60, "purchase")], 0, 30)
    assert rows["sessions"].tolist() == [1]
    assert rows["product_sessions"].tolist() == [1]
    assert rows["converted_sessions"].tolist() == [0]


events_strategy = st.lists(
    st.tuples(
        st.sampled_from("vw"), st.integers(0, 300), st.sampled_from(STEPS),
        st.sampled_from([False] * 5 + [True]), st.integers(0, 2),
    ),
    max_size=14,
)  # fmt: skip


def stretches(rows: list[Event]) -> dict[tuple[int, str, int], tuple[Any, ...]]:
    """The activity, one event at a time; minutes, and minutes by step."""
    found: dict[tuple[int, str, int], tuple[Any, ...]] = {}
    for hour, visitor in {(r[4], r[0]) for r in rows}:
        mine = sorted((r for r in rows if (r[4], r[0]) == (hour, visitor)), key=lambda r: r[1])
        together: list[Event] = []
        for at, event in enumerate(mine):
            together.append(event)
            following = mine[at + 1][1] if at + 1 < len(mine) else 10_000
            if following - event[1] >= 30 or following // 60 != event[1] // 60:
                minutes = [[e[1] for e in together if e[2] == step] for step in STEPS]
                found[hour, visitor, together[0][1]] = (
                    event[1], len(together), any(e[3] for e in together),
                    *((min(m), max(m)) if m else None for m in minutes),
                )  # fmt: skip
                together = []
    return found


def minute(moment: Any) -> int:
    return int((moment - START) // pd.Timedelta(minutes=1))


@examples(150)
@given(events_strategy)
def test_stretches_are_those_of_the_events_one_by_one(rows: list[Event]) -> None:
    made = activity(rows)
    found = {}
    for row in made.to_dict("records"):
        steps = (
            None if pd.isna(row[f"{step}_first"])
            else (minute(row[f"{step}_first"]), minute(row[f"{step}_last"])) for step in STEPS
        )  # fmt: skip
        key = (minute(row["change_hour"]) // 60, str(row["visitor_id"]), minute(row["started_at"]))
        found[key] = (minute(row["ended_at"]), row["events"], row["is_bot"], *steps)
    assert found == stretches(rows)
    keys = [(visitor, start, hour) for hour, visitor, start in found]
    assert keys == sorted(keys)


@examples(60)
@given(events_strategy, st.integers(0, 5), st.integers(1, 6))
def test_what_follows_the_window_is_needed_of_those_alone_who_were_there_just_before_its_end(
    rows: list[Event], first: int, hours: int
) -> None:
    start, end = START + pd.Timedelta(hours=first), START + pd.Timedelta(hours=first + hours)
    all_of_them = activity(rows)
    before = all_of_them["started_at"] < end
    there = all_of_them[before & (all_of_them["ended_at"] > end - GAP)]
    some = all_of_them[before | all_of_them["visitor_id"].isin(there["visitor_id"])]
    made = session_counts(some[list(FUNNEL_READS)], (start, end))
    pd.testing.assert_frame_equal(made, session_counts(all_of_them, (start, end)))


@examples(30)
@given(events_strategy)
def test_each_source_s_visitors_are_its_own(rows: list[Event]) -> None:
    one, other = activity(rows), activity(rows[::2]).assign(source="app")
    start, end = START, START + pd.Timedelta(hours=6)
    both = session_counts(pd.concat([one, other], ignore_index=True), (start, end))
    for source, alone in (("web", one), ("app", other)):
        mine = both[both["source"] == source].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, session_counts(alone, (start, end)))


def by_event(rows: list[Event]) -> dict[int, dict[str, int]]:
    """The funnel, one visitor and one event at a time."""
    hours: dict[int, Counter[str]] = {}
    for visitor in {r[0] for r in rows}:
        session: list[Event] = []
        mine = sorted((r for r in rows if r[0] == visitor), key=lambda r: r[1])
        for at, event in enumerate(mine):
            session.append(event)
            if at + 1 == len(mine) or mine[at + 1][1] - event[1] >= 30:
                _count(session, hours.setdefault(session[0][1] // 60, Counter()))
                session = []
    return {hour: dict(counts) for hour, counts in hours.items()}


def _count(session: list[Event], counts: Counter[str]) -> None:
    if any(e[3] for e in session):
        counts["bot_sessions"] += 1
        return
    counts["sessions"] += 1
    counts["converted_sessions"] += any(e[2] == "purchase" for e in session)
    before: int | None = None
    for step in STEPS:
        minutes = [e[1] for e in session if e[2] == step]
        if not minutes or (before is not None and max(minutes) < before):
            return
        counts[f"{step}_sessions"] += 1
        before = min(minutes)


def shown(rows: pd.DataFrame) -> dict[int, dict[str, int]]:
    figures = [c for c in rows.columns if c.endswith("sessions")]
    return {
        int((row["hour"] - START) // pd.Timedelta(hours=1)): {
            f: int(row[f]) for f in figures if row[f]
        }
        for row in rows.to_dict("records")
    }


def without_zeros(counts: dict[int, dict[str, int]]) -> dict[int, dict[str, int]]:
    return {hour: {k: v for k, v in found.items() if v} for hour, found in counts.items()}


@examples(150)
@given(events_strategy)
def test_the_funnel_is_that_of_the_events_one_by_one(rows: list[Event]) -> None:
    assert shown(funnel(rows)) == without_zeros(by_event(rows))


@examples(60)
@given(events_strategy, st.randoms(use_true_random=False))
def test_events_delivered_again_in_any_hour_and_order_change_nothing(
    rows: list[Event], shuffle: random.Random
) -> None:
    again = [*rows, *((*r[:4], 5) for r in rows[::2]), *rows[1::2]]
    shuffle.shuffle(again)
    pd.testing.assert_frame_equal(funnel(rows), funnel(again))


@examples(60)
@given(events_strategy, st.integers(1, 5))
def test_hours_counted_apart_are_the_hours_counted_together(rows: list[Event], cut: int) -> None:
    apart = {**shown(funnel(rows, 0, cut)), **shown(funnel(rows, cut, 6))}
    assert apart == shown(funnel(rows))


def test_an_hour_of_half_a_million_events_takes_seconds() -> None:
    count = 500_000
    random_numbers = np.random.default_rng(1)
    second = random_numbers.integers(0, 3600, count)
    at = pd.Series(START + pd.to_timedelta(second, unit="s")).dt.as_unit("us")
    visitor = pd.Series(random_numbers.integers(0, 60_000, count)).astype("str")
    frame: Any = TABLES["web_events"].conform(
        pd.DataFrame(
            {
                "source": "web", "event_id": np.arange(count).astype(str), "occurred_at": at,
                "visitor_id": visitor, "step": random_numbers.choice(STEPS, count),
                "is_bot": False, "version_at": at, "deleted": False,
            }
        )
    )  # fmt: skip
    started = perf_counter()
    stretches = web_activity(frame.assign(_hour=START))
    rows = session_counts(stretches, (START, START + pd.Timedelta(hours=1)))
    assert perf_counter() - started < 30  # a second or two on a quiet machine
    assert stretches["events"].sum() == count
    assert rows["sessions"].sum() >= visitor.nunique()


def test_visitors_are_touched_from_a_day_before_their_first_stretch_to_after_the_last() -> None:
    rows = activity([person(0), person(90), person(95), person(30, visitor="a"), person(30)])
    found = touched(rows.sample(frac=1, random_state=1)[list(TOUCHED_READS)])
    assert list(found["visitor_id"]) == ["a", "v"], "sorted as the index is"
    assert list(found["source"]) == ["web", "web"]
    minute = pd.Timedelta(minutes=1)
    assert list(found["since"] - START) == [(30 - 1530) * minute, -1530 * minute]
    assert list(found["until"] - START) == [(30 + 1470) * minute, (95 + 1470) * minute]


def test_no_stretches_touch_nobody() -> None:
    assert touched(TABLES["web_activity"].empty()).empty
