"""Timing several ways of doing a stage's work, against each other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.memory import MemoryWatch, held_now
from benchmarks.results import Contender

Work = Callable[[int], int]
"""Does the work of a round, whose number it is given; returns the rows that it did."""


@dataclass
class Racer:
    """One way of doing the work. `rounds`: how many it takes part in, if not in all.

    `warm`: whether it does its work once (as round 0) before it counts.
    """

    name: str
    role: Literal["platform", "limit", "peer"]
    work: Work
    rounds: int | None = None
    warm: bool = True
    seconds: list[float] = field(default_factory=list)
    rows: set[int] = field(default_factory=set)
    memory: float = 0.0
    servers: float = 0.0

    def run(self, number: int, home: Path | None) -> None:
        """Do the work of a round, and note what it took."""
        before = held_now()
        with MemoryWatch(os.getpid(), home) as watch:
            began = time.perf_counter()
            self.rows.add(self.work(number))
            self.seconds.append(time.perf_counter() - began)
        self.memory = max(self.memory, watch.peak - before)
        self.servers = max(self.servers, watch.servers)

    def arrived(self) -> Contender:
        """What was measured; `ValueError` where its rounds differ in what they did."""
        if len(self.rows) != 1:
            raise ValueError(f"{self.name}: rounds of {sorted(self.rows)} rows cannot be compared")
        (rows,) = self.rows
        return Contender(self.name, self.role, rows, self.seconds, self.memory, self.servers)


def race(racers: Sequence[Racer], rounds: int, *, home: Path | None = None) -> list[Contender]:
    """Let all do their work in turn, round after round.

    So whatever else the machine does meets them alike. `home`: of the servers to be watched.
    """
    for racer in racers:
        if racer.warm:
            racer.work(0)
    for number in range(1, rounds + 1):
        for racer in racers:
            if racer.rounds is None or number <= racer.rounds:
                racer.run(number, home)
    return [racer.arrived() for racer in racers]
