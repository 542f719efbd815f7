"""Saying of many partitions at once what each of them holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import AssetExecutionContext, AssetKey
from dagster._core.execution.context.metadata_logging import (
    AssetMetadataHandle,
    OutputMetadataAccumulator,
)


def add_partition_metadata(
    context: AssetExecutionContext, asset: AssetKey, described: Mapping[str, Mapping[str, Any]]
) -> None:
    """Do what `context.add_asset_metadata` does, for many partition keys of the step's range.

    That lists the range's keys and copies all that was added before, for each of them: of a month
    of hours, half a million.
    """
    step = context.get_step_execution_context()
    found = dict(step._metadata_accumulator.per_output_metadata)  # noqa: SLF001 - see above
    for key, metadata in described.items():
        handle = AssetMetadataHandle(asset_key=asset, partition_key=key)
        found[handle] = {**found.get(handle, {}), **metadata}
    step._metadata_accumulator = OutputMetadataAccumulator(per_output_metadata=found)  # noqa: SLF001
