"""Marts: the aggregates, each a pure function of the warehouse, by the hour or day of the event."""

import datetime as dt
from dataclasses import dataclass

import pandas as pd
from dagster import (
    AssetDep,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    asset,
)

from shop_assets import partitions
from shop_assets.assets.columns import declared_columns, table_metadata
from shop_assets.assets.lineage import MARTS as LINEAGE
from shop_assets.assets.steps import RETRIES, step
from shop_assets.assets.warehouse import warehouse_key
from shop_assets.checks import marts as checks
from shop_assets.checks.cleaning import hour_keys
from shop_assets.checks.contract import judge_contract
from shop_assets.checks.outcome import Outcome
from shop_assets.checks.report import report
from shop_assets.entities import TABLES
from shop_assets.io_managers.postgres import MartRows
from shop_assets.partition_span import Span, describe_partitions, rows_by_day, rows_by_hour
from shop_assets.partitions import Calendar
from shop_assets.resources import WarehouseResource
from shop_assets.settings import ShopSettings
from shop_assets.warehouse import order_requests, slices
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.mart_inputs import MARTS, prepare, some_customer_orders
from shop_assets.warehouse.marts import look

ONLY_STALE = "shop/only_stale"
"""The tag of a run that computes what is stale, and need not compute its partitions as a whole."""


@dataclass(frozen=True)
class MartDeclaration:
    """What a mart reads, and what makes it part of a shop.

    `reads`: the warehouse tables. `sums`: whether its money must equal the ledger's. `by_order`:
    whether a run that is `ONLY_STALE` computes the orders that have moved, and not whole hours.
    """

    name: str
    reads: tuple[str, ...]
    sums: bool = False
    by_order: bool = False

    @property
    def daily(self) -> bool:
        """Whether its slices are the shop's days."""
        spec = TABLES[self.name]
        return spec.column(str(spec.time)).kind == "date"


DECLARED = (
    MartDeclaration("sales_hourly", ("sales_ledger",), sums=True),
    MartDeclaration("customer_orders", ("sales_ledger",), by_order=True),
    MartDeclaration("funnel_hourly", ("web_activity",)),
    MartDeclaration("inventory_hourly", ("inventory_levels", "inventory_movements")),
    MartDeclaration("data_quality_hourly", ()),
    MartDeclaration("sales_daily", ("sales_ledger",), sums=True),
    MartDeclaration("product_sales_daily", ("sales_ledger", "products"), sums=True),
    MartDeclaration("ad_spend_daily", ("ad_spend", "campaigns")),
)


BY_ORDER = frozenset(d.name for d in DECLARED if d.by_order)


def mart_key(mart: str) -> AssetKey:
    """The asset of a mart."""
    return AssetKey(["marts", mart])


def present_marts(tables: set[str]) -> list[MartDeclaration]:
    """The marts whose main warehouse table the shop has."""
    return [d for d in DECLARED if not d.reads or d.reads[0] in tables]


def mart_assets(
    settings: ShopSettings, calendar: Calendar, tables: set[str], clean: list[AssetKey]
) -> list[AssetsDefinition]:
    """The marts of a shop that has these warehouse `tables` and `clean` assets."""
    return [_mart_asset(settings, calendar, d, tables, clean) for d in present_marts(tables)]


def _mart_asset(
    settings: ShopSettings,
    calendar: Calendar,
    declared: MartDeclaration,
    tables: set[str],
    clean: list[AssetKey],
) -> AssetsDefinition:
    spec = TABLES[declared.name]
    key = mart_key(declared.name)
    mapping = calendar.hours_of_days if declared.daily else None
    reads = [warehouse_key(name) for name in declared.reads if name in tables]

    @asset(
        key=key,
        deps=[AssetDep(origin, partition_mapping=mapping) for origin in reads or clean],
        partitions_def=calendar.daily if declared.daily else calendar.hourly,
        backfill_policy=calendar.backfill_policy,
        io_manager_key="postgres",
        retry_policy=RETRIES,
        group_name="marts",
        kinds={"postgres", "pandas"},
        owners=[settings.shop.owner],
        tags={"layer": "marts"},
        description=spec.description,
        metadata=table_metadata(spec, f"marts.{spec.name}"),
        check_specs=checks.specs(key, sums=declared.sums),
    )
    @step
    def mart(
        context: AssetExecutionContext, warehouse: WarehouseResource
    ) -> MaterializeResult[MartRows]:
        span = Span.of_days(context, calendar) if declared.daily else Span.of(context)
        store = warehouse.open()
        epoch = slices.begin(store)
        seen = look(store, declared.name, *_slice_window(span, declared.daily))
        orders = None
        if declared.by_order:
            only = ONLY_STALE in context.run.tags
            orders = order_requests.asked(store, span.start, span.end, alone=only)
        last_day = calendar.last_midnight(span.start, span.end) if declared.daily else None
        rows, outcomes = computed(store, declared, span, orders, last_day)
        time = rows[str(spec.time)]
        by_key = rows_by_day(time) if declared.daily else rows_by_hour(time)
        return MaterializeResult(
            value=MartRows(rows, epoch, seen, orders),
            metadata=describe_partitions(
                context,
                span,
                key,
                None if orders is not None and orders.alone else by_key,
                declared_columns(LINEAGE[declared.name]),
            ),
            check_results=report(context, key, span, *outcomes),
        )

    return mart


def computed(
    store: Warehouse,
    declared: MartDeclaration,
    span: Span,
    orders: order_requests.Orders | None,
    last_day: dt.datetime | None,
) -> tuple[pd.DataFrame, list[Outcome]]:
    """A mart's rows, and what its checks say of them, of one moment of the warehouse.

    `orders`: those that are asked for, of a mart that is computed by order. `last_day`: when the
    last of its days begins, of a mart that has days.
    """
    spec = TABLES[declared.name]
    prepare(store, declared.name)
    with store.snapshot() as state:
        if orders is not None and orders.alone:
            rows = some_customer_orders(state, span.start, span.end, orders.asked)
        else:
            rows = MARTS[declared.name](state, span.start, span.end)
        outcomes = []
        if declared.sums:
            outcomes.append(checks.judge_sums(state, rows, span.start, span.end, last_day))
    time = rows[str(spec.time)]
    keys = time.astype("str") if declared.daily else hour_keys(time)
    return rows, [judge_contract(rows, spec, keys), *outcomes]


def _slice_window(span: Span, daily: bool) -> tuple[dt.datetime, dt.datetime]:
    if not daily:
        return span.start, span.end
    first, last = (partitions.parse_day_key(key) for key in (span.keys[0], span.keys[-1]))
    midnight = dt.time(tzinfo=dt.UTC)
    return (
        dt.datetime.combine(first, midnight),
        dt.datetime.combine(last + dt.timedelta(days=1), midnight),
    )
