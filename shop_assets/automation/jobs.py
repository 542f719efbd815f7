"""The jobs: an hour from source to mart, the marts alone, and the analytics.

The queue takes runs by their tag `dagster/priority`: the live hour first, then analytics, then late
hours and what has no tag, as the UI's backfills. A command's own have the lowest, and do not queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagster import AssetKey, AssetSelection, define_asset_job

PRIORITY = "dagster/priority"
LIVE = "10"
ANALYTICS = "5"
CATCH_UP = "0"
BACKFILL = "-10"

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


SWEEP = "sweep"
MAINTENANCE = "maintenance"


def build(
    hourly_marts: list[AssetKey], daily_marts: list[AssetKey], sweeps: Sequence[AssetKey] = ()
) -> dict[str, Any]:
    """Each job by name; `sweep` only where there is one."""
    marts_of_hours = AssetSelection.assets(*hourly_marts)
    loaded: AssetSelection = AssetSelection.groups("raw", "clean", "warehouse")
    swept: dict[str, Any] = {}
    if sweeps:
        loaded = loaded - AssetSelection.assets(*sweeps)
        swept[SWEEP] = define_asset_job(
            SWEEP,
            AssetSelection.assets(*sweeps),
            description="Which rows have vanished from their sources without saying so.",
        )
    return {
        **swept,
        MAINTENANCE: define_asset_job(
            MAINTENANCE,
            AssetSelection.groups(MAINTENANCE),
            description="Small files merged, old ones and old events let go of.",
        ),
        "hourly": define_asset_job(
            "hourly",
            loaded | marts_of_hours,
            description="One hour (or a range of hours) from the sources to the hourly marts.",
        ),
        "from_clean": define_asset_job(
            "from_clean",
            AssetSelection.groups("clean", "warehouse") | marts_of_hours,
            description=(
                "Hours from their raw rows to the hourly marts, without asking a source: after a "
                "rule or a mapping has changed."
            ),
        ),
        "from_warehouse": define_asset_job(
            "from_warehouse",
            AssetSelection.groups("warehouse") | marts_of_hours,
            description="Hours from their clean rows to the hourly marts.",
        ),
        "hourly_marts": define_asset_job(
            "hourly_marts",
            marts_of_hours,
            description="The hourly marts again, for hours that late rows have touched.",
        ),
        "daily_marts": define_asset_job(
            "daily_marts",
            AssetSelection.assets(*daily_marts),
            description="The daily marts of the days whose rows have changed.",
        ),
        "analytics": define_asset_job(
            "analytics",
            AssetSelection.groups("analytics", "reconciliation"),
            description="Lists and figures made of the marts, and what payments do not agree with.",
        ),
    }
