"""The IO manager of PostgreSQL: every output is one transaction over its slices."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pandas as pd
from dagster import ConfigurableIOManager, InputContext, OutputContext, ResourceDependency

from shop_assets import partitions
from shop_assets.entities import TABLES
from shop_assets.io_managers.delta import load_id
from shop_assets.resources import WarehouseResource
from shop_assets.transforms.ledger import sales_ledger
from shop_assets.warehouse.activity import load_activity
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.ddl import column_list, physical, quoted
from shop_assets.warehouse.ledger import load_ledger
from shop_assets.warehouse.marts import Seen, replace_all, replace_slices
from shop_assets.warehouse.merge import merge_entity
from shop_assets.warehouse.order_requests import Orders
from shop_assets.warehouse.slices import Load, Written


@dataclass(frozen=True)
class EntityRows:
    """Rows of an entity to merge by key; the newest version wins. `epoch`: see `slices.begin`."""

    rows: pd.DataFrame
    epoch: int


@dataclass(frozen=True)
class LedgerOrders:
    """Orders (source, order_id) whose ledger rows are to be made anew."""

    orders: pd.DataFrame
    epoch: int


@dataclass(frozen=True)
class ActivityRows:
    """Web activity that replaces that of its change hours."""

    rows: pd.DataFrame
    epoch: int


@dataclass(frozen=True)
class MartRows:
    """Rows that replace a mart's slices, or some orders; `seen`, `orders`: what they answer."""

    rows: pd.DataFrame
    epoch: int
    seen: Seen
    orders: Orders | None = None


@dataclass(frozen=True)
class TableRows:
    """Rows that replace a whole table without partitions."""

    rows: pd.DataFrame


Output = EntityRows | LedgerOrders | ActivityRows | MartRows | TableRows


class PostgresIOManager(ConfigurableIOManager):
    """Writes each kind of output by its own rule, and reads back a table's slices."""

    warehouse: ResourceDependency[WarehouseResource]
    open_hour: bool = False
    """Whether what it writes is of an hour that is not over."""

    def handle_output(self, context: OutputContext, obj: Output) -> None:
        """Write the output in one transaction; done again, it changes nothing."""
        name = context.asset_key.path[-1]
        store = self.warehouse.open()
        if isinstance(obj, TableRows):
            written = replace_all(store, TABLES[name], obj.rows)
        else:
            written = write_slices(store, name, obj, _load(context, obj.epoch, self.open_hour))
        context.add_output_metadata({"rows": written.rows, "rows_changed": written.changed})

    def load_input(self, context: InputContext) -> pd.DataFrame:
        """The table's rows whose event time is in the input's partitions; all, without any."""
        spec = TABLES[context.asset_key.path[-1]]
        sql = f"SELECT {column_list(spec)} FROM {physical(spec)}"
        if not context.has_asset_partitions or spec.time is None:
            return spec.conform(self.warehouse.open().read(sql))
        window = context.asset_partitions_time_window
        time = quoted(spec.time)
        return spec.conform(
            self.warehouse.open().read(
                f"{sql} WHERE {time} >= $1 AND {time} < $2", (window.start, window.end)
            )
        )


def write_slices(store: Warehouse, name: str, obj: Any, load: Load) -> Written:
    """Write one output of partitions by the rule of its kind."""
    spec = TABLES[name]
    if isinstance(obj, EntityRows):
        return merge_entity(store, spec, obj.rows, load)
    if isinstance(obj, LedgerOrders):
        return load_ledger(store, obj.orders, load, sales_ledger)
    if isinstance(obj, ActivityRows):
        return load_activity(store, obj.rows, load)
    if isinstance(obj, MartRows):
        return replace_slices(store, spec, obj.rows, load, obj.seen, obj.orders)
    raise TypeError(f"{name}: no rule for writing {type(obj).__name__}")


def _load(context: OutputContext, epoch: int, provisional: bool) -> Load:
    keys = list(context.asset_partition_keys)
    by_day = len(keys[0]) == len("2026-01-31")
    step = dt.timedelta(days=1) if by_day else partitions.HOUR
    moments = [_moment(key) for key in (keys[0], keys[-1])]
    return Load(
        load_id=load_id(context),
        asset=context.asset_key.to_user_string(),
        start=moments[0],
        end=moments[1] + step,
        step=step,
        epoch=epoch,
        provisional=provisional,
    )


def _moment(key: str) -> dt.datetime:
    if len(key) == len("2026-01-31"):
        return dt.datetime.combine(partitions.parse_day_key(key), dt.time(), dt.UTC)
    return partitions.parse_hour_key(key)
