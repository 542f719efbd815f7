"""What a run's seconds were spent on, when steps run side by side."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from dagster import DagsterEventType

from benchmarks.step_times import AGGREGATE, BOOKKEEPING, EXTRACT, LAKE, LOAD, MARTS, Parts

BEGIN, OUT = DagsterEventType.STEP_START, DagsterEventType.STEP_OUTPUT
END = DagsterEventType.STEP_SUCCESS


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


def test_time_of_several_steps_is_shared_among_them_so_that_parts_sum_to_the_run() -> None:
    parts = Parts()
    parts.add(0, 12, step("raw__a", 0, 4, 6) + step("warehouse__b", 2, 2, 10))
    # a alone, then both, then b alone, then neither.
    expected = {EXTRACT: 2 + 1, LAKE: 1, LOAD: 1 + 1 + 4, BOOKKEEPING: 2}
    assert {k: v for k, v in parts.seconds.items() if v} == expected
    assert sum(parts.seconds.values()) == 12
