"""Reconciliation: what does not agree between the shop and its payment provider.

Each asset is a table of the offenders, made again when what it reads has changed; empty, if all is
well. `transforms.reconciliation` says what agrees, `warehouse.reconciliation` what is read.
"""

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass

import pandas as pd
from dagster import AssetExecutionContext, AssetsDefinition, MaterializeResult, asset

from shop_assets.assets.analytics import analytics_key
from shop_assets.assets.columns import table_metadata
from shop_assets.assets.steps import RETRIES, step
from shop_assets.assets.warehouse import warehouse_key
from shop_assets.checks import reconciliation as checks
from shop_assets.checks.contract import judge_contract
from shop_assets.checks.report import report_whole
from shop_assets.entities import TABLES
from shop_assets.io_managers.postgres import TableRows
from shop_assets.resources import WarehouseResource
from shop_assets.settings import ShopSettings
from shop_assets.transforms import reconciliation as transforms
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.reconciliation import (
    Provider,
    compared_orders,
    compared_payouts,
    loaded_until,
)

_ORDERS = ("orders", "order_items", "refunds")
_PAYMENTS = ("charges", "payment_refunds", "payments")
_PAYOUTS = ("payouts", "payout_transactions")

READS = {
    "charge_differences": (*_ORDERS, *_PAYMENTS),
    "refund_differences": (*_ORDERS, *_PAYMENTS),
    "payout_differences": _PAYOUTS,
}
"""The warehouse's tables whose change fires each asset, where the shop has them."""

Judge = Callable[[pd.DataFrame, dt.datetime, dt.timedelta], pd.DataFrame]


@dataclass(frozen=True)
class Declaration:
    """A table of differences: what of a shop it needs, and what should agree, in words."""

    name: str
    needs: tuple[str, ...]
    agrees: str
    judge: Judge


DECLARED = (
    Declaration(
        "charge_differences",
        ("orders", "order_items"),
        "What the provider has taken is what the orders cost",
        transforms.charge_differences,
    ),
    Declaration(
        "refund_differences",
        ("orders", "order_items", "refunds"),
        "What the provider has given back is what the shop has refunded",
        transforms.refund_differences,
    ),
    Declaration(
        "payout_differences",
        _PAYOUTS,
        "Each payout is the sum of its transactions",
        transforms.payout_differences,
    ),
)


def providers(settings: ShopSettings) -> list[Provider]:
    """The shop's sources that take money for orders, each with the entities that tell of it."""
    selling = tuple(source for source, _ in settings.entities.get("orders", []))
    found = []
    for name, source in settings.sources.items():
        told = {entity for stream in source.streams.values() for entity in stream.entities}
        if not told & {"charges", "payments"}:
            continue
        charges = "charges" in told
        found.append(
            Provider(
                name,
                "charges" if charges else "payments",
                "payment_refunds"
                if "payment_refunds" in told
                else ("charges" if charges else "payments"),
                selling if source.pays_for is None else tuple(source.pays_for),
            )
        )
    return found


def present(settings: ShopSettings, tables: Collection[str]) -> list[Declaration]:
    """The tables of differences that a shop with these warehouse tables can have."""
    paying = bool(providers(settings))
    return [
        declared
        for declared in DECLARED
        if set(declared.needs) <= set(tables) and (paying or declared.needs == _PAYOUTS)
    ]


def reconciliation_assets(
    settings: ShopSettings, tables: Collection[str]
) -> list[AssetsDefinition]:
    """The reconciliation of a shop that has these warehouse `tables`."""
    return [_differences_asset(settings, d, tables) for d in present(settings, tables)]


def _differences_asset(
    settings: ShopSettings, declared: Declaration, tables: Collection[str]
) -> AssetsDefinition:
    spec = TABLES[declared.name]
    key = analytics_key(declared.name)
    reads = [name for name in READS[declared.name] if name in tables]
    paying = providers(settings)
    grace = dt.timedelta(hours=settings.reconciliation.grace_hours)

    @asset(
        key=key,
        deps=[warehouse_key(name) for name in reads],
        io_manager_key="postgres",
        retry_policy=RETRIES,
        group_name="reconciliation",
        kinds={"postgres", "pandas"},
        owners=[settings.shop.owner],
        tags={"layer": "analytics"},
        description=spec.description,
        metadata=table_metadata(spec, f"analytics.{spec.name}"),
        check_specs=checks.specs(key, declared.agrees),
    )
    @step
    def differences(
        context: AssetExecutionContext, warehouse: WarehouseResource
    ) -> MaterializeResult[TableRows]:
        store = warehouse.open()
        rows = find(store, declared, reads, paying, grace)
        outcomes = judge_contract(rows, spec, None), checks.judge(rows)
        return MaterializeResult(
            value=TableRows(rows),
            metadata={"dagster/row_count": len(rows)},
            check_results=report_whole(key, *outcomes),
        )

    return differences


def find(
    warehouse: Warehouse,
    declared: Declaration,
    reads: Collection[str],
    paying: list[Provider],
    grace: dt.timedelta,
) -> pd.DataFrame:
    """The rows of a table of differences; none before all of what it reads was loaded once."""
    until = loaded_until(warehouse, reads)
    if until is None:
        return TABLES[declared.name].empty()
    compared = (
        compared_payouts(warehouse)
        if declared.needs == _PAYOUTS
        else compared_orders(warehouse, paying)
    )
    return declared.judge(compared, until, grace)
