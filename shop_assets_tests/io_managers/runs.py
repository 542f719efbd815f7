"""Runs of small assets through the IO managers."""

import datetime as dt
import os
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetIn,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    DagsterInstance,
    ExecuteInProcessResult,
    RetryPolicy,
    asset,
    materialize,
)

from shop_assets import partitions
from shop_assets.io_managers.delta import CleanLakeIOManager, RawLakeIOManager
from shop_assets.io_managers.postgres import PostgresIOManager
from shop_assets.partitions import Calendar
from shop_assets.resources import LakeResource, WarehouseResource

CALENDAR = Calendar(dt.date(2026, 1, 1), dt.UTC)  # type: ignore[arg-type]
_instances = threading.local()
NINE = "2026-01-31-09:00"


def key_of(hour: int, day: int = 31) -> str:
    """The key of an hour of January 2026."""
    return f"2026-01-{day:02}-{hour:02}:00"


def instance() -> DagsterInstance:
    """This thread's instance, in memory: each takes longer to make than a run."""
    if not hasattr(_instances, "mine"):
        _instances.mine = DagsterInstance.ephemeral()
    mine: DagsterInstance = _instances.mine
    return mine


@lru_cache
def _warehouse(url: str) -> WarehouseResource:
    return WarehouseResource(zone="UTC")


def resources() -> dict[str, Any]:
    """The IO managers as the code location has them."""
    lake, warehouse = LakeResource(), _warehouse(os.environ["SHOP_POSTGRES_URL"])
    return {
        "raw_lake": RawLakeIOManager(lake=lake, warehouse=warehouse),
        "clean_lake": CleanLakeIOManager(lake=lake, warehouse=warehouse),
        "postgres": PostgresIOManager(warehouse=warehouse),
    }


def writer(
    name: str,
    make: Callable[[list[dt.datetime]], Any],
    *,
    layer: str = "marts",
    manager: str = "postgres",
    partitioned: str | None = "hourly",
    retries: int = 0,
) -> AssetsDefinition:
    """An asset that gives its IO manager what `make` returns for the hours of a run."""

    @asset(
        key=AssetKey([layer, name]),
        io_manager_key=manager,
        partitions_def=None if partitioned is None else getattr(CALENDAR, partitioned),
        backfill_policy=BackfillPolicy.single_run() if partitioned else None,
        retry_policy=RetryPolicy(max_retries=retries) if retries else None,
    )
    def written(context: AssetExecutionContext) -> Any:
        if partitioned is None:
            return make([])
        if partitioned == "daily":
            return make([dt.datetime.fromisoformat(key) for key in context.partition_keys])
        return make([partitions.parse_hour_key(key) for key in context.partition_keys])

    return written


def run(
    definition: AssetsDefinition, first: str | None = NINE, last: str | None = None, **more: Any
) -> ExecuteInProcessResult:
    """Materialize an asset's partition, or its range from `first` to `last`."""
    tags: dict[str, str] = {}
    if last is not None:
        tags["dagster/asset_partition_range_start"] = str(first)
        tags["dagster/asset_partition_range_end"] = last
    return materialize(
        [definition],
        instance=instance(),
        resources=resources(),
        partition_key=first if last is None else None,
        tags=tags,
        **more,
    )


def read_by(
    origin: str,
    first: str | None = NINE,
    last: str | None = None,
    *,
    manager: str = "postgres",
    columns: Sequence[str] | None = None,
) -> Any:
    """What an asset over these hours gets from `origin` (as `marts/sales_hourly`)."""
    found: list[Any] = []
    metadata = None if columns is None else {"columns": list(columns)}

    @asset(
        ins={"rows": AssetIn(key=AssetKey(origin.split("/")), metadata=metadata)},
        partitions_def=None if first is None else CALENDAR.hourly,
        backfill_policy=None if first is None else BackfillPolicy.single_run(),
    )
    def reading(rows: Any) -> None:
        found.append(rows)

    upstream = writer(
        origin.split("/")[1],
        lambda _: None,
        layer=origin.split("/", maxsplit=1)[0],
        manager=manager,
        partitioned=None if first is None else "hourly",
    )
    tags: dict[str, str] = {}
    if last is not None:
        tags["dagster/asset_partition_range_start"] = str(first)
        tags["dagster/asset_partition_range_end"] = last
    materialize(
        [upstream, reading],
        instance=instance(),
        resources=resources(),
        partition_key=first if last is None else None,
        tags=tags,
        selection=[reading],
    )
    (rows,) = found
    return rows
