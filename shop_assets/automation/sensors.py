"""The sensors: missing hours, stale marts, and analytics whose marts have changed.

None keeps its own truth: what is missing, stale or changed is read from the warehouse, where it
was written together with the data. So nothing is lost when the daemon restarts, and a request
whose run failed is made again.
"""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from dagster import (
    DagsterInstance,
    DagsterRun,
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from shop_assets import partitions
from shop_assets.assets.marts import BY_ORDER, ONLY_STALE, mart_key
from shop_assets.automation import on_change, runs
from shop_assets.automation.jobs import CATCH_UP, PRIORITY
from shop_assets.partitions import HOUR, Calendar
from shop_assets.resources import WarehouseResource
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.marts import stale_by_mart
from shop_assets.warehouse.progress import first_loaded, missing_hours
from shop_assets.warehouse.reconciliation import Comparison

HOURS_A_RUN = 24
HOURS_OF_ORDERS_A_RUN = 31 * 24
DAYS_A_RUN = 31
_PAUSE = dt.timedelta(minutes=10)
_LEFT_TO_SCHEDULE = dt.timedelta(minutes=10)
_DAY = dt.timedelta(days=1)


def build(
    jobs: dict[str, Any],
    tables: Collection[str],
    calendar: Calendar,
    analytics: Mapping[str, Collection[str]],
    compared: Mapping[str, Comparison],
) -> list[SensorDefinition]:
    """All sensors of a shop.

    `tables`: the assets that an hour's run writes to the warehouse. `analytics`: the tables that
    each step of analytics makes. `compared`: how those of them are kept that are tables of
    differences.
    """
    return [
        _missing_hours(jobs["hourly"], tables, calendar),
        _stale_marts(jobs["hourly_marts"], jobs["daily_marts"], calendar),
        *([on_change.build(jobs["analytics"], calendar, analytics, compared)] if analytics else []),
    ]


def _missing_hours(job: Any, tables: Collection[str], calendar: Calendar) -> SensorDefinition:
    @sensor(
        name="missing_hours",
        job=job,
        minimum_interval_seconds=120,
        default_status=DefaultSensorStatus.RUNNING,
        description=(
            "Requests every hour between the first one loaded and now that no run has loaded: "
            "after the daemon was down, or a run failed for good."
        ),
    )
    def look_for_missing_hours(
        context: SensorEvaluationContext, warehouse: WarehouseResource
    ) -> Iterator[RunRequest | SkipReason]:
        now = dt.datetime.now(dt.UTC)
        missing = find_missing_hours(warehouse.open(), tables, calendar, now)
        busy = runs.under_way(context.instance, *runs.LOADING)
        busy += runs.resting(context.instance, "hourly", _PAUSE, _DAY)
        failed = runs.failed_lately(context.instance, "hourly", _DAY)
        open_hours = [h for h in missing if not runs.covered(busy, partitions.hour_key(h))]
        if not open_hours:
            yield SkipReason("No hour is missing that no run is loading.")
        for first, last in runs.requested(
            open_hours, partitions.hour_key, HOUR, HOURS_A_RUN, failed
        ):
            yield RunRequest(
                tags={PRIORITY: CATCH_UP, **runs.hour_range_tags(first, last)},
            )

    return look_for_missing_hours


def find_missing_hours(
    warehouse: Warehouse, tables: Collection[str], calendar: Calendar, now: dt.datetime
) -> list[dt.datetime]:
    """Hours that ended before `now`, after the first that was loaded, and were not loaded whole.

    `tables`: the assets that an hour's run writes to the warehouse. The newest hour is left to the
    schedule for a few minutes.
    """
    first = first_loaded(warehouse, tables)
    _, after = calendar.hours_until(now - _LEFT_TO_SCHEDULE)
    if first is None or first >= after:
        return []
    return missing_hours(warehouse, tables, first, after)


def _stale_marts(hourly_job: Any, daily_job: Any, calendar: Calendar) -> SensorDefinition:
    @sensor(
        name="stale_marts",
        jobs=[hourly_job, daily_job],
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.RUNNING,
        description=(
            "Requests the mart hours and days whose warehouse rows have changed, newest first: a "
            "late refund, an edited order, an event delivered late."
        ),
    )
    def stale_marts(
        context: SensorEvaluationContext, warehouse: WarehouseResource
    ) -> Iterator[RunRequest | SkipReason]:
        # What a shop does not have it cannot compute, and would be asked for for ever.
        hourly, daily = _marts_of(hourly_job), _marts_of(daily_job)
        frame = stale_by_mart(warehouse.open(), hourly | daily)
        requested = False
        for marts, is_daily in (
            (hourly - BY_ORDER, False),
            (hourly & BY_ORDER, False),
            (daily, True),
        ):
            asked = frame["slice"][frame["mart"].isin(list(marts))].unique()
            slices = {s.to_pydatetime() for s in asked}
            for request in _mart_requests(
                context.instance, marts, slices, calendar, is_daily=is_daily
            ):
                requested = True
                yield request
        if not requested:
            yield SkipReason("No mart is stale that no run is computing.")

    return stale_marts


def _marts_of(job: Any) -> set[str]:
    return {key.path[-1] for key in job.selection.selected_keys}


def _mart_requests(
    instance: DagsterInstance,
    marts: Collection[str],
    slices: set[dt.datetime],
    calendar: Calendar,
    *,
    is_daily: bool,
) -> Iterator[RunRequest]:
    """The runs of some marts of the same grain that compute their stale slices."""
    if not slices:
        return
    job = "daily_marts" if is_daily else "hourly_marts"
    # A run that loads hours computes their marts too.
    busy = runs.under_way(instance, job, *runs.LOADING)
    busy += runs.resting(instance, job, _PAUSE, _DAY)
    failed = runs.failed_lately(instance, job, _DAY)
    keys = {mart_key(name) for name in marts}
    busy, failed = (
        [run for run in some if run.asset_selection is None or run.asset_selection & keys]
        for some in (busy, failed)
    )
    step, longest = (_DAY, DAYS_A_RUN) if is_daily else (HOUR, HOURS_A_RUN)
    now = dt.datetime.now(dt.UTC)
    earliest, after = calendar.day_slices_until(now) if is_daily else calendar.hours_until(now)
    key_of = (lambda s: partitions.day_key(s.date())) if is_daily else partitions.hour_key
    wanted = {s for s in slices if earliest <= s < after and not runs.covered(busy, key_of(s))}
    if BY_ORDER.issuperset(marts):
        spans = _spans_of_orders(wanted, busy, failed)
    else:
        spans = runs.requested(wanted, key_of, step, longest, failed)
    for first, last in reversed(spans):
        tags = (
            runs.day_range_tags(first.date(), last.date())
            if is_daily
            else runs.hour_range_tags(first, last)
        )
        yield RunRequest(
            job_name=job,
            asset_selection=sorted(keys),
            tags={PRIORITY: CATCH_UP, ONLY_STALE: "true", **tags},
        )


def _spans_of_orders(
    hours: set[dt.datetime], busy: list[DagsterRun], failed: list[DagsterRun]
) -> list[tuple[dt.datetime, dt.datetime]]:
    """The spans to ask for where only what is asked for in them is computed.

    Orders of today's refunds stand anywhere in the last weeks: few runs compute them. Where one has
    failed, it is a day at a time, so that what cannot be computed holds back little, and a failure
    does not become hundreds of runs. Each span begins and ends with an hour that is asked for.
    """
    again = any(runs.covered(failed, partitions.hour_key(hour)) for hour in hours)
    between = {
        hour
        for hour in runs.joined(hours, HOUR)
        if hour in hours or not runs.covered(busy, partitions.hour_key(hour))
    }
    longest = HOURS_A_RUN if again else HOURS_OF_ORDERS_A_RUN
    found = []
    for first, last in runs.contiguous(between, HOUR, longest):
        asked = [hour for hour in hours if first <= hour <= last]
        if asked:
            found.append((min(asked), max(asked)))
    return found
