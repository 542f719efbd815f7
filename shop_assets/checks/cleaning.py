"""Checks of clean assets: the contract, the accounting of rows, the accuracy."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from dagster import AssetCheckSeverity, AssetCheckSpec, AssetKey

from shop_assets import partitions
from shop_assets.checks.contract import contract_spec, judge_contract
from shop_assets.checks.outcome import Outcome, timed
from shop_assets.entities import TableSpec
from shop_assets.transforms.alike import alike
from shop_assets.transforms.clean import Cleaned

ACCOUNTED = "rows_accounted_for"
ACCURACY = "accuracy"
GOAL = 0.995


def specs(asset: AssetKey) -> list[AssetCheckSpec]:
    """The checks of a clean asset."""
    return [
        contract_spec(asset),
        AssetCheckSpec(
            ACCOUNTED,
            asset=asset,
            blocking=True,
            description="Rows read = published + quarantined + deduplicated + folded.",
        ),
        AssetCheckSpec(
            ACCURACY,
            asset=asset,
            description=f"At least {GOAL:.1%} of the rows were published without repair.",
        ),
    ]


def judge(cleaned: Cleaned, spec: TableSpec) -> list[Outcome]:
    """The outcome of each check."""
    return [judge_published(cleaned.published, spec), *judge_counts(cleaned.counts)]


def judge_counts(counts: pd.DataFrame) -> list[Outcome]:
    """The outcome of each check that goes by what became of the rows."""
    return [_accounted(counts), _accuracy(counts)]


def hour_keys(moments: pd.Series) -> pd.Series:
    """The partition key of the hour that each moment is in."""
    number, hours = pd.factorize(moments.dt.floor("h"))
    names = pd.Series(pd.DatetimeIndex(hours).strftime(partitions.HOUR_FORMAT), dtype="str")
    keys: pd.Series = names.iloc[number].set_axis(moments.index)
    return keys


@timed
def judge_published(published: pd.DataFrame, spec: TableSpec) -> Outcome:
    """Whether rows meet their contract, all of a key being there."""
    keys = hour_keys(published["_hour"])
    # A key may come in several versions, and then the version is part of what must be unique.
    identity = [*spec.told_by, "_hour"]
    outcome = judge_contract(published.drop(columns="_hour"), _without_key(spec), keys)
    if not set(identity) <= set(published.columns):
        return outcome
    places = alike(published, identity)
    repeated = places[published[identity].take(places).duplicated().to_numpy()]
    failed = {key: dict(found) for key, found in outcome.failed.items()}
    for key, n in keys.take(repeated).value_counts().items():
        failed.setdefault(str(key), {})["repeated_versions"] = int(n)
    return replace(outcome, failed=failed)


def _without_key(spec: TableSpec) -> TableSpec:
    return _Keyless(**{f: getattr(spec, f) for f in spec.__dataclass_fields__})


class _Keyless(TableSpec):
    """A table of versions, in which a key stands more than once."""

    @property
    def key(self) -> tuple[str, ...]:
        return ()


@timed
def _accounted(counts: pd.DataFrame) -> Outcome:
    ended = counts[["rows_published", "rows_quarantined", "rows_deduplicated", "rows_folded"]].sum(
        axis=1
    )
    lost = (counts["rows_read"] - ended).groupby(hour_keys(counts["hour"])).sum()
    failed = {str(key): {"unaccounted_rows": int(n)} for key, n in lost[lost != 0].items()}
    return Outcome(
        ACCOUNTED,
        AssetCheckSeverity.ERROR,
        failed,
        {"rows_read": int(counts["rows_read"].sum()), "unaccounted_rows": int(lost.sum())},
    )


@timed
def _accuracy(counts: pd.DataFrame) -> Outcome:
    figures = counts.groupby(hour_keys(counts["hour"]))[
        ["rows_read", "rows_published", "rows_repaired", "rows_deduplicated", "rows_folded"]
    ].sum()
    counted = figures["rows_read"] - figures["rows_deduplicated"] - figures["rows_folded"]
    good = figures["rows_published"] - figures["rows_repaired"]
    rate = (good / counted.where(counted > 0)).astype("Float64")
    low = rate[(rate < GOAL).fillna(False)]
    total = int(counted.sum())
    return Outcome(
        ACCURACY,
        AssetCheckSeverity.WARN,
        {str(key): {"accuracy": float(value)} for key, value in low.items()},
        {"accuracy": float(good.sum()) / total} if total else {},
    )
