"""Reconciliation: what does not agree between the shop and its payment provider.

Each asset is a table of the offenders, brought up to date when what it reads has changed; empty, if
all is well. One step makes those that are about the same, of one comparison.
`transforms.reconciliation` says what agrees, `warehouse.compared_orders` and
`warehouse.compared_payouts` what is read, `warehouse.reconciliation` how it is kept.
"""

import datetime as dt
import functools
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass

from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    Config,
    MaterializeResult,
    multi_asset,
)
from pydantic import Field

from shop_assets.assets.analytics import analytics_key
from shop_assets.assets.columns import table_metadata
from shop_assets.assets.steps import RETRIES, step
from shop_assets.assets.warehouse import warehouse_key
from shop_assets.checks import reconciliation as checks
from shop_assets.checks.contract import judge_contract
from shop_assets.checks.outcome import Outcome
from shop_assets.checks.report import report_whole
from shop_assets.entities import TABLES
from shop_assets.resources import WarehouseResource
from shop_assets.settings import ShopSettings
from shop_assets.transforms import reconciliation as transforms
from shop_assets.warehouse import compared_orders, compared_payouts, compared_units
from shop_assets.warehouse.compared_orders import Provider, RefundsIn
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.reconciliation import (
    Comparison,
    Judge,
    Reconciled,
    as_it_stands,
    reconcile,
)

_ORDERS = ("orders", "order_items", "refunds")
_PAYMENTS = ("charges", "payment_refunds", "payments")
_PAYOUTS = ("payouts", "payout_transactions")

READS = {
    "order_differences": (*_ORDERS, *_PAYMENTS),
    "payout_differences": _PAYOUTS,
}
"""The warehouse's tables whose change fires each comparison, where the shop has them."""


class Run(Config):
    """How tables of differences are brought up to date."""

    anew: bool = Field(default=False, description="Compare everything, not only what has changed.")


@dataclass(frozen=True)
class Declaration:
    """A table of differences: what of a shop it needs, and what should agree, in words.

    `comparison`: what it is made of, together with the other tables of that (one of `READS`).
    """

    name: str
    comparison: str
    needs: tuple[str, ...]
    agrees: str
    judge: Judge


DECLARED = (
    Declaration(
        "charge_differences",
        "order_differences",
        ("orders", "order_items"),
        "What the provider has taken is what the orders cost",
        transforms.charge_differences,
    ),
    Declaration(
        "refund_differences",
        "order_differences",
        ("orders", "order_items", "refunds"),
        "What the provider has given back is what the shop has refunded",
        transforms.refund_differences,
    ),
    Declaration(
        "payout_differences",
        "payout_differences",
        _PAYOUTS,
        "Each payout is the sum of its transactions",
        transforms.payout_differences,
    ),
)


def providers(settings: ShopSettings) -> list[Provider]:
    """The shop's sources that take money for orders, each with the entities that tell of it."""
    found = []
    for name, pays_for in settings.pays.items():
        streams = settings.sources[name].streams.values()
        told = {entity for stream in streams for entity in stream.entities}
        if "charges" not in told:
            # Its refunds may name charges alone, which nobody tells the orders of.
            found.append(Provider(name, "payments", "payments", pays_for))
        else:
            refunds: RefundsIn = "payment_refunds" if "payment_refunds" in told else "charges"
            found.append(Provider(name, "charges", refunds, pays_for))
    return found


def comparisons(settings: ShopSettings, tables: Collection[str]) -> dict[str, list[Declaration]]:
    """What a shop with these warehouse tables can compare, and the tables that are made of it."""
    paying = bool(providers(settings))
    found: dict[str, list[Declaration]] = {}
    for declared in DECLARED:
        if set(declared.needs) <= set(tables) and (paying or declared.needs == _PAYOUTS):
            found.setdefault(declared.comparison, []).append(declared)
    return found


def configured(settings: ShopSettings, tables: Collection[str]) -> dict[str, Comparison]:
    """Each comparison of a shop with these warehouse tables, of all tables that are made of it."""
    return {
        name: comparison_of(declared, _reads(name, tables), providers(settings), _grace(settings))
        for name, declared in comparisons(settings, tables).items()
    }


def _reads(comparison: str, tables: Collection[str]) -> list[str]:
    return [name for name in READS[comparison] if name in tables]


def _grace(settings: ShopSettings) -> dt.timedelta:
    return dt.timedelta(hours=settings.reconciliation.grace_hours)


def reconciliation_assets(
    settings: ShopSettings, tables: Collection[str]
) -> list[AssetsDefinition]:
    """The reconciliation of a shop that has these warehouse `tables`."""
    return [
        _differences_assets(settings, name, declared, tables)
        for name, declared in comparisons(settings, tables).items()
    ]


def _differences_assets(
    settings: ShopSettings, comparison: str, declared: list[Declaration], tables: Collection[str]
) -> AssetsDefinition:
    reads = _reads(comparison, tables)
    by_key = {analytics_key(table.name): table for table in declared}
    paying = providers(settings)
    grace = _grace(settings)

    @multi_asset(
        name=analytics_key(comparison).to_python_identifier(),
        specs=[
            AssetSpec(
                key,
                deps=[warehouse_key(name) for name in reads],
                skippable=True,
                group_name="reconciliation",
                kinds={"postgres", "pandas"},
                owners=[settings.shop.owner],
                tags={"layer": "analytics"},
                description=TABLES[table.name].description,
                metadata=table_metadata(TABLES[table.name], f"analytics.{table.name}"),
            )
            for key, table in by_key.items()
        ],
        check_specs=[
            spec for key, table in by_key.items() for spec in checks.specs(key, table.agrees)
        ],
        can_subset=True,
        retry_policy=RETRIES,
    )
    @step
    def differences(
        context: AssetExecutionContext, config: Run, warehouse: WarehouseResource
    ) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
        chosen, checked = context.selected_asset_keys, context.selected_asset_check_keys
        store = warehouse.open()
        made = [by_key[key] for key in sorted(chosen)]
        done = compare(store, made, reads, paying, grace, anew=config.anew) if made else {}
        for key in sorted({*chosen, *(check.asset_key for check in checked)}):
            table = by_key[key]
            # A check alone judges what is there, and writes nothing.
            result = done.get(table.name) or as_it_stands(store, table.name, shown=checks.SHOWN)
            found = [o for o in _outcomes(result, table) if AssetCheckKey(key, o.check) in checked]
            if key in chosen:
                yield _materialized(key, result, found)
            else:
                yield from report_whole(key, *found)

    return differences


def _outcomes(done: Reconciled, declared: Declaration) -> tuple[Outcome, ...]:
    contract = judge_contract(done.came, TABLES[declared.name], None)
    return contract, checks.judge(done.kinds, done.first)


def _materialized(key: AssetKey, done: Reconciled, found: list[Outcome]) -> MaterializeResult[None]:
    return MaterializeResult(
        asset_key=key,
        metadata={
            "dagster/row_count": sum(done.kinds.values()),
            "rows_changed": done.changed,
            "compared": "everything" if done.anew else "what has changed",
        },
        check_results=report_whole(key, *found),
    )


def compare(
    warehouse: Warehouse,
    made: Sequence[Declaration],
    reads: Collection[str],
    paying: list[Provider],
    grace: dt.timedelta,
    *,
    anew: bool = False,
) -> dict[str, Reconciled]:
    """Bring the tables of differences that are `made` of one comparison up to date.

    They are empty before all that is read was loaded.
    """
    comparison = comparison_of(made, reads, paying, grace)
    return reconcile(warehouse, comparison, anew=anew, shown=checks.SHOWN)


def comparison_of(
    made: Sequence[Declaration],
    reads: Collection[str],
    paying: list[Provider],
    grace: dt.timedelta,
) -> Comparison:
    """How the tables of differences that are `made` of one comparison are kept."""
    by_payout = made[0].needs == _PAYOUTS
    inputs: dict[str, object] = {"reads": sorted(reads)}
    if not by_payout:
        inputs["providers"] = [asdict(provider) for provider in paying]
    return Comparison(
        {declared.name: declared.judge for declared in made},
        units=compared_units.OF_PAYOUTS if by_payout else compared_units.OF_ORDERS,
        reads=tuple(reads),
        inputs=json.dumps(inputs, sort_keys=True),
        whole=compared_payouts.whole
        if by_payout
        else functools.partial(compared_orders.whole, providers=paying),
        touched=compared_payouts.touched
        if by_payout
        else functools.partial(compared_orders.touched, providers=paying),
        grace=grace,
    )
