"""What a check found, for a step's partitions together and for each that failed."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ParamSpec, Self

from dagster import AssetCheckSeverity

_Parameters = ParamSpec("_Parameters")


class Stopwatch:
    """The seconds that were spent within it, each time that it was entered."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began


@dataclass(frozen=True)
class Outcome:
    """The result of one check over a step's partitions.

    `failed`: what was found, by the key of each partition that failed. The samples in `metadata`
    and `failed` are bounded and hold no personal data. `seconds`: what it took to judge.
    """

    check: str
    severity: AssetCheckSeverity
    failed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    whole_failed: bool = False
    seconds: float = field(default=0.0, compare=False)

    @property
    def passed(self) -> bool:
        """Whether no partition failed, nor the step as a whole."""
        return not self.failed and not self.whole_failed


def together(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of a check of whole rows from its outcomes for parts of them.

    Counts and seconds are summed; of texts, the first stays.
    """
    first, *others = outcomes
    failed: dict[str, dict[str, Any]] = {key: dict(found) for key, found in first.failed.items()}
    metadata = dict(first.metadata)
    for other in others:
        _add(metadata, other.metadata)
        for key, found in other.failed.items():
            _add(failed.setdefault(key, {}), found)
    whole = first.whole_failed or any(other.whole_failed for other in others)
    seconds = first.seconds + sum(other.seconds for other in others)
    return Outcome(first.check, first.severity, failed, metadata, whole, seconds)


def timed(judge: Callable[_Parameters, Outcome]) -> Callable[_Parameters, Outcome]:
    """Let a check's outcome say how long it took to judge."""

    @functools.wraps(judge)
    def judged(*args: _Parameters.args, **named: _Parameters.kwargs) -> Outcome:
        with Stopwatch() as spent:
            outcome = judge(*args, **named)
        return replace(outcome, seconds=spent.seconds)

    return judged


def _add(known: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, int):
            known[name] = known.get(name, 0) + value
        else:
            known.setdefault(name, value)
