"""Checks of the reconciliation: nothing differs between the shop and its payment provider."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from dagster import AssetCheckSeverity, AssetCheckSpec, AssetKey

from shop_assets.checks.contract import contract_spec
from shop_assets.checks.outcome import Outcome, timed

AGREES = "agrees_with_the_provider"
SHOWN = 20
_IDS = ("source", "order_id", "charge_id", "payout_id", "payment_id")


def specs(asset: AssetKey, what: str) -> list[AssetCheckSpec]:
    """The checks of a table of differences; `what` should agree, in words."""
    return [
        contract_spec(asset),
        AssetCheckSpec(
            AGREES,
            asset=asset,
            description=f"{what}, to the minor unit; what is younger than the grace apart.",
        ),
    ]


@timed
def judge(kinds: Mapping[str, int], first: pd.DataFrame) -> Outcome:
    """Whether there are differences: how many of each kind, and the `first` of them.

    It warns: the data are as the systems have them, and it is for a person to say which is right.
    """
    return Outcome(
        AGREES,
        AssetCheckSeverity.WARN,
        metadata={
            "differences": sum(kinds.values()),
            **{kind: kinds[kind] for kind in sorted(kinds)},
            "offenders": [_shown(row) for row in first.head(SHOWN).to_dict("records")],
        },
        whole_failed=sum(kinds.values()) > 0,
    )


def _shown(row: dict[object, object]) -> str:
    ids = " ".join(str(row[name]) for name in _IDS if row.get(name))
    return (
        f"{ids}: {row['kind']}, expected {row['expected_micros']}, found {row['found_micros']} "
        f"micros of {row['currency']}"
    )
