"""What a run's seconds were spent on, when steps run side by side."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from dagster import DagsterEventType

from benchmarks.step_times import (
    AGGREGATE,
    BOOKKEEPING,
    EXTRACT,
    LAKE,
    LOAD,
    MARTS,
    TRANSFORM,
    VALIDATE,
    Parts,
)

BEGIN, OUT = DagsterEventType.STEP_START, DagsterEventType.STEP_OUTPUT
END, JUDGED = DagsterEventType.STEP_SUCCESS, DagsterEventType.ASSET_CHECK_EVALUATION


def step(key: str, start: float, output: float, end: float) -> list[Any]:
    return [
        SimpleNamespace(
            dagster_event=SimpleNamespace(step_key=key, event_type=kind), timestamp=moment
        )
        for kind, moment in ((BEGIN, start), (OUT, output), (END, end))
    ]


def test_steps_after_each_other_have_their_times_and_dagster_the_rest() -> None:
    parts = Parts()
    parts.add(0, 10, step("raw__a", 1, 3, 4) + step("marts__b", 5, 8, 9.5))
    assert parts.seconds == {BOOKKEEPING: 2.5, EXTRACT: 2, LAKE: 1, AGGREGATE: 3, MARTS: 1.5}


def checked(key: str, seconds: float) -> list[Any]:
    found = SimpleNamespace(metadata={"seconds": SimpleNamespace(value=seconds)})
    event = SimpleNamespace(step_key=key, event_type=JUDGED, asset_check_evaluation_data=found)
    return [SimpleNamespace(dagster_event=event, timestamp=0.0)]


def test_what_checks_took_is_validating_and_no_more_than_the_step_took() -> None:
    parts = Parts()
    events = step("clean__a", 0, 4, 5) + checked("clean__a", 1) + checked("clean__a", 0.5)
    events += step("marts__b", 5, 7, 8) + checked("marts__b", 9)
    events += step("warehouse__sales_ledger_contract", 8, 10, 10)
    parts.add(0, 10, events)
    expected = {TRANSFORM: 2.5, VALIDATE: 1.5 + 2 + 2, LAKE: 1, MARTS: 1}
    assert {k: v for k, v in parts.seconds.items() if v} == expected


def test_time_of_several_steps_is_shared_among_them_so_that_parts_sum_to_the_run() -> None:
    parts = Parts()
    parts.add(0, 12, step("raw__a", 0, 4, 6) + step("warehouse__b", 2, 2, 10))
    # a alone, then both, then b alone, then neither.
    expected = {EXTRACT: 2 + 1, LAKE: 1, LOAD: 1 + 1 + 4, BOOKKEEPING: 2}
    assert {k: v for k, v in parts.seconds.items() if v} == expected
    assert sum(parts.seconds.values()) == 12
