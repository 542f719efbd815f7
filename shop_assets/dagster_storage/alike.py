"""Events that say the same of many partitions, of which one is written as text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from dagster import AssetMaterialization, EventLogEntry, IntMetadataValue
from dagster._core.events import StepMaterializationData

from shop_assets.dagster_storage.rows import ANY_PARTITION, EventRow, row_time

_ANY_TIME = -1.2345678987654321e-99
"""Stands for a time while an event is serialised once for thousands of them: none is so early."""
_PARTITION, _TIME = json.dumps(ANY_PARTITION), json.dumps(_ANY_TIME)
_CUT = re.compile(f"({re.escape(_PARTITION)}|{re.escape(_TIME)})")
_PARTS = 5
"""Into how many parts the two cut a text in which nothing else is written like them."""


class AlikeEvents:
    """The rows of events, each as `to_row` makes it.

    A materialization that differs from one before only in its partition and time takes its text
    from there: a range run has thousands, and most of what a row costs is to serialise its event.
    """

    def __init__(self, to_row: Callable[[EventLogEntry], EventRow]) -> None:
        self._to_row = to_row
        self._known: dict[Any, tuple[EventLogEntry, EventRow, list[str]]] = {}

    def row(self, event: EventLogEntry) -> EventRow:
        """The row of an event."""
        made = _materialization(event)
        if made is None:
            return self._to_row(event)
        kind = (made.asset_key, *((name, v.value) for name, v in made.metadata.items()))
        blank = _blank(event, made)
        known = self._known.get(kind)
        if known is None or known[0] != blank:
            row = self._to_row(blank)
            known = self._known[kind] = (blank, row, _CUT.split(row["event"]))
        _, row, parts = known
        if len(parts) != _PARTS:
            return self._to_row(event)
        own = {_PARTITION: json.dumps(made.partition), _TIME: json.dumps(event.timestamp)}
        return row | {
            "event": "".join(own.get(part, part) for part in parts),
            "timestamp": row_time(event.timestamp),
            "partition": made.partition,
        }


def _materialization(event: EventLogEntry) -> AssetMaterialization | None:
    """What a step made of a partition, if what is said of it is numbers alone, or nothing."""
    about = event.dagster_event.event_specific_data if event.dagster_event else None
    if not isinstance(about, StepMaterializationData):
        return None
    made = about.materialization
    numbers = all(
        type(value) is IntMetadataValue and type(value.value) is int
        for value in made.metadata.values()
    )
    return made if made.partition and numbers else None


def _blank(event: EventLogEntry, made: AssetMaterialization) -> EventLogEntry:
    """The event, of any partition and at any time."""
    dagster_event = event.get_dagster_event()
    about: Any = dagster_event.event_specific_data
    about = about._replace(materialization=made._replace(partition=ANY_PARTITION))
    return event._replace(
        timestamp=_ANY_TIME, dagster_event=dagster_event._replace(event_specific_data=about)
    )
