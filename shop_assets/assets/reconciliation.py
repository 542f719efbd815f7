"""Reconciliation: what does not agree between the shop and its payment provider.

Each asset is a table of the offenders, brought up to date when what it reads has changed; empty, if
all is well. `transforms.reconciliation` says what agrees, `warehouse.compared_orders` and
`warehouse.compared_payouts` what is read, `warehouse.reconciliation` how it is kept.
"""

import datetime as dt
import functools
import json
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass

import pandas as pd
from dagster import AssetsDefinition, Config, MaterializeResult, asset
from pydantic import Field

from shop_assets.assets.analytics import analytics_key
from shop_assets.assets.columns import table_metadata
from shop_assets.assets.steps import RETRIES, step
from shop_assets.assets.warehouse import warehouse_key
from shop_assets.checks import reconciliation as checks
from shop_assets.checks.contract import judge_contract
from shop_assets.checks.report import report_whole
from shop_assets.entities import TABLES
from shop_assets.resources import WarehouseResource
from shop_assets.settings import ShopSettings
from shop_assets.transforms import reconciliation as transforms
from shop_assets.warehouse import compared_orders, compared_payouts, compared_units
from shop_assets.warehouse.compared_orders import Provider
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.reconciliation import Comparison, Reconciled, reconcile

_ORDERS = ("orders", "order_items", "refunds")
_PAYMENTS = ("charges", "payment_refunds", "payments")
_PAYOUTS = ("payouts", "payout_transactions")

READS = {
    "charge_differences": (*_ORDERS, *_PAYMENTS),
    "refund_differences": (*_ORDERS, *_PAYMENTS),
    "payout_differences": _PAYOUTS,
}
"""The warehouse's tables whose change fires each asset, where the shop has them."""

Judge = Callable[[pd.DataFrame], pd.DataFrame]


class Run(Config):
    """How a table of differences is brought up to date."""

    anew: bool = Field(default=False, description="Compare everything, not only what has changed.")


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
    def differences(config: Run, warehouse: WarehouseResource) -> MaterializeResult[None]:
        done = compare(warehouse.open(), declared, reads, paying, grace, anew=config.anew)
        outcomes = judge_contract(done.came, spec, None), checks.judge(done.kinds, done.first)
        return MaterializeResult(
            metadata={
                "dagster/row_count": sum(done.kinds.values()),
                "rows_changed": done.changed,
                "compared": "everything" if done.anew else "what has changed",
            },
            check_results=report_whole(key, *outcomes),
        )

    return differences


def compare(
    warehouse: Warehouse,
    declared: Declaration,
    reads: Collection[str],
    paying: list[Provider],
    grace: dt.timedelta,
    *,
    anew: bool = False,
) -> Reconciled:
    """Bring a table of differences up to date; it is empty before all that it reads was loaded."""
    by_payout = declared.needs == _PAYOUTS
    inputs: dict[str, object] = {"reads": sorted(reads)}
    if not by_payout:
        inputs["providers"] = [asdict(provider) for provider in paying]
    comparison = Comparison(
        declared.name,
        units=compared_units.OF_PAYOUTS if by_payout else compared_units.OF_ORDERS,
        reads=tuple(reads),
        inputs=json.dumps(inputs, sort_keys=True),
        whole=compared_payouts.whole
        if by_payout
        else functools.partial(compared_orders.whole, providers=paying),
        touched=compared_payouts.touched
        if by_payout
        else functools.partial(compared_orders.touched, providers=paying),
        judge=declared.judge,
        grace=grace,
    )
    return reconcile(warehouse, comparison, anew=anew, shown=checks.SHOWN)
