"""Maintenance: what grows is kept in order, once a day, at night.

Each asset looks at a whole system, so none has partitions. Nothing that they do changes a row that
the shop has: they merge small files, let go of what nobody refers to any more, and refresh the
planner's figures.
"""

import datetime as dt
from collections.abc import Callable, Collection
from typing import Any

from dagster import AssetExecutionContext, AssetKey, AssetsDefinition, MaterializeResult, asset

from shop_assets.assets.steps import RETRIES, step
from shop_assets.dagster_storage import BatchingPostgresEventLogStorage
from shop_assets.dagster_storage.purge import purge
from shop_assets.partitions import DAY
from shop_assets.resources import LakeResource, WarehouseResource
from shop_assets.settings import ShopSettings
from shop_assets.warehouse import upkeep
from shop_assets.warehouse.reconciliation import leave_others

LAYERS = ("raw", "clean", "quarantine")
"""Where the lake has tables."""
EVENTS_KEPT = dt.timedelta(days=30)
"""How long the words of Dagster's runs stay."""


def maintenance_assets(
    settings: ShopSettings, differences: Collection[str]
) -> list[AssetsDefinition]:
    """The lake's, the warehouse's and the event log's.

    `differences`: the tables of differences that the shop has.
    """

    def nightly(name: str, kind: str, description: str) -> Callable[[Any], AssetsDefinition]:
        return asset(
            key=AssetKey(["maintenance", name]),
            kinds={kind},
            description=description,
            group_name="maintenance",
            owners=[settings.shop.owner],
            tags={"layer": "maintenance"},
            retry_policy=RETRIES,
        )

    @nightly(
        "lake",
        "deltalake",
        (
            "Each table's small files of days past merged into one a day; files and log entries "
            "that no reader can need any more deleted."
        ),
    )
    @step
    def lake_upkeep(lake: LakeResource) -> MaterializeResult[None]:
        store = lake.open()
        # Hours of today and yesterday may be replaced again soon: each keeps its own file.
        settled = dt.datetime.now(dt.UTC).date() - DAY
        done = [store.optimize(t, before=settled) for layer in LAYERS for t in store.tables(layer)]
        return MaterializeResult(
            metadata={
                "tables": len(done),
                "files_before": sum(d.files_before for d in done),
                "files_after": sum(d.files_after for d in done),
                "files_removed": sum(d.files_removed for d in done),
            }
        )

    @nightly(
        "warehouse",
        "postgres",
        (
            "The planner's figures of tables with months, which PostgreSQL leaves alone. Tables of "
            "differences that the shop no longer has are emptied."
        ),
    )
    @step
    def warehouse_upkeep(warehouse: WarehouseResource) -> MaterializeResult[None]:
        left = leave_others(warehouse.open(), differences)
        done = upkeep.analyze(warehouse.open())
        return MaterializeResult(
            metadata={"tables": len(done), "seconds": sum(done.values()), "emptied": left}
        )

    @nightly(
        "event_log",
        "dagster",
        (
            "Events of runs long past deleted; every partition keeps its newest materialization "
            "and check results."
        ),
    )
    @step
    def event_log_upkeep(context: AssetExecutionContext) -> MaterializeResult[None]:
        storage = context.instance.event_log_storage
        if not isinstance(storage, BatchingPostgresEventLogStorage):
            return MaterializeResult(metadata={"purged": False})
        done = purge(storage, dt.datetime.now(dt.UTC) - EVENTS_KEPT)
        return MaterializeResult(
            metadata={
                "purged": True,
                "words": done.words,
                "materializations": done.materializations,
                "checks": done.checks,
            }
        )

    return [lake_upkeep, warehouse_upkeep, event_log_upkeep]
