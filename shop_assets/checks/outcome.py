"""What a check found, for a step's partitions together and for each that failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dagster import AssetCheckSeverity


@dataclass(frozen=True)
class Outcome:
    """The result of one check over a step's partitions.

    `failed`: what was found, by the key of each partition that failed. The samples in `metadata`
    and `failed` are bounded and hold no personal data.
    """

    check: str
    severity: AssetCheckSeverity
    failed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    whole_failed: bool = False

    @property
    def passed(self) -> bool:
        """Whether no partition failed, nor the step as a whole."""
        return not self.failed and not self.whole_failed


def together(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of a check of whole rows from its outcomes for parts of them.

    Counts are summed; of texts, the first stays.
    """
    first, *others = outcomes
    failed: dict[str, dict[str, Any]] = {key: dict(found) for key, found in first.failed.items()}
    metadata = dict(first.metadata)
    for other in others:
        _add(metadata, other.metadata)
        for key, found in other.failed.items():
            _add(failed.setdefault(key, {}), found)
    whole = first.whole_failed or any(other.whole_failed for other in others)
    return Outcome(first.check, first.severity, failed, metadata, whole)


def _add(known: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, int):
            known[name] = known.get(name, 0) + value
        else:
            known.setdefault(name, value)
