"""Check of raw assets: does the source still have the columns that raw knows of it?

What is compared is what was read with what raw has stored, not with what a process remembers. So a
change during a downtime is found by the first load after it. Each change is reported once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dagster import AssetCheckSeverity, AssetCheckSpec, AssetKey

from shop_assets.checks.outcome import Outcome, timed
from shop_assets.partition_span import Span

SCHEMA = "schema"


@dataclass(frozen=True)
class Drift:
    """How a source's columns differ from those that raw has. `dropped`: since the last load."""

    added: Collection[str] = ()
    retyped: Collection[str] = ()
    dropped: Collection[str] = ()

    def described(self) -> dict[str, str]:
        """The names of the columns by what happened to them."""
        return {
            f"columns_{what}": ", ".join(sorted(names))
            for what, names in vars(self).items()
            if names
        }


def spec(asset: AssetKey) -> AssetCheckSpec:
    """The check of a raw asset's columns."""
    return AssetCheckSpec(
        SCHEMA,
        asset=asset,
        description=(
            "The source has the columns and types that it had before. What it adds is kept in "
            "raw; an entity that needs what it has dropped or retyped stops."
        ),
    )


@timed
def judge(drift: Drift, span: Span) -> Outcome:
    """Which columns have changed; said of the first hour that was read."""
    found = drift.described()
    return Outcome(SCHEMA, AssetCheckSeverity.WARN, {span.keys[0]: found} if found else {}, found)
