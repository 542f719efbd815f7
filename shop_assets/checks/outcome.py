"""What a check found, for a step's partitions together and for each that failed."""

from __future__ import annotations

from collections.abc import Mapping
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
