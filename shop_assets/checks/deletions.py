"""Check of a sweep: is what is gone from a source a plausible part of it?"""

from __future__ import annotations

from dagster import AssetCheckSeverity, AssetCheckSpec, AssetKey

from shop_assets.checks.outcome import Outcome, timed
from shop_assets.errors import UserError

PLAUSIBLE = "plausible_deletions"


class MassDeletionError(UserError):
    """More keys are gone at once than anybody deletes; none was taken for deleted."""


def spec(asset: AssetKey, *, blocking: bool = True) -> AssetCheckSpec:
    """The check of a sweep; or of a load that sees all rows, whose other rows go on."""
    return AssetCheckSpec(
        PLAUSIBLE,
        asset=asset,
        blocking=blocking,
        description="Not more keys are gone at once than `sweep_limit` allows.",
    )


@timed
def judge(gone: int, known: int, limit: float) -> Outcome:
    """Whether so many of the known keys may be gone."""
    share = gone / known if known else 0.0
    return Outcome(
        PLAUSIBLE,
        AssetCheckSeverity.ERROR,
        metadata={"gone": gone, "known": known, "share": share, "limit": limit},
        whole_failed=share > limit,
    )
