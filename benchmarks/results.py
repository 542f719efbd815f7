"""What a benchmark found: tables of what was measured, and how that stands to what is declared."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

BEHIND = 0.25
"""By more than this part of what is declared, a stage has fallen behind."""

Cell = str | int | float | None


@dataclass(frozen=True)
class Verdict:
    """One figure beside what is declared for it.

    `better`: whether a ratio is to be high or a cost to be low. `judged`: whether it counts at
    this size of the load. `speed`: of what hangs on the machine, how many times as fast it is as
    the one that this was declared on.
    """

    what: str
    measured: float
    declared: float
    better: Literal["higher", "lower"]
    unit: str = "x"
    judged: bool = True
    speed: float = 1.0

    @property
    def bound(self) -> float:
        """What is declared, on this machine."""
        return self.declared * self.speed if self.better == "higher" else self.declared / self.speed

    @property
    def behind(self) -> bool:
        """Whether it is worse than declared by more than a quarter, and that counts."""
        if not self.judged:
            return False
        if self.better == "higher":
            return self.measured < self.bound * (1 - BEHIND)
        return self.measured > self.bound * (1 + BEHIND)

    @property
    def met(self) -> bool:
        """Whether it is what is declared, or better."""
        if self.better == "higher":
            return self.measured >= self.bound
        return self.measured <= self.bound


@dataclass
class Section:
    """One table of results: rows of the same columns, verdicts, and what has to be known of it."""

    title: str
    rows: list[dict[str, Cell]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The section in plain values."""
        return {
            "title": self.title,
            "rows": self.rows,
            "verdicts": [
                {**vars(verdict), "met": verdict.met, "behind": verdict.behind}
                for verdict in self.verdicts
            ],
            "notes": self.notes,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Section:
        """The section that `as_json` gave."""
        return cls(
            values["title"],
            values["rows"],
            [
                Verdict(**{k: v for k, v in verdict.items() if k not in ("met", "behind")})
                for verdict in values["verdicts"]
            ],
            values["notes"],
        )


@dataclass(frozen=True)
class Contender:
    """One way of doing a stage's work: seconds of each run, rows of one run, memory in MiB.

    `memory`: the most that the process held beyond what it held before; `servers`: the most that
    its servers held. `role`: the platform itself, what bounds it, or what others would use.
    """

    name: str
    role: Literal["platform", "limit", "peer"]
    rows: int
    seconds: Sequence[float]
    memory: float
    servers: float

    @property
    def median(self) -> float:
        """The median of the runs' seconds."""
        return statistics.median(self.seconds)

    @property
    def rate(self) -> float:
        """Rows a second, in the median run."""
        return self.rows / self.median


def compared(title: str, contenders: Sequence[Contender], notes: Sequence[str] = ()) -> Section:
    """A table of contenders, with each one's rate as a part of the first one's."""
    first = contenders[0]
    rows: list[dict[str, Cell]] = [
        {
            "how": c.name,
            "as": c.role,
            "rows": c.rows,
            "median s": _digits(c.median),
            "fastest s": _digits(min(c.seconds)),
            "slowest s": _digits(max(c.seconds)),
            "rows/s": round(c.rate),
            "platform is": f"{first.rate / c.rate:.2f}x",
            "memory MiB": round(c.memory),
            "servers MiB": round(c.servers),
        }
        for c in contenders
    ]
    return Section(title, rows, notes=list(notes))


def ratio(
    what: str, of: Contender, to: Contender, declared: float, *, judged: bool = True
) -> Verdict:
    """How many times as fast, row for row, one contender is as another."""
    return Verdict(what, round(of.rate / to.rate, 3), declared, "higher", judged=judged)


def _digits(seconds: float) -> float:
    """To four digits, however short: a stage of a few rows takes a millisecond or two."""
    return float(f"{seconds:.4g}")
