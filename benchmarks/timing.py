"""Timing one way of doing a stage's work, several times."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from benchmarks.memory import MemoryWatch, held_now
from benchmarks.results import Contender

Work = Callable[[int], int]
"""Does the work of a run, whose number it is given; returns the rows that it did."""


def contend(
    name: str,
    role: Literal["platform", "limit", "peer"],
    work: Work,
    runs: int,
    *,
    home: Path | None = None,
    warm: bool = True,
) -> Contender:
    """Time `work` so many times, after once that is not counted, if it is to be `warm`.

    Raises `ValueError` where runs differ in what they did.
    """
    if warm:
        work(0)
    seconds: list[float] = []
    rows: set[int] = set()
    growth = servers = 0.0
    for number in range(1, runs + 1):
        before = held_now()
        with MemoryWatch(os.getpid(), home) as watch:
            began = time.perf_counter()
            rows.add(work(number))
            seconds.append(time.perf_counter() - began)
        growth = max(growth, watch.peak - before)
        servers = max(servers, watch.servers)
    if len(rows) != 1:
        raise ValueError(f"{name}: runs of {sorted(rows)} rows cannot be compared")
    return Contender(name, role, rows.pop(), seconds, growth, servers)
