"""The schedules: each hour's load, the daily sweep, and the nightly maintenance."""

from typing import Any

from dagster import (
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)

from shop_assets import partitions
from shop_assets.automation.jobs import CATCH_UP, LIVE, PRIORITY
from shop_assets.partitions import Calendar

MINUTE = 2
"""Minutes past the hour at which the hour before is loaded, so that its last rows are there."""


SWEEP_AT = "40 3 * * *"
"""When rows that vanished are looked for: at night, on the shop's clock, between two loads."""
MAINTENANCE_AT = "25 4 * * *"
"""When lake, warehouse and event log are put in order: at night, between two loads."""


def sweep(job: Any, calendar: Calendar) -> ScheduleDefinition:
    """Look once a day which rows have vanished from the sources that say that theirs may."""
    what = "Looks which rows have vanished from their sources without saying so."
    return _nightly("every_day", job, SWEEP_AT, calendar, what)


def maintenance(job: Any, calendar: Calendar) -> ScheduleDefinition:
    """Put in order once a day what grows."""
    what = "Merges small files, and lets go of old files and events."
    return _nightly("every_night", job, MAINTENANCE_AT, calendar, what)


def _nightly(
    name: str, job: Any, cron: str, calendar: Calendar, description: str
) -> ScheduleDefinition:
    return ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone=str(calendar.zone),
        default_status=DefaultScheduleStatus.RUNNING,
        description=description,
        tags={PRIORITY: CATCH_UP},
    )


def hourly(job: Any, calendar: Calendar) -> ScheduleDefinition:
    """Load each hour when it is over. Ticks missed while the daemon was down are made up."""

    @schedule(
        name="every_hour",
        job=job,
        cron_schedule=f"{MINUTE} * * * *",
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.RUNNING,
        description="Loads the hour that has just ended, from every source to the hourly marts.",
    )
    def every_hour(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        now = context.scheduled_execution_time
        ended = partitions.floor_hour(now) - partitions.HOUR
        first, after = calendar.hours_until(now)
        if not first <= ended < after:
            return SkipReason(f"{ended:%Y-%m-%d %H:%M} is no hour of this shop's.")
        key = partitions.hour_key(ended)
        return RunRequest(run_key=key, partition_key=key, tags={PRIORITY: LIVE})

    return every_hour
