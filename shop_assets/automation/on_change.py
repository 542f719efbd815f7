"""The sensor of analytics: what is made of marts and tables, when those have changed.

It asks for all that changed together by one run. A run is a process, which takes longer to start
than most steps of analytics take; and the queue takes their runs before those of late hours and
backfills, which so many of them, each minute that the open hour is loaded, would leave no room.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pandas as pd
from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from shop_assets.assets import analytics as of_marts
from shop_assets.assets import reconciliation
from shop_assets.assets.analytics import analytics_key
from shop_assets.automation import runs
from shop_assets.automation.jobs import ANALYTICS, PRIORITY
from shop_assets.resources import WarehouseResource
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.reconciliation import overdue

READS = {**of_marts.READS, **reconciliation.READS}
"""The marts, or tables of the warehouse, whose change fires each step of analytics."""

ATTEMPTS = 3
_ANSWERS = "shop/answers."
_NEVER = "0"


def build(job: Any, made: Mapping[str, Collection[str]]) -> SensorDefinition:
    """The sensor; `made`: the tables that each step of analytics makes."""

    @sensor(
        name="analytics_on_change",
        job=job,
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.RUNNING,
        description="Computes what has changed in what it is made of, and only then: "
        + "; ".join(
            f"{', '.join(f'analytics.{table}' for table in sorted(made[step]))} of "
            f"{', '.join(READS[step])}"
            for step in sorted(made)
        )
        + ". Reconciliation also when something has become overdue.",
    )
    def analytics_on_change(
        context: SensorEvaluationContext, warehouse: WarehouseResource
    ) -> Iterator[RunRequest | SkipReason]:
        known: dict[str, str] = json.loads(context.cursor or "{}")
        versions = _versions(warehouse.open(), made)
        asked = _Asked(context.instance)
        together: list[str] = []
        alone: list[str] = []
        reasons = []
        for step, version in versions.items():
            if version == known.get(step, _NEVER):
                reasons.append(f"{step}: no change since version {version}")
                continue
            tried = asked.before(step, version)
            if DagsterRunStatus.SUCCESS in tried:
                context.update_cursor(json.dumps(known := known | {step: version}))
                reasons.append(f"{step}: version {version} is computed")
            elif run := asked.under_way(step):
                # A run that read the marts earlier must not write later.
                reasons.append(f"{step} is being computed by run {run}")
            elif len(tried) >= ATTEMPTS:
                reasons.append(
                    f"{step}: version {version} has failed {ATTEMPTS} times; the next change "
                    "counts anew"
                )
            else:
                (alone if tried else together).append(step)
        # What has failed is tried by itself, so that it does not hold back the others.
        wanted = [*([together] if together else []), *([step] for step in alone)]
        for group in wanted:
            yield RunRequest(
                asset_selection=[analytics_key(t) for step in group for t in sorted(made[step])],
                tags={PRIORITY: ANALYTICS}
                | {f"{_ANSWERS}{step}": versions[step] for step in group},
            )
        if not wanted:
            yield SkipReason("; ".join(reasons) + ".")

    return analytics_on_change


class _Asked:
    """The runs of analytics that were asked for."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self._under_way = runs.under_way(instance, "analytics")

    def before(self, step: str, version: str) -> list[DagsterRunStatus]:
        """How the runs stand that were to compute a step of these versions."""
        tags = {f"{_ANSWERS}{step}": version}
        return [run.status for run in self._instance.get_runs(RunsFilter(tags=tags))]

    def under_way(self, step: str) -> str | None:
        """A run that computes a step now, or may: one by hand says nothing of what it is for."""
        for run in self._under_way:
            answers = {tag for tag in run.tags if tag.startswith(_ANSWERS)}
            if not answers or f"{_ANSWERS}{step}" in answers:
                return run.run_id
        return None


def _versions(warehouse: Warehouse, made: Mapping[str, Collection[str]]) -> dict[str, str]:
    """What tells one content of what each step reads from another, also of a restored backup."""
    frame = warehouse.read("SELECT mart, version, changed_at FROM meta.mart_versions ORDER BY mart")
    versions = {step: _version(frame[frame["mart"].isin(READS[step])]) for step in sorted(made)}
    for step in reconciliation.READS.keys() & made.keys():
        if due := overdue(warehouse, made[step]):
            versions[step] += f" {due.isoformat()}"
    return versions


def _version(marts: pd.DataFrame) -> str:
    changes = zip(marts["version"], marts["changed_at"], strict=True)
    return ",".join(f"{number}@{moment.isoformat()}" for number, moment in changes) or _NEVER
