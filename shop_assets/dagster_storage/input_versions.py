"""Which versions of its inputs a step is about, without asking for what nobody needs."""

from __future__ import annotations

from dagster import AssetKey
from dagster._core.execution.context.data_version_cache import (
    DataVersionCache,
    InputAssetVersionInfo,
)
from dagster._core.execution.context.system import StepExecutionContext


class InputVersions(DataVersionCache):
    """Dagster's look for the versions of a step's inputs, less that for the step's own assets.

    Of these Dagster wants the materialization that was there before the step, to say that the
    step's check results are about it. They are about the one that follows them, which is told by
    their run (and for single partitions by the event log, as it is written); and to look for the
    other one would have all events that wait written at once, by each step.
    """

    def __init__(self, context: StepExecutionContext) -> None:
        super().__init__(context)
        own = context.get_output_asset_keys()
        layer = context.job_def.asset_layer
        inputs = {key for made in own if layer.has(made) for key in layer.get(made).parent_keys}
        self._only_made = own - inputs

    def maybe_fetch_and_get_input_asset_version_info(
        self, key: AssetKey
    ) -> InputAssetVersionInfo | None:
        """The version of an asset that the step reads; None of one that it only makes."""
        if key in self._only_made:
            return None
        return super().maybe_fetch_and_get_input_asset_version_info(key)


def look_only_for_inputs(context: StepExecutionContext) -> StepExecutionContext:
    """The step's context, with that look for versions."""
    context._data_version_cache = InputVersions(context)  # noqa: SLF001 - there is no other way in
    return context
