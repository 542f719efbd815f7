"""What the sensors need to know of runs: which are under way, and which have failed of late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable
from itertools import pairwise

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord, RunsFilter

from shop_assets import partitions
from shop_assets.automation.jobs import RANGE_END, RANGE_START

UNDER_WAY = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
BY_HAND = "__ASSET_JOB"
"""Dagster's own job, for assets that someone materializes."""
LOADING = ("hourly", "from_clean", BY_HAND)
"""The jobs that load hours."""
_PARTITION = "dagster/partition"
_NEAR = dt.timedelta(days=4)


def under_way(instance: DagsterInstance, *jobs: str) -> list[DagsterRun]:
    """The runs of some jobs that have not ended."""
    found = instance.get_runs(RunsFilter(statuses=UNDER_WAY))
    return [run for run in found if run.job_name in jobs]


def span_of(run: DagsterRun) -> tuple[str, str] | None:
    """The first and last partition key that a run covers."""
    if _PARTITION in run.tags:
        key = run.tags[_PARTITION]
        return key, key
    if RANGE_START in run.tags and RANGE_END in run.tags:
        return run.tags[RANGE_START], run.tags[RANGE_END]
    return None


def covered(runs: Iterable[DagsterRun], key: str) -> bool:
    """Whether any of the runs covers a partition; keys of hours, or of days, order as times do."""
    spans = [span for run in runs if (span := span_of(run)) is not None]
    return any(first <= key <= last for first, last in spans if len(first) == len(key))


def failed_lately(instance: DagsterInstance, job: str, within: dt.timedelta) -> list[DagsterRun]:
    """The runs of a job that failed within this time."""
    since = dt.datetime.now(dt.UTC) - within
    return list(
        instance.get_runs(
            RunsFilter(job_name=job, statuses=[DagsterRunStatus.FAILURE], updated_after=since)
        )
    )


def resting(
    instance: DagsterInstance, job: str, pause: dt.timedelta, longest: dt.timedelta
) -> list[DagsterRun]:
    """The failed runs of a job whose span is not to be tried again yet.

    The first failure is followed by `pause`; each further one of the same span within `longest`
    doubles it, up to a quarter of `longest`. So what fails for good is not tried for ever at full
    speed, and what has been mended is found without a hand.
    """
    now = dt.datetime.now(dt.UTC)
    by_span: dict[tuple[str, str] | None, list[RunRecord]] = {}
    for record in instance.get_run_records(
        RunsFilter(job_name=job, statuses=[DagsterRunStatus.FAILURE], updated_after=now - longest)
    ):
        by_span.setdefault(span_of(record.dagster_run), []).append(record)
    return [
        record.dagster_run
        for failed in by_span.values()
        if now < rests_until(failed, pause, longest)
        for record in failed
    ]


def rests_until(
    failed: Collection[RunRecord], pause: dt.timedelta, longest: dt.timedelta, *, since: int = 1
) -> dt.datetime:
    """Until when what these runs were to do is not to be tried again.

    The failure number `since`, which there must have been, is the first that a pause follows.
    """
    last = max(_utc(record.update_timestamp) for record in failed)
    return last + pause * min(1 << (len(failed) - since), longest / 4 / pause)


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


def requested(
    moments: Collection[dt.datetime],
    key_of: Callable[[dt.datetime], str],
    step: dt.timedelta,
    longest: int,
    failed: Iterable[DagsterRun],
) -> list[tuple[dt.datetime, dt.datetime]]:
    """The spans (first, last) to ask for, in order: neighbours together, unless that has failed.

    Of a range that failed each partition is asked for by itself, so that one that cannot be
    computed does not hold back the others.
    """
    ranges = [run for run in failed if len(set(span_of(run) or ())) > 1]
    alone = {moment for moment in moments if covered(ranges, key_of(moment))}
    together = contiguous((m for m in moments if m not in alone), step, longest)
    return sorted([*together, *((moment, moment) for moment in alone)])


def contiguous(
    moments: Iterable[dt.datetime], step: dt.timedelta, longest: int
) -> list[tuple[dt.datetime, dt.datetime]]:
    """Moments joined to runs of neighbours (first, last), each of at most `longest` of them."""
    spans: list[tuple[dt.datetime, dt.datetime]] = []
    for moment in sorted(moments):
        if spans:
            first, last = spans[-1]
            if moment == last + step and (moment - first) / step < longest:
                spans[-1] = (first, moment)
                continue
        spans.append((moment, moment))
    return spans


def joined(moments: Iterable[dt.datetime], step: dt.timedelta) -> set[dt.datetime]:
    """The moments, and all between those that are near each other.

    To compute a slice that nobody asked for changes nothing, and a run of its own costs a second.
    A shop whose orders have days and no hours asks for one hour of each.
    """
    given = sorted(set(moments))
    found = set(given)
    for moment, following in pairwise(given):
        if following - moment <= _NEAR:
            found.update(moment + n * step for n in range(1, (following - moment) // step))
    return found


def hour_range_tags(first: dt.datetime, last: dt.datetime) -> dict[str, str]:
    """The tags of a run over the hours `first` to `last`, both included."""
    return {RANGE_START: partitions.hour_key(first), RANGE_END: partitions.hour_key(last)}


def day_range_tags(first: dt.date, last: dt.date) -> dict[str, str]:
    """The tags of a run over the days `first` to `last`, both included."""
    return {RANGE_START: partitions.day_key(first), RANGE_END: partitions.day_key(last)}
