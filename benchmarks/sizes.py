"""How much each benchmark does: as the targets ask for, or less, to see that all of it works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """The load of one run of the benchmarks.

    `runs`: of which each median is taken. `hour_orders`, `peak_orders`: orders of a normal and of
    the peak hour (a shop's hour has 20 web events and 2.5 items for each). `hours`: normal hours
    measured one after another. `day_hours`: hours of the backfill. `ledger_rows`: that the
    aggregates are made of, and that show how fast the machine is. `year_hours`: commits of the
    Delta table that is looked after. `week_orders`: orders an hour of the week with a sale.
    `judged`: whether the declared ratios hold at this size; where rows are few, fixed costs are all
    there is.
    """

    name: str
    runs: int
    hour_orders: int
    peak_orders: int
    hours: int
    day_hours: int
    ledger_rows: int
    year_hours: int
    week_orders: int
    judged: bool


SIZES = {
    size.name: size
    for size in (
        Size("tiny", 1, 40, 80, 1, 2, 2_000, 6, 5, judged=False),
        Size("quick", 3, 2_100, 21_000, 2, 6, 100_000, 300, 100, judged=False),
        Size("full", 5, 21_000, 210_000, 3, 24, 1_000_000, 24 * 365, 2_100, judged=True),
    )
}
