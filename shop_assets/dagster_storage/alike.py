"""Materializations that say the same of many partitions, of which one is serialised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dagster import AssetMaterialization, EventLogEntry, IntMetadataValue
from dagster._core.events import StepMaterializationData

from shop_assets.dagster_storage.rows import EventRow, row_time
from shop_assets.dagster_storage.templates import ANY_PARTITION, ANY_TIME, Template


class AlikeEvents:
    """The rows of events, each as `to_row` makes it.

    A materialization that differs from one before only in its partition and time takes its text
    from there: a range run has thousands, and most of what a row costs is to serialise its event.
    """

    def __init__(self, to_row: Callable[[EventLogEntry], EventRow]) -> None:
        self._to_row = to_row
        self._known: dict[Any, tuple[EventLogEntry, EventRow, Template]] = {}

    def row(self, event: EventLogEntry) -> EventRow:
        """The row of an event."""
        made = _materialization(event)
        if made is None or made.partition is None:
            return self._to_row(event)
        kind = (made.asset_key, *((name, v.value) for name, v in made.metadata.items()))
        blank = _blank(event, made)
        known = self._known.get(kind)
        if known is None or known[0] != blank:
            row = self._to_row(blank)
            known = self._known[kind] = (blank, row, Template(row["event"]))
        _, row, template = known
        if not template.is_sure:
            return self._to_row(event)
        return row | {
            "event": template.text(made.partition, event.timestamp),
            "timestamp": row_time(event.timestamp),
            "partition": made.partition,
        }


def _materialization(event: EventLogEntry) -> AssetMaterialization | None:
    """What a step made, if what is said of it is numbers alone, or nothing."""
    about = event.dagster_event.event_specific_data if event.dagster_event else None
    if not isinstance(about, StepMaterializationData):
        return None
    made = about.materialization
    numbers = all(
        type(value) is IntMetadataValue and type(value.value) is int
        for value in made.metadata.values()
    )
    return made if numbers else None


def _blank(event: EventLogEntry, made: AssetMaterialization) -> EventLogEntry:
    """The event, of any partition and at any time."""
    dagster_event = event.get_dagster_event()
    about: Any = dagster_event.event_specific_data
    about = about._replace(materialization=made._replace(partition=ANY_PARTITION))
    return event._replace(
        timestamp=ANY_TIME, dagster_event=dagster_event._replace(event_specific_data=about)
    )
