"""A flash-sale weekend of the simulated shop, reprocessed after a price rule has changed.

    python benchmarks/flash_sale.py [orders an hour]

Fills a demo of three days with a flash sale at ten times the load in a folder of its own, adds a
rule that sets dear articles aside, reprocesses all hours from their raw rows by one command, and
prints how long that took and what it restated.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RULE = """              - name: dear
                when: {unit_price: {above: 60}}
                quarantine: the price is one of the supplier's
"""
BEFORE = "              - name: negative_price\n"


def run(home: Path, *arguments: str, **variables: str) -> tuple[Any, float]:
    """A command's JSON and its seconds."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SHOP_", "DAGSTER_"))}
    began = time.monotonic()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("shop-assets")), *arguments, "--json"],
        env={**kept, "SHOP_HOME": str(home), **variables},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout), time.monotonic() - began


def stack(home: Path, verb: str) -> None:
    """Start or stop the demo's servers."""
    program = str(Path(sys.executable).with_name("shop-assets"))
    surroundings = {**os.environ, "SHOP_HOME": str(home)}
    subprocess.run(
        [program, "stack", verb], env=surroundings, stdout=subprocess.DEVNULL, check=True
    )


def main() -> None:
    orders = sys.argv[1] if len(sys.argv) > 1 else "80"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        filled, seconds = run(home, "demo", "--orders-per-hour", orders)
        read = sum(row["read"] for row in filled["rows"])
        days = sorted({day["day"] for day in filled["days"]})
        print(f"demo: {filled['hours']} hours, {read:,} rows read, {seconds:.0f} s")
        inside, config = home / "demo", home / "demo" / "shop.yaml"
        named = {"SHOP_CONFIG": str(config)}
        stack(inside, "up")
        try:
            config.write_text(config.read_text("utf-8").replace(BEFORE, RULE + BEFORE), "utf-8")
            ends = dt.date.fromisoformat(days[-1]) + dt.timedelta(days=1)
            span = ("--from", days[0], "--to", ends.isoformat())
            done, seconds = run(inside, "reprocess", *span, "--reason", "price rule", **named)
            restated = [c for c in done["changes"] if c["mart"] == "sales_daily"]
            print(f"reprocess: {done['hours']} hours from clean in {seconds:.0f} s")
            print(
                f"{len(done['changes'])} figures restated, {len(restated)} of sales_daily, such as"
            )
            for change in restated[:6]:
                print(
                    f"  {change['day']} {change['currency']} {change['figure']}: "
                    f"{change['before']:,} -> {change['after']:,}"
                )
        finally:
            stack(inside, "down")


if __name__ == "__main__":
    main()
