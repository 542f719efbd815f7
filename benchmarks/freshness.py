"""How long from a change in the source until the marts show it, through the running system.

    python benchmarks/freshness.py [--orders-per-hour 21000] [--minutes 15] [--backfill]

A simulated shop lives in real time (its database and its exports); `shop-assets live` follows the
open hour, and with `--backfill` the hours before it are loaded again and again beside it. Once a
second the mart is asked how many orders it shows. An order's latency runs from its time in the
source to the first answer that counts it. Prints JSON: p50, p95 and p99 in seconds, the loads.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from shop_assets.demo import DemoPlan, SimulatedShop, prepare_targets
from shop_assets.partitions import HOUR, floor_hour
from shop_assets.stack import embedded
from shop_assets.stack.endpoints import resolve_endpoints
from shop_assets.warehouse.connection import Warehouse

EXAMPLE = Path(__file__).parents[1] / "examples" / "demo" / "shop.yaml"
COMMAND = str(Path(sys.executable).with_name("shop-assets"))
BEFORE = 2
"""Hours of history, which the backfill loads."""
SHOWN = "SELECT coalesce(sum(orders), 0)::bigint AS n FROM marts.sales_hourly WHERE hour >= $1"
PLACED = (
    "SELECT extract(epoch FROM min(happened_at))::float8 AS at FROM warehouse.sales_ledger "
    "WHERE kind = 'sale' AND happened_at >= $1 GROUP BY source, order_id ORDER BY 1"
)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def plan_of(orders_per_hour: float) -> DemoPlan:
    """A shop that has been open for some hours, with that many orders in the hour that is open."""
    start = floor_hour(now()) - BEFORE * HOUR
    probe = DemoPlan(start, orders_per_hour=1.0, flash_sale=None)
    return DemoPlan(start, orders_per_hour=orders_per_hour / probe.demand(BEFORE), flash_sale=None)


def configure(home: Path, variables: dict[str, str]) -> Path:
    """The demo's configuration without the systems that have an API."""
    declared = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    for name in ("shopify", "woocommerce", "payments"):
        del declared["sources"][name]
    text = yaml.safe_dump(declared, sort_keys=False)
    for name, value in variables.items():
        text = text.replace(f"${{{name}}}", value)
    path = home / "shop.yaml"
    path.write_text(text, "utf-8")
    return path


@contextlib.contextmanager
def living(shop: SimulatedShop) -> Iterator[None]:
    """Let the shop live in real time, in a thread."""
    stopped = threading.Event()

    def live() -> None:
        while not stopped.wait(1.0):
            shop.live(now())

    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


@contextlib.contextmanager
def running(environment: dict[str, str], log: Path, *arguments: str) -> Iterator[None]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            [COMMAND, *arguments], env=environment, stdout=output, stderr=output
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(120)


@contextlib.contextmanager
def loading_again(environment: dict[str, str], log: Path, start: dt.datetime) -> Iterator[None]:
    """Load the hours before the open one, over and over."""
    stopped = threading.Event()
    span = ("--from", f"{start:%Y-%m-%dT%H:00}", "--to", f"{start + BEFORE * HOUR:%Y-%m-%dT%H:00}")

    def load() -> None:
        with log.open("ab") as output:
            while not stopped.is_set():
                subprocess.run(
                    [COMMAND, "run", *span],
                    env=environment,
                    stdout=output,
                    stderr=output,
                    check=True,
                )

    thread = threading.Thread(target=load)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def watched(warehouse: Warehouse, since: dt.datetime, seconds: float) -> list[tuple[float, int]]:
    """What the mart shows, about once a second: the moment, and how many orders."""
    found: list[tuple[float, int]] = []
    end = time.time() + seconds
    while time.time() < end:
        count = int(warehouse.read(SHOWN, (since,))["n"].iloc[0])
        found.append((time.time(), count))
        time.sleep(1.0)
    return found


def latencies(placed: np.ndarray, seen: list[tuple[float, int]], began: float) -> np.ndarray:
    """Seconds until each order that was placed since `began` showed."""
    moments = np.array([moment for moment, _ in seen])
    counts = np.maximum.accumulate([count for _, count in seen])
    first = np.searchsorted(counts, np.arange(1, len(placed) + 1))
    shown = first < len(moments)
    taken = moments[first[shown]] - placed[shown]
    return taken[placed[shown] >= began]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders-per-hour", type=float, default=21_000)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--every", type=float, default=60)
    parser.add_argument("--backfill", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        embedded.start(home)
        try:
            print(json.dumps(measured(home, chosen), indent=2))
        finally:
            embedded.stop(home)


def measured(home: Path, chosen: argparse.Namespace) -> dict[str, object]:
    where = resolve_endpoints(home, {})
    assert where.postgres_admin_url is not None
    plan = plan_of(chosen.orders_per_hour)
    secret = secrets.token_urlsafe(24)
    targets = prepare_targets(where.postgres_admin_url, home / "sources", password=secret)
    config = configure(home, targets.environment(plan))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SHOP_", "DAGSTER_"))}
    environment = {**kept, "SHOP_HOME": str(home), "SHOP_CONFIG": str(config)}
    live_log, backfill_log = home / "live.log", home / "backfill.log"
    with SimulatedShop.create(plan, targets) as shop, contextlib.ExitStack() as stack:
        shop.live(now())
        warehouse = Warehouse(where.postgres_url)
        warehouse.create()
        stack.enter_context(living(shop))
        stack.enter_context(running(environment, live_log, "live", "--every", str(chosen.every)))
        if chosen.backfill:
            stack.enter_context(loading_again(environment, backfill_log, plan.start))
        opened = plan.start + BEFORE * HOUR
        while not int(warehouse.read(SHOWN, (opened,))["n"].iloc[0]):
            time.sleep(1.0)
        began = time.time()
        seen = watched(warehouse, opened, chosen.minutes * 60)
        placed = warehouse.read(PLACED, (opened,))["at"].to_numpy(dtype=float)
    taken = latencies(placed, seen, began)
    loads = [
        line for line in live_log.read_text("utf-8").splitlines() if "loaded until now" in line
    ]
    return {
        "orders_per_hour": chosen.orders_per_hour,
        "every_seconds": chosen.every,
        "minutes": chosen.minutes,
        "backfill_beside": chosen.backfill,
        "orders_measured": len(taken),
        "latency_seconds": {
            f"p{share}": round(float(np.percentile(taken, share)), 1) for share in (50, 95, 99)
        },
        "loads": len(loads),
        "seconds_a_load": [float(line.rsplit(" in ", 1)[1].split()[0]) for line in loads],
    }


if __name__ == "__main__":
    main()
