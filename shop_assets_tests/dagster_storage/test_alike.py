"""Materializations that are alike are serialised once, and stored as if each were by itself."""

from __future__ import annotations

from typing import Any

from dagster import AssetMaterialization, EventLogEntry, MetadataValue
from dagster._core.events import StepMaterializationData
from dagster._serdes import deserialize_value, serialize_value

from shop_assets.dagster_storage.alike import AlikeEvents
from shop_assets.dagster_storage.rows import EventRow, row_time
from shop_assets.dagster_storage.templates import ANY_PARTITION
from shop_assets_tests.dagster_storage.conftest import said

ROWS = "dagster/partition_row_count"


def materialized(partition: str | None, time: float = 1.5, **about: Any) -> EventLogEntry:
    data: Any = StepMaterializationData(
        AssetMaterialization("orders", partition=partition, **about), []
    )
    return said("", kind="ASSET_MATERIALIZATION", data=data)._replace(timestamp=time)


class Storage:
    """Makes rows as Dagster does, and counts them."""

    made = 0

    def to_row(self, event: EventLogEntry) -> EventRow:
        self.made += 1
        about = event.dagster_event
        return {
            "event": serialize_value(event),
            "asset_key": about.asset_key.to_string() if about and about.asset_key else None,
            "partition": about.partition if about else None,
            "timestamp": row_time(event.timestamp),
        }


def made_for(events: list[EventLogEntry]) -> int:
    """How many of the events are serialised; all rows are what they are of each by itself."""
    storage, alone = Storage(), Storage()
    alike = AlikeEvents(storage.to_row)
    rows = [alike.row(event) for event in events]
    assert rows == [alone.to_row(event) for event in events]
    assert [deserialize_value(row["event"], EventLogEntry) for row in rows] == events
    return storage.made


def test_of_many_partitions_with_as_many_rows_one_is_serialised() -> None:
    counts = [0, 7, 0, 0, 7]
    events = [
        materialized(f"2026-01-01-0{n}:00", 1767225600.125 + n / 3, metadata={ROWS: count})
        for n, count in enumerate(counts)
    ]
    assert made_for(events) == 2


def test_whatever_else_differs_is_serialised_by_itself() -> None:
    a = "2026-01-01-00:00"
    tags = [{"dagster/code_version": version} for version in "12"]
    events = [
        materialized(a),
        materialized(a, tags=tags[0]),
        materialized(a, tags=tags[1]),
        materialized(a, description="empty"),
        materialized(a)._replace(run_id="another"),
        materialized(a, metadata={ROWS: 1}),
        materialized(a, metadata={"rows": 1}),
        materialized(a, metadata={ROWS: 1, "rows": 1}),
    ]
    assert made_for(events) == len(events)
    assert made_for([event for event in events for _ in range(2)]) == len(events)


def test_numbers_that_are_equal_and_not_the_same_stay_apart() -> None:
    values: list[Any] = [1, True, 1.0, MetadataValue.text("1"), {"a": [1]}, None]
    events = [materialized("a", metadata={ROWS: value}) for value in values]
    assert made_for(events) == len(events)


def test_a_partition_s_name_may_stand_elsewhere_too() -> None:
    names = ["orders", "ASSET_MATERIALIZATION", '"', ANY_PARTITION, "€"]
    made_for([materialized(name, metadata={ROWS: 3}) for name in names])
    made_for([materialized(name, description=name) for name in names])
    made_for([materialized(name, metadata={name: 3, "b": name}) for name in names])
    made_for([materialized(name, tags={"a": name}) for name in names[:2]])


def test_what_stands_for_any_partition_or_time_may_be_said_of_one() -> None:
    for said_of in (ANY_PARTITION, f"at {-1.2345678987654321e-99!r}"):
        made_for([materialized("a", description=said_of), materialized("b", description=said_of)])


def test_what_is_no_partition_s_is_left_alone() -> None:
    assert made_for([materialized(None), materialized(None), said("hello"), said("hello")]) == 4
