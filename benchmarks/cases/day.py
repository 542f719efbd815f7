"""A day of the simulated shop as one backfill."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from benchmarks import declared, machine_limits
from benchmarks.loads import load, table_of
from benchmarks.place import Place
from benchmarks.results import Section, Verdict
from benchmarks.shop import BenchShop, plan_of
from benchmarks.sizes import Size

START = dt.datetime(2025, 11, 3, 23, tzinfo=dt.UTC)
"""Midnight in Berlin, before a Tuesday."""


def measure(place: Place, size: Size) -> Iterator[Section]:
    """Hours with the day's ups and downs, `hour_orders` in their mean, in one run."""
    shop = BenchShop(place, plan_of(START, size.hour_orders))
    try:
        shop.live(size.day_hours)
    finally:
        shop.close()
    speed = machine_limits.speed_now(place, size)
    loaded = load(place.home, shop.variables, START, size.day_hours)
    speed = max(speed, machine_limits.speed_now(place, size))
    section = Section("A day as one backfill")
    section.rows = table_of({f"{size.day_hours} hours": loaded})
    section.verdicts = [
        Verdict(
            "a day of 24 hours, raw to marts",
            round(loaded.to_marts, 1),
            declared.DAY_SECONDS,
            "lower",
            "s",
            judged=size.judged,
            speed=speed,
        )
    ]
    section.notes = [machine_limits.note(speed)]
    yield section
