"""Check results that are stored at once are what they were if stored one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagster import AssetCheckEvaluation, AssetCheckKey, AssetCheckSeverity, AssetKey, EventLogEntry
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
)
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from sqlalchemy.engine import Engine
from sqlalchemy.event import listen, remove

from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.dagster_storage.conftest import OURS, STOCK, dagster, said

ORDERS = AssetKey("orders")
Result = tuple[str, str | None, str]
"""A result's run, partition and state."""


def planned(check: str) -> EventLogEntry:
    """A run means to judge."""
    data: Any = AssetCheckEvaluationPlanned(asset_key=ORDERS, check_name=check)
    return said("", step="orders", kind="ASSET_CHECK_EVALUATION_PLANNED", data=data)


def judged(
    check: str, *, passed: bool, run: str | None = None, partition: str | None = None
) -> EventLogEntry:
    """A run's result; of no run where `run` is ''."""
    data: Any = AssetCheckEvaluation(
        asset_key=ORDERS,
        check_name=check,
        passed=passed,
        metadata={},
        severity=AssetCheckSeverity.WARN,
        partition=partition,
    )
    event = said("", step="orders", kind="ASSET_CHECK_EVALUATION", data=data)
    return event if run is None else event._replace(run_id=run)


def events(prefix: str) -> list[EventLogEntry]:
    """Results of checks whose names begin so."""

    def judged_twice(check: str, run: str | None = None) -> list[EventLogEntry]:
        return [judged(prefix + check, passed=passed, run=run) for passed in (True, False)]

    return [
        planned(prefix + "planned"),
        *judged_twice("planned"),
        planned(prefix + "once"),
        judged(prefix + "once", passed=True),
        *judged_twice("not planned"),
        *judged_twice("of no run", run=""),
        planned(prefix + "other run"),
        judged(prefix + "other run", passed=True, run="another"),
        planned(prefix + "left out"),
        judged(prefix + "of hours", passed=True, partition="1"),
        judged(prefix + "of hours", passed=False, partition="2"),
        judged(prefix + "of hours", passed=False, partition="1"),
    ]


CHECKS = ("planned", "once", "not planned", "of no run", "other run", "left out", "of hours")


def stored(
    stack: Endpoints, home: Path, storage: tuple[str, str], batches: list[list[EventLogEntry]]
) -> list[dict[str, list[Result]]]:
    """Each check's results, newest first; by prefix of the checks' names."""
    home.mkdir()
    with dagster(stack, home, storage, "1000") as instance:
        log = instance.event_log_storage
        for batch in batches:
            # Dagster's own takes results by themselves alone.
            if len(batch) == 1:
                log.store_event(batch[0])
            else:
                log.store_event_batch(batch)

        def states(check: str) -> list[Result]:
            key = AssetCheckKey(ORDERS, check)
            found = log.get_asset_check_execution_history(key, limit=10)
            return [(each.run_id, each.partition, each.status.value) for each in found]

        return [{check: states(f"{cut} {check}") for check in CHECKS} for cut in CUTS]


CUTS = range(len(events("")))


def test_however_many_are_stored_at_once(stack: Endpoints, tmp_path: Path) -> None:
    one_by_one = [[event] for cut in CUTS for event in events(f"{cut} ")]
    in_two = [
        part for cut in CUTS for all_ in [events(f"{cut} ")] for part in (all_[:cut], all_[cut:])
    ]
    expected = stored(stack, tmp_path / "one_by_one", STOCK, one_by_one)
    assert stored(stack, tmp_path / "in_two", OURS, in_two) == expected


def test_results_of_many_partitions_are_stored_by_a_statement_for_each_thousand(
    stack: Endpoints, tmp_path: Path
) -> None:
    found = [
        judged("of hours", passed=number % 3 > 0, partition=str(number)) for number in range(1200)
    ]
    sent: list[bool] = []

    def sending(*about: Any) -> None:
        if f"INSERT INTO {AssetCheckExecutionsTable.name}" in about[2]:
            sent.append(about[-1])  # whether it is sent once more for each row

    (tmp_path / "ours").mkdir()
    with dagster(stack, tmp_path / "ours", OURS, "1000") as instance:
        listen(Engine, "before_cursor_execute", sending)
        try:
            instance.event_log_storage.store_event_batch(found)
        finally:
            remove(Engine, "before_cursor_execute", sending)
        key = AssetCheckKey(ORDERS, "of hours")
        states = instance.event_log_storage.get_asset_check_execution_history(key, limit=2000)
    assert sent == [False, False]
    assert sum(each.status.value == "FAILED" for each in states) == 400 == len(states) / 3
