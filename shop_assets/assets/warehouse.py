"""Warehouse: each entity's current rows and their versions, the sales ledger, web activity."""

import pandas as pd
import pyarrow as pa
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetDep,
    AssetExecutionContext,
    AssetIn,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    asset,
    asset_check,
)

from shop_assets.assets.clean import clean_key
from shop_assets.assets.columns import declared_columns, same_columns, table_metadata
from shop_assets.assets.lineage import LEDGER
from shop_assets.assets.steps import RETRIES, priority, step
from shop_assets.checks import loading
from shop_assets.checks.cleaning import hour_keys
from shop_assets.checks.contract import CONTRACT, contract_spec, judge_contract
from shop_assets.checks.ledger_contract import judge_ledger
from shop_assets.checks.report import report
from shop_assets.entities import ENTITIES, TABLES, TableSpec
from shop_assets.io_managers.delta import epoch_of
from shop_assets.io_managers.postgres import ActivityRows, EntityRows, LedgerOrders
from shop_assets.partition_span import Span, describe_partitions, rows_by_hour
from shop_assets.partitions import Calendar
from shop_assets.resources import WarehouseResource
from shop_assets.settings import ShopSettings
from shop_assets.spool import Buckets
from shop_assets.transforms.parts import Parts
from shop_assets.transforms.sessions import together, web_activity
from shop_assets.warehouse.connection import to_frame
from shop_assets.warehouse.ddl import LAKE_ONLY

_LEDGER_ENTITIES = ("orders", "order_items", "refunds")


def warehouse_key(table: str) -> AssetKey:
    """The asset of a warehouse table."""
    return AssetKey(["warehouse", table])


def warehouse_assets(settings: ShopSettings, calendar: Calendar) -> list[AssetsDefinition]:
    """The tables of the entities that the shop has, and those derived from them."""
    entities = settings.entities
    found = [
        _entity_asset(settings, calendar, ENTITIES[name])
        for name in entities
        if name not in LAKE_ONLY
    ]
    if "order_items" in entities:
        found.append(_ledger_asset(settings, calendar))
    if "web_events" in entities:
        found.append(_activity_asset(settings, calendar))
    return found


def _entity_asset(settings: ShopSettings, calendar: Calendar, spec: TableSpec) -> AssetsDefinition:
    key = warehouse_key(spec.name)
    lineage = same_columns(spec, clean_key(spec.name), spec.column_names)

    @asset(
        key=key,
        ins={"rows": AssetIn(key=clean_key(spec.name))},
        partitions_def=calendar.hourly,
        backfill_policy=calendar.backfill_policy,
        io_manager_key="postgres",
        retry_policy=RETRIES,
        group_name="warehouse",
        kinds={"postgres"},
        owners=[settings.shop.owner],
        tags={"layer": "warehouse", "entity": spec.name},
        description=f"{spec.description} Loaded by hour of change; the newest version wins.",
        metadata=table_metadata(spec, f"warehouse.{spec.name}"),
        check_specs=loading.specs(key),
    )
    @step
    def load_entity(
        context: AssetExecutionContext, warehouse: WarehouseResource, rows: pa.Table
    ) -> MaterializeResult[EntityRows]:
        span = Span.of(context)
        frame = to_frame(rows)
        by_hour = rows_by_hour(frame["_hour"])
        outcome = loading.judge(warehouse.open(), spec.name, span, by_hour)
        return MaterializeResult(
            value=EntityRows(frame, epoch_of(rows)),
            metadata=describe_partitions(context, span, key, by_hour, lineage),
            check_results=report(context, key, span, outcome),
        )

    return load_entity


def _ledger_asset(settings: ShopSettings, calendar: Calendar) -> AssetsDefinition:
    spec = TABLES["sales_ledger"]
    key = warehouse_key(spec.name)
    present = [name for name in _LEDGER_ENTITIES if name in settings.entities]

    @asset(
        key=key,
        ins={
            name: AssetIn(
                key=clean_key(name), metadata={"columns": ["_hour", "source", "order_id"]}
            )
            for name in present
        },
        deps=[AssetDep(warehouse_key(name)) for name in present],
        partitions_def=calendar.hourly,
        backfill_policy=calendar.backfill_policy,
        io_manager_key="postgres",
        retry_policy=RETRIES,
        group_name="warehouse",
        kinds={"postgres", "pandas"},
        owners=[settings.shop.owner],
        tags={"layer": "warehouse"},
        description=(
            f"{spec.description} For the orders that the hour's changes concern, computed from "
            "all versions of their rows; only what differs is written."
        ),
        metadata=table_metadata(spec, f"warehouse.{spec.name}"),
    )
    @step
    def sales_ledger(
        context: AssetExecutionContext, **changed: pa.Table
    ) -> MaterializeResult[LedgerOrders]:
        span = Span.of(context)
        frames = [to_frame(table) for table in changed.values()]
        orders = pd.concat(frames, ignore_index=True)
        by_hour = rows_by_hour(orders.drop_duplicates()["_hour"])
        lineage = declared_columns(LEDGER)
        return MaterializeResult(
            value=LedgerOrders(orders, epoch_of(*changed.values())),
            metadata={
                "orders": len(orders[["source", "order_id"]].drop_duplicates()),
                **describe_partitions(context, span, key, by_hour, lineage),
            },
        )

    return sales_ledger


def warehouse_checks(settings: ShopSettings, calendar: Calendar) -> list[AssetChecksDefinition]:
    """The checks of what has been written, as steps of their own."""
    return [_ledger_contract(calendar)] if "order_items" in settings.entities else []


def _ledger_contract(calendar: Calendar) -> AssetChecksDefinition:
    key = warehouse_key("sales_ledger")

    @asset_check(
        asset=key,
        name=CONTRACT,
        blocking=True,
        partitions_def=calendar.hourly,
        description="Every row that happened in the hour has the declared types, keys and values.",
    )
    def sales_ledger_contract(
        context: AssetCheckExecutionContext, warehouse: WarehouseResource
    ) -> AssetCheckResult:
        span = Span.of(context)
        outcome = judge_ledger(warehouse.open(), span.start, span.end)
        (result,) = report(context, key, span, outcome)
        return result

    return sales_ledger_contract


def activity_rows(events: Parts) -> pd.DataFrame:
    """`web_activity` of clean web events, of which some visitors' are in memory at a time."""
    buckets = Buckets(1, ("source", "visitor_id"))
    for part in events.each():
        buckets.add(0, part)
    found = [web_activity(to_frame(rows)) for (rows,) in buckets if rows.num_rows]
    if not found:
        return TABLES["web_activity"].empty()
    if len(found) == 1:
        return found[0]
    return together(found)


def _activity_asset(settings: ShopSettings, calendar: Calendar) -> AssetsDefinition:
    spec = TABLES["web_activity"]
    key = warehouse_key(spec.name)
    columns = ["_hour", "source", "visitor_id", "occurred_at", "step", "is_bot", "deleted"]

    @asset(
        key=key,
        ins={
            "events": AssetIn(
                key=clean_key("web_events"), metadata={"columns": columns, "in_parts": True}
            )
        },
        partitions_def=calendar.hourly,
        backfill_policy=calendar.backfill_policy,
        io_manager_key="postgres",
        retry_policy=RETRIES,
        group_name="warehouse",
        kinds={"postgres", "pandas"},
        owners=[settings.shop.owner],
        tags={"layer": "warehouse"},
        op_tags=priority(spec.name),
        description=spec.description,
        metadata=table_metadata(spec, f"warehouse.{spec.name}"),
        check_specs=[contract_spec(key)],
    )
    @step
    def activity(context: AssetExecutionContext, events: Parts) -> MaterializeResult[ActivityRows]:
        span = Span.of(context)
        frame = activity_rows(events)
        lineage = same_columns(spec, clean_key("web_events"), ("source", "visitor_id", "is_bot"))
        rows = rows_by_hour(frame["change_hour"])
        outcome = judge_contract(frame, spec, hour_keys(frame["change_hour"]))
        return MaterializeResult(
            value=ActivityRows(frame, epoch_of(events)),
            metadata=describe_partitions(context, span, key, rows, lineage),
            check_results=report(context, key, span, outcome),
        )

    return activity
