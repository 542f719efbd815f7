"""The sensor of analytics: what is made of marts and tables, when those have changed.

It asks for all that changed together by one run. A run is a process, which takes longer to start
than most steps of analytics take; and the queue takes their runs before those of late hours and
backfills, which so many of them, each minute that the open hour is loaded, would leave no room. In
return a table is made anew only after the slowest of its run. What fails is asked for by itself.
"""

import datetime as dt
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRecord,
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
from shop_assets.partitions import Calendar
from shop_assets.resources import WarehouseResource
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.reconciliation import Comparison, pending

READS = {
    **{step: (*marts, *of_marts.READS_TOO.get(step, ())) for step, marts in of_marts.READS.items()},
    **reconciliation.READS,
}
"""The marts, or tables of the warehouse, whose change fires each step of analytics."""

ATTEMPTS = 3
"""So often what fails is asked for at once; after that ever more seldom, until it changes."""
_PAUSE = dt.timedelta(minutes=10)
_DAY = dt.timedelta(days=1)
_ANSWERS = "shop/answers."
_PENDING = "shop/pending."
_NEVER = "0"
# This sensor is what tries again. Dagster's retry would have these tags, too, and so use up the
# attempts of all steps of a run that one of them ended.
_NOT_BY_DAGSTER = {"dagster/max_retries": "0"}
_RESUMED = "dagster/is_resume_retry"
_RECENT = 50
"""So many runs are looked through for the newest of each step."""


@dataclass(frozen=True)
class Content:
    """What a step is made of. `pending`: what is to be compared though the `version` is known."""

    version: str
    pending: str | None = None

    def __str__(self) -> str:
        """What the cursor keeps of it."""
        return " ".join(filter(None, (self.version, self.pending)))

    def tags(self, step: str) -> dict[str, str]:
        """Those of a run that answers it.

        It answers the version also by itself, which stays when nothing is pending any more.
        """
        tags = {f"{_ANSWERS}{step}": self.version}
        return tags if self.pending is None else tags | {f"{_PENDING}{step}": self.pending}


def build(
    job: Any,
    calendar: Calendar,
    made: Mapping[str, Collection[str]],
    compared: Mapping[str, Comparison],
) -> SensorDefinition:
    """The sensor.

    `made`: the tables that each step of analytics makes. `compared`: how the tables of
    differences among them are kept.
    """
    keys = {step: {analytics_key(table) for table in tables} for step, tables in made.items()}

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
        + ". Reconciliation also when something has become overdue, or it is configured otherwise.",
    )
    def analytics_on_change(
        context: SensorEvaluationContext, warehouse: WarehouseResource
    ) -> Iterator[RunRequest | SkipReason]:
        known = _known(context.cursor)
        contents = contents_of(warehouse.open(), calendar, made, compared)
        asked = _Asked(context.instance)
        together: list[str] = []
        alone: list[str] = []
        reasons = []
        for step, content in contents.items():
            if str(content) == known.get(step, _NEVER):
                reasons.append(f"{step}: no change since version {content}")
                continue
            tried = asked.before(step, content)
            if any(_has_made(record.dagster_run, step) for record in tried):
                context.update_cursor(json.dumps(known := known | {step: str(content)}))
                reasons.append(f"{step}: version {content} is computed")
            elif run := asked.under_way(keys[step]):
                # A run that read the marts earlier must not write later.
                reasons.append(f"{step} is being computed by run {run}")
            elif (rests := _rests_until(tried)) is not None:
                reasons.append(
                    f"{step}: version {content} has failed {len(tried)} times, and is tried again "
                    f"after {rests.isoformat(timespec='minutes')}; the next change counts anew"
                )
            else:
                (alone if asked.failed_last(step) else together).append(step)
        # So it does not hold back the others, nor end their run.
        wanted = [*([together] if together else []), *([step] for step in alone)]
        for group in wanted:
            yield RunRequest(
                asset_selection=sorted(key for step in group for key in keys[step]),
                tags={PRIORITY: ANALYTICS, **_NOT_BY_DAGSTER}
                | {tag: of for step in group for tag, of in contents[step].tags(step).items()},
            )
        if not wanted:
            yield SkipReason("; ".join(reasons) + ".")

    return analytics_on_change


class _Asked:
    """The runs of analytics that were asked for."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self._under_way = runs.under_way(instance, "analytics", runs.BY_HAND)
        self._recent = instance.get_runs(RunsFilter(job_name="analytics"), limit=_RECENT)

    def before(self, step: str, content: Content) -> list[RunRecord]:
        """The runs that were to compute a step of this content."""
        return list(self._instance.get_run_records(RunsFilter(tags=content.tags(step))))

    def failed_last(self, step: str) -> bool:
        """Whether the newest run that was to compute a step, of whatever version, has failed."""
        of_step = (run for run in self._recent if f"{_ANSWERS}{step}" in run.tags)
        newest = next(of_step, None)
        return newest is not None and newest.status == DagsterRunStatus.FAILURE

    def under_way(self, keys: set[AssetKey]) -> str | None:
        """A run that computes some assets now, whoever asked for it."""
        for run in self._under_way:
            if run.asset_selection is None or run.asset_selection & keys:
                return run.run_id
        return None


def _rests_until(tried: list[RunRecord]) -> dt.datetime | None:
    """Until when what was tried in vain rests; None where it does not."""
    if len(tried) < ATTEMPTS:
        return None
    until = runs.rests_until(tried, _PAUSE, _DAY, since=ATTEMPTS)
    return until if dt.datetime.now(dt.UTC) < until else None


def _has_made(run: DagsterRun, step: str) -> bool:
    """Whether a run has succeeded, and a step is of those that it, or what it resumes, executed.

    Who runs one step of a failed run again has the tags of all its steps.
    """
    if run.status != DagsterRunStatus.SUCCESS:
        return False
    executed = run.step_keys_to_execute
    name = analytics_key(step).to_python_identifier()
    return executed is None or name in executed or _RESUMED in run.tags


def _known(cursor: str | None) -> dict[str, str]:
    """The version of each step that is computed. A cursor that is none costs nothing but a look."""
    try:
        found = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def contents_of(
    warehouse: Warehouse,
    calendar: Calendar,
    made: Mapping[str, Collection[str]],
    compared: Mapping[str, Comparison],
) -> dict[str, Content]:
    """What each step is made of now; another one, too, where a backup was restored."""
    frame = warehouse.read("SELECT mart, version, changed_at FROM meta.mart_versions ORDER BY mart")
    versions = {step: _version(frame[frame["mart"].isin(READS[step])]) for step in sorted(made)}
    for step in of_marts.READS.keys() & made.keys():
        if versions[step] != _NEVER:
            versions[step] += f" {of_marts.moment_of(warehouse, calendar, step)}"
    return {
        step: Content(version, pending(warehouse, compared[step]) if step in compared else None)
        for step, version in versions.items()
    }


def _version(marts: pd.DataFrame) -> str:
    changes = zip(marts["version"], marts["changed_at"], strict=True)
    return ",".join(f"{number}@{moment.isoformat()}" for number, moment in changes) or _NEVER
