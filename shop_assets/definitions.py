"""The code location: one call, `build_definitions`, from settings to Dagster's definitions.

Dagster loads `defs`, for the shop that `SHOP_CONFIG` names. Tests and commands call
`build_definitions` themselves, with their own settings and resources.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dagster import Definitions, definitions

from shop_assets.assets.analytics import analytics_assets
from shop_assets.assets.clean import clean_assets
from shop_assets.assets.deletions import deletions_assets
from shop_assets.assets.maintenance import maintenance_assets
from shop_assets.assets.marts import mart_assets, mart_key, present_marts
from shop_assets.assets.raw import raw_assets
from shop_assets.assets.reconciliation import configured, reconciliation_assets
from shop_assets.assets.warehouse import warehouse_assets, warehouse_checks
from shop_assets.automation import jobs, schedules, sensors
from shop_assets.dagster_storage.threads import threads
from shop_assets.errors import UserError
from shop_assets.io_managers.delta import CleanLakeIOManager, RawLakeIOManager
from shop_assets.io_managers.postgres import PostgresIOManager
from shop_assets.partitions import Calendar
from shop_assets.resources import (
    CacheResource,
    LakeResource,
    SourcesResource,
    WarehouseResource,
)
from shop_assets.settings import ShopSettings, load_settings


def build_definitions(
    settings: ShopSettings,
    resources: Mapping[str, Any] | None = None,
    *,
    hours_a_run: int | None = None,
    now: Callable[[], dt.datetime] | None = None,
) -> Definitions:
    """Fresh definitions for a shop.

    `resources` replace those of the same name; `hours_a_run`: how many hours (or days) one run of
    a backfill in the UI takes; all, if not given. `now`: a clock, for loading the hour
    that is not over by it, again and again, from where the sources were last read.
    """
    shop = settings.shop
    calendar = Calendar(shop.start, shop.zone, shop.end, hours_a_run, now)
    raw = raw_assets(settings, calendar)
    sweeps = deletions_assets(settings)
    clean = clean_assets(settings, calendar)
    warehouse = warehouse_assets(settings, calendar)
    tables = {asset.key.path[-1] for asset in warehouse}
    marts = mart_assets(settings, calendar, tables, [asset.key for asset in clean])
    declared = present_marts(tables)
    names = {mart.name for mart in declared}
    daily = {mart.name for mart in declared if mart.daily}
    analytics = analytics_assets(settings, calendar, names, tables)
    made = {asset.key.path[-1]: [asset.key.path[-1]] for asset in analytics}
    compared = configured(settings, tables)
    made |= {name: list(comparison.tables) for name, comparison in compared.items()}
    analytics += reconciliation_assets(settings, tables)
    upkeep = maintenance_assets(settings, [name for c in compared.values() for name in c.tables])
    built = jobs.build(
        [mart_key(name) for name in sorted(names - daily)],
        [mart_key(name) for name in sorted(daily)],
        [asset.key for asset in sweeps],
    )
    regular = [schedules.hourly(built["hourly"], calendar)]
    regular.append(schedules.maintenance(built[jobs.MAINTENANCE], calendar))
    regular += [schedules.sweep(built[jobs.SWEEP], calendar)] if sweeps else []
    hourly_tables = [asset.key.to_user_string() for asset in warehouse]
    hourly_tables += [mart_key(name).to_user_string() for name in sorted(names - daily)]
    return Definitions(
        assets=[*raw, *sweeps, *clean, *warehouse, *marts, *analytics, *upkeep],
        asset_checks=warehouse_checks(settings, calendar),
        jobs=list(built.values()),
        schedules=regular,
        sensors=sensors.build(built, hourly_tables, calendar, made, compared),
        resources={**_resources(settings, calendar.open_hour), **(resources or {})},
        executor=threads,
    )


def _resources(settings: ShopSettings, open_hour: bool) -> dict[str, Any]:
    lake = LakeResource()
    warehouse = WarehouseResource(zone=settings.shop.timezone, shop=settings.shop.name)
    return {
        "sources": SourcesResource(config=str(settings.path.absolute())),
        "lake": lake,
        "warehouse": warehouse,
        "cache": CacheResource(),
        "raw_lake": RawLakeIOManager(lake=lake, warehouse=warehouse),
        "clean_lake": CleanLakeIOManager(lake=lake, warehouse=warehouse),
        "postgres": PostgresIOManager(warehouse=warehouse, open_hour=open_hour),
    }


@definitions
def defs() -> Definitions:
    """The code location of the shop that `SHOP_CONFIG` names."""
    config = os.environ.get("SHOP_CONFIG")
    if not config:
        raise UserError(
            "SHOP_CONFIG is not set, expected the path of the shop's configuration "
            '(`eval "$(shop-assets env)"` sets it)'
        )
    return build_definitions(load_settings(Path(config), os.environ), hours_a_run=_hours_a_run())


def _hours_a_run() -> int | None:
    given = os.environ.get("SHOP_BACKFILL_HOURS")
    if not given:
        return None
    if not given.isdecimal() or int(given) == 0:
        raise UserError(f"SHOP_BACKFILL_HOURS is {given}, expected a number of hours such as 24")
    return int(given)
