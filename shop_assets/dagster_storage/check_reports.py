"""Check results for single partitions, thousands at a time."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    EventLogEntry,
)
from dagster._core.events import DagsterEvent
from dagster._serdes import serialize_value
from dagster_shared.record import copy

from shop_assets.dagster_storage.event_log import BatchingPostgresEventLogStorage
from shop_assets.dagster_storage.rows import Stored, row_time
from shop_assets.dagster_storage.templates import ANY_PARTITION, Template


def report_check_evaluations(
    instance: DagsterInstance, run: DagsterRun, evaluations: Sequence[AssetCheckEvaluation]
) -> None:
    """Report a run's check results for single partitions.

    They stand beside the one result that Dagster itself stores for the run's range. In bulk where
    the instance's event log is ours; else one after the other.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, BatchingPostgresEventLogStorage):
        for evaluation in evaluations:
            entry = _entry(evaluation, run, time.time())
            instance.report_dagster_event(entry.get_dagster_event(), run.run_id)
        return
    if not evaluations:
        return
    now = time.time()
    templates: dict[Any, Template] = {}
    stored = []
    for evaluation in evaluations:
        entry = _entry(evaluation, run, now)
        row = {
            "run_id": run.run_id,
            "event": _serialized(evaluation, run, now, templates),
            "dagster_event_type": DagsterEventType.ASSET_CHECK_EVALUATION.value,
            "timestamp": row_time(now),
            "step_key": None,
            "asset_key": evaluation.asset_key.to_string(),
            "partition": evaluation.partition,
        }
        stored.append(Stored(entry, row))
    storage.store_check_rows(stored)


def _entry(evaluation: AssetCheckEvaluation, run: DagsterRun, timestamp: float) -> EventLogEntry:
    event = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_CHECK_EVALUATION.value,
        event_specific_data=evaluation,
        job_name=run.job_name,
    )
    make: Callable[..., EventLogEntry] = EventLogEntry
    return make(
        user_message="",
        level=20,
        job_name=run.job_name,
        run_id=run.run_id,
        error_info=None,
        timestamp=timestamp,
        step_key=None,
        dagster_event=event,
    )


def _serialized(
    evaluation: AssetCheckEvaluation,
    run: DagsterRun,
    timestamp: float,
    templates: dict[Any, Template],
) -> str:
    """The event's text; results that differ only in their partition are serialised once."""
    if evaluation.metadata or evaluation.partition is None:
        return serialize_value(_entry(evaluation, run, timestamp))
    kind = (evaluation.asset_check_key, evaluation.passed, evaluation.severity)
    if kind not in templates:
        any_partition = copy(evaluation, partition=ANY_PARTITION)
        templates[kind] = Template(serialize_value(_entry(any_partition, run, timestamp)))
    return templates[kind].text(evaluation.partition)
