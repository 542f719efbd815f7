"""Rows of Dagster's `event_logs` table for a batch of events, in the events' order."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dagster import AssetKey, DagsterEventType, EventLogEntry
from dagster._core.definitions.partitions.subset import PartitionsSubset
from dagster._core.events import AssetMaterializationPlannedData

from shop_assets.dagster_storage.templates import ANY_PARTITION, Template

EventRow = dict[str, Any]


def row_time(timestamp: float) -> dt.datetime:
    """An event's time as Dagster's tables have it: UTC, without a time zone."""
    return dt.datetime.fromtimestamp(timestamp, dt.UTC).replace(tzinfo=None)


class Stored(NamedTuple):
    """A row of `event_logs` and the event it came from (one event may stand for many rows)."""

    event: EventLogEntry
    row: EventRow


def planned_partitions(event: EventLogEntry) -> PartitionsSubset[Any] | None:
    """The partitions of an event that plans many at once, to be stored as one row for each."""
    planned = event.dagster_event
    if planned is None or planned.event_type != DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
        return None
    subset: PartitionsSubset[Any] | None = (
        planned.asset_materialization_planned_data.partitions_subset
    )
    return subset


def rows_of(
    events: Iterable[EventLogEntry], to_row: Callable[[EventLogEntry], EventRow]
) -> Iterator[Stored]:
    """The rows to store; `to_row` makes the row of one event."""
    for event in events:
        subset = planned_partitions(event)
        if subset is None:
            yield Stored(event, to_row(event))
            continue
        row = to_row(_planned_for(event, ANY_PARTITION))
        template = Template(row["event"])
        for key in subset.get_partition_keys():
            yield Stored(event, {**row, "event": template.text(key), "partition": key})


def _planned_for(event: EventLogEntry, partition: str) -> EventLogEntry:
    planned = event.get_dagster_event()
    data = AssetMaterializationPlannedData(
        planned.asset_materialization_planned_data.asset_key, partition=partition
    )
    return event._replace(dagster_event=planned._replace(event_specific_data=data))


class LastEvents:
    """The last event of each kind for each asset in a batch: what the asset's summary shows."""

    def __init__(self) -> None:
        self._last: dict[tuple[AssetKey, DagsterEventType], tuple[EventLogEntry, int]] = {}

    def add(self, event: EventLogEntry, event_id: int) -> None:
        """Take the next event of the batch, with the id that it was stored under."""
        dagster_event = event.get_dagster_event()
        if dagster_event.asset_key:
            entry = (dagster_event.asset_key, dagster_event.event_type)
            self._last.pop(entry, None)
            self._last[entry] = (event, event_id)

    def summaries(
        self, values: Callable[[EventLogEntry, int], Mapping[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        """Column values by asset key, as if the events had been stored one after the other."""
        merged: dict[str, dict[str, Any]] = {}
        for (asset_key, _), (event, event_id) in self._last.items():
            merged.setdefault(asset_key.to_string(), {}).update(values(event, event_id))
        return merged


def planned_check_rows(event: EventLogEntry, row: EventRow, event_id: int) -> Sequence[EventRow]:
    """Rows of `asset_check_executions` for a check that a run intends to execute."""
    planned = event.get_dagster_event().asset_check_planned_data
    keys = planned.partitions_subset.get_partition_keys() if planned.partitions_subset else [None]
    common = {
        "asset_key": planned.asset_key.to_string(),
        "check_name": planned.check_name,
        "run_id": event.run_id,
        "execution_status": "PLANNED",
        "evaluation_event": row["event"],
        "evaluation_event_timestamp": row["timestamp"],
        "evaluation_event_storage_id": event_id,
    }
    return [{**common, "partition": key} for key in keys]


def check_row(event: EventLogEntry, row: EventRow) -> EventRow:
    """The row of `asset_check_executions` for a check's result, but for the id of its event."""
    judged = event.get_dagster_event().asset_check_evaluation_data
    about = judged.target_materialization_data
    return {
        "asset_key": judged.asset_key.to_string(),
        "check_name": judged.check_name,
        "run_id": event.run_id,
        "execution_status": "SUCCEEDED" if judged.passed else "FAILED",
        "evaluation_event": row["event"],
        "evaluation_event_timestamp": row["timestamp"],
        "materialization_event_storage_id": about.storage_id if about else None,
        "partition": judged.partition,
    }
