"""Checks of marts: the contract, and that parts sum to the whole of the ledger."""

from __future__ import annotations

import datetime as dt

import pandas as pd
from dagster import AssetCheckSeverity, AssetCheckSpec, AssetKey

from shop_assets.checks.contract import contract_spec
from shop_assets.checks.ledger_sums import ledger_sums
from shop_assets.checks.outcome import Outcome, timed
from shop_assets.warehouse.connection import Readable

SUMS = "sums_to_the_ledger"
_FIGURES = ("gross_sales_micros", "discounts_micros", "returns_micros", "net_sales_micros")


def specs(asset: AssetKey, *, sums: bool) -> list[AssetCheckSpec]:
    """The checks of a mart; `sums` for those whose money must equal the sales ledger's."""
    found = [contract_spec(asset)]
    if sums:
        found.append(
            AssetCheckSpec(
                SUMS,
                asset=asset,
                blocking=True,
                description=(
                    "Gross sales, discounts, returns and net sales equal the sums of the sales "
                    "ledger over the same time, in each currency. A day whose last hour is not "
                    "loaded is held to its hours, each of which is held to the ledger."
                ),
            )
        )
    return found


@timed
def judge_sums(
    warehouse: Readable,
    rows: pd.DataFrame,
    start: dt.datetime,
    end: dt.datetime,
    last_day: dt.datetime | None = None,
) -> Outcome:
    """Whether the mart's sums over `[start, end)` are the ledger's, by an independent query.

    `warehouse`: of the moment at which the mart was computed. `last_day`: see `ledger_sums`.
    """
    ledger = ledger_sums(warehouse, start, end, last_day)
    expected = pd.DataFrame(
        {
            "gross_sales_micros": ledger["gross"],
            "discounts_micros": ledger["discounts"],
            "returns_micros": ledger["returns"],
            "net_sales_micros": ledger["gross"] - ledger["discounts"] - ledger["returns"],
        }
    )
    found = rows.groupby("currency")[list(_FIGURES)].sum()
    expected, found = expected.align(found, join="outer")
    off = found.fillna(0) - expected.fillna(0)
    wrong = off[(off != 0).any(axis=1)]
    return Outcome(
        SUMS,
        AssetCheckSeverity.ERROR,
        metadata={
            f"off_by_{currency}": ", ".join(f"{n}={v}" for n, v in row.items() if v)
            for currency, row in wrong.head(5).to_dict("index").items()
        },
        whole_failed=len(wrong) > 0,
    )
