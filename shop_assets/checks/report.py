"""Giving check results to Dagster: one for the step, and one for each of its partitions.

Dagster stores the result that a step gives once, without a partition, and leaves a range's own as
planned for ever. So each partition's result is reported beside it.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetExecutionContext,
    AssetKey,
    DagsterInstance,
    DagsterRun,
)

from shop_assets.checks.outcome import Outcome
from shop_assets.dagster_storage import report_check_evaluations
from shop_assets.partition_span import Span

_SHOWN = 10
SECONDS = "seconds"
"""In the metadata of a step's result: what it took to judge."""


def report(
    context: AssetExecutionContext | AssetCheckExecutionContext,
    asset: AssetKey,
    span: Span,
    *outcomes: Outcome,
) -> list[AssetCheckResult]:
    """The results to give back from the asset; those of its partitions are stored at once."""
    store_partitions(context.instance, context.run, asset, span.keys, outcomes)
    return [
        AssetCheckResult(
            check_name=outcome.check,
            asset_key=asset,
            passed=outcome.passed,
            severity=outcome.severity,
            metadata=_shown(outcome, span),
        )
        for outcome in outcomes
    ]


def report_whole(asset: AssetKey, *outcomes: Outcome) -> list[AssetCheckResult]:
    """The results for an asset without partitions."""
    return [
        AssetCheckResult(
            check_name=outcome.check,
            asset_key=asset,
            passed=outcome.passed,
            severity=outcome.severity,
            metadata=_found(outcome),
        )
        for outcome in outcomes
    ]


def store_partitions(
    instance: DagsterInstance,
    run: DagsterRun,
    asset: AssetKey,
    keys: tuple[str, ...],
    outcomes: tuple[Outcome, ...],
) -> None:
    """Store a result for each partition and check."""
    report_check_evaluations(
        instance,
        run,
        [
            AssetCheckEvaluation(
                asset_key=asset,
                check_name=outcome.check,
                passed=not outcome.whole_failed and key not in outcome.failed,
                severity=outcome.severity,
                metadata=dict(outcome.failed.get(key, {})),
                partition=key,
            )
            for outcome in outcomes
            for key in keys
        ],
    )


def _found(outcome: Outcome) -> dict[str, Any]:
    return {**outcome.metadata, SECONDS: round(outcome.seconds, 6)}


def _shown(outcome: Outcome, span: Span) -> dict[str, Any]:
    shown = _found(outcome)
    if outcome.failed:
        if span.is_range:
            shown["failed_partitions"] = len(outcome.failed)
            shown["first_failed"] = ", ".join(islice(outcome.failed, _SHOWN))
        else:
            shown |= outcome.failed.get(span.keys[0], {})
    return shown
