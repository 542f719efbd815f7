"""The same hour after 1, 100 and 10,000 hours of history.

    python benchmarks/history.py [new orders of the hour, 200] [orders of each past hour, 20]

What is timed is all that the warehouse does for an hour: keys and checkpoints, every entity merged,
the ledger, the web activity, each mart, and what the sensors ask; not the lake, not Dagster. The
past is made in SQL. Hours follow one on the other, each after all of the histories in turn, so that
whatever else the machine does meets them alike; the first is not counted. Prints JSON, then a line
for each history and the ratio of the longest to the shortest, the median of the rounds'.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from shop_assets.stack import embedded
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.flatness.history import NOW, History, fill
from shop_assets_tests.flatness.hour import Hour, look_for_missing_hours
from shop_assets_tests.warehouse.databases import copied, make_template

HOURS = (1, 100, 10_000)
RUNS = 5
TARGET = 1.15


def main() -> None:
    new, past = (int(given) for given in (*sys.argv[1:], "200", "20")[:2])
    with tempfile.TemporaryDirectory() as home, ExitStack() as opened:
        stack = opened.enter_context(embedded.running(Path(home), environ={}, durable=False))
        template = make_template(stack)
        warehouses = {}
        for hours in HOURS:
            warehouse = Warehouse(opened.enter_context(copied(stack, template)))
            fill(warehouse, History(hours, orders=past))
            look_for_missing_hours(warehouse, NOW)
            warehouses[hours] = warehouse
        seconds: dict[int, list[float]] = defaultdict(list)
        stages: dict[int, list[dict[str, float]]] = defaultdict(list)
        for number in range(RUNS + 1):
            for hours, warehouse in warehouses.items():
                told = timed(Hour(warehouse, orders=new, back=(0,), number=number))
                if number:
                    seconds[hours].append(sum(told.values()))
                    stages[hours].append(told)
    report(new, past, seconds, stages)


def timed(hour: Hour) -> dict[str, float]:
    """The seconds of each step of an hour."""
    told: dict[str, float] = {}
    step, began = "", time.perf_counter()
    for following in hour.run():
        if step:
            told[step] = time.perf_counter() - began
        step, began = following, time.perf_counter()
    told[step] = time.perf_counter() - began
    return told


def report(
    new: int,
    past: int,
    seconds: dict[int, list[float]],
    stages: dict[int, list[dict[str, float]]],
) -> None:
    """Print what was measured."""
    medians = {hours: statistics.median(runs) for hours, runs in seconds.items()}
    # Of each round by itself: what the machine does meanwhile changes from round to round.
    rounds = zip(seconds[HOURS[-1]], seconds[HOURS[0]], strict=True)
    ratio = statistics.median(long / short for long, short in rounds)
    result: dict[str, Any] = {
        "benchmark": "history",
        "new_orders": new,
        "past_orders_an_hour": past,
        "runs": RUNS,
        "median_seconds": medians,
        "seconds": seconds,
        "median_seconds_of_steps": {
            hours: {step: statistics.median(run[step] for run in runs) for step in runs[0]}
            for hours, runs in stages.items()
        },
        "ratio": ratio,
        "target": TARGET,
    }
    print(json.dumps(result))
    for hours, median in medians.items():
        spread = f"{min(seconds[hours]):.2f} to {max(seconds[hours]):.2f}"
        print(f"after {hours:>6,} hours: {median:6.2f} s (median of {RUNS}; {spread})")
    verdict = "flat" if ratio <= TARGET else "NOT FLAT"
    print(
        f"ratio {HOURS[-1]:,} / {HOURS[0]:,}, median of rounds: {ratio:.2f}: {verdict} ({TARGET})"
    )


if __name__ == "__main__":
    main()
