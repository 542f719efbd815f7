"""The partitions that a step works on: one hour or day, or a whole range of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from dagster import AssetCheckExecutionContext, AssetExecutionContext, AssetKey, TableColumnLineage

from shop_assets import partitions
from shop_assets.dagster_storage import add_partition_metadata


@dataclass(frozen=True)
class Span:
    """The contiguous partitions of a step: their window in time, their keys, and their grain."""

    start: dt.datetime
    end: dt.datetime
    keys: tuple[str, ...]

    @classmethod
    def of(cls, context: AssetExecutionContext | AssetCheckExecutionContext) -> Span:
        """The span of a step over hours."""
        window = context.partition_time_window
        return cls(
            window.start.astimezone(dt.UTC),
            window.end.astimezone(dt.UTC),
            tuple(context.partition_keys),
        )

    @classmethod
    def of_days(cls, context: AssetExecutionContext, calendar: partitions.Calendar) -> Span:
        """The span of a step over the shop's days."""
        keys = tuple(context.partition_keys)
        first, last = (partitions.parse_day_key(key) for key in (keys[0], keys[-1]))
        return cls(*calendar.day_window(first, last), keys)

    @property
    def is_range(self) -> bool:
        """Whether there is more than one partition."""
        return len(self.keys) > 1


def describe_partitions(
    context: AssetExecutionContext,
    span: Span,
    asset: AssetKey,
    rows: Mapping[str, int] | None,
    lineage: TableColumnLineage | None,
) -> dict[str, Any]:
    """Row counts for each partition (`rows`, where known), and the materialization's metadata.

    In a range run the metadata of an output would be copied to every partition, so there the
    counts go to each partition by itself, and the lineage to the last one only.
    """
    if not span.is_range:
        metadata: dict[str, Any] = {}
        if rows is not None:
            metadata["dagster/partition_row_count"] = rows.get(span.keys[0], 0)
        if lineage is not None:
            metadata["dagster/column_lineage"] = lineage
        return metadata
    described: dict[str, dict[str, Any]] = {}
    if rows is not None:
        described = {key: {"dagster/partition_row_count": rows.get(key, 0)} for key in span.keys}
    if lineage is not None:
        described.setdefault(span.keys[-1], {})["dagster/column_lineage"] = lineage
    add_partition_metadata(context, asset, described)
    return {}


def rows_by_hour(hours: pd.Series) -> dict[str, int]:
    """How many rows there are for each hour's partition key."""
    counts = hours.value_counts()
    return {
        partitions.hour_key(pd.Timestamp(str(hour)).to_pydatetime()): int(n)
        for hour, n in counts.items()
    }


def rows_by_day(days: pd.Series) -> dict[str, int]:
    """How many rows there are for each day's partition key."""
    return {str(day): int(n) for day, n in days.value_counts().items()}
