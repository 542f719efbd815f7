"""`shop-assets demo` and `shop-assets up`: a simulated shop, from its sources to the marts."""

from __future__ import annotations

import datetime as dt
import json
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shop_assets.cli.demo_home import DemoHome
from shop_assets.cli.demo_sales import (
    DaySales,
    differences,
    print_days,
    print_differences,
    sales_by_day,
)
from shop_assets.cli.figures import console, print_checks, print_rows, rows_by_source
from shop_assets.cli.memory import importing
from shop_assets.cli.run import backfill, hours_bar
from shop_assets.cli.serve import following, serving
from shop_assets.cli.shop import JsonOption, Shop
from shop_assets.errors import RunError
from shop_assets.signals import asked_to_stop, beside_signals
from shop_assets.stack import embedded

if TYPE_CHECKING:
    from shop_assets.backfill import BackfillReport
    from shop_assets.demo import SimulatedShop

DaysOption = Annotated[int, typer.Option(min=1, max=60, help="Whole days before today.")]
SizeOption = Annotated[float, typer.Option(help="Orders an hour, in the mean.")]
_CHUNK_HOURS = 24
_BEAT = 5.0


@dataclass
class Filled:
    """What was loaded of a simulated shop, and the seconds that each part took."""

    shop: Shop
    report: BackfillReport
    seconds: dict[str, float] = field(default_factory=dict)


def demo(
    days: DaysOption = 3, orders_per_hour: SizeOption = 80.0, as_json: JsonOption = False
) -> None:
    """Load three days of a simulated shop, from eight source systems to the marts; then stop."""
    with importing():
        from shop_assets.demo import DemoPlan
    began = time.monotonic()
    place = DemoHome.beside()
    with place.entered():
        place.clear()
        plan = DemoPlan.recent(dt.datetime.now(dt.UTC), days, orders_per_hour=orders_per_hour)
        embedded.start(place.path)
        with place.simulated(plan) as simulated:
            filled = _fill(place, simulated, plan.midnight(days), quiet=as_json)
            found = sales_by_day(filled.shop.warehouse, simulated.truth().sales_daily)
            differing = differences(filled.shop.warehouse)
            rows = rows_by_source(filled.shop.warehouse)
    filled.seconds["in all"] = time.monotonic() - began
    if as_json:
        facts = {**_facts(filled, rows, found), "differences": differing}
        typer.echo(json.dumps(facts, default=str))
    else:
        _print(filled, rows, found)
        print_differences(differing)
        console().print(
            f"\nTo look around, with the Dagster UI: make up. Or:\n"
            f"  export SHOP_HOME={place.path} SHOP_CONFIG={place.config}\n"
            "  shop-assets stack up; shop-assets status"
        )
    if wrong := [day for day in found if not day.is_true]:
        raise RunError(
            f"{len(wrong)} of {len(found)} days are not what the shop truly sold, expected none"
        )
    if any(differing.values()):
        raise RunError(
            f"the payment provider differs from the shop ({differing}), expected nowhere"
        )


def up(
    days: DaysOption = 3,
    orders_per_hour: SizeOption = 80.0,
    port: Annotated[int, typer.Option(help="Of the Dagster UI, on loopback.")] = 3000,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the demo that is there.")] = False,
) -> None:
    """Load a simulated shop, then keep the Dagster UI, schedule and sensors on until Ctrl-C.

    The shop lives on in real time. A demo that is there already goes on where it stood.
    """
    with importing():
        from shop_assets.demo import DemoPlan
    place = DemoHome.beside()
    with place.entered():
        if fresh:
            place.clear()
        embedded.start(place.path)
        now = dt.datetime.now(dt.UTC)
        known = place.plan()
        plan = known or DemoPlan.recent(now, days, orders_per_hour=orders_per_hour)
        with place.simulated(plan) as simulated:
            filled = _fill(place, simulated, now, quiet=False)
            _print(filled, rows_by_source(filled.shop.warehouse), [])
            log = place.path / "dagster.log"
            with serving(port, log) as served, following(place.path / "live.log"):
                console().print(
                    f"\nThe Dagster UI is at [bold]http://127.0.0.1:{served.port}[/] (log: {log}). "
                    "Ctrl-C stops everything."
                )
                while served.goes_on(_BEAT):
                    beside_signals(partial(simulated.live, dt.datetime.now(dt.UTC)))
    console().print("stopped; `make up` goes on from here")


def _fill(place: DemoHome, simulated: SimulatedShop, until: dt.datetime, *, quiet: bool) -> Filled:
    """Let the shop live until then, and load what is not loaded yet of its whole hours."""
    began = time.monotonic()
    hour = dt.timedelta(hours=1)
    with hours_bar(quiet=quiet) as bar, asked_to_stop() as stopping:
        opened = simulated.plan.start
        task = bar.add_task("the shop lives", total=(until - opened) / hour)

        def lived(now: dt.datetime) -> None:
            bar.update(task, completed=(now - opened) / hour)
            if stopping.asked:
                raise KeyboardInterrupt

        beside_signals(partial(simulated.live, until, lived))
        bar.update(task, completed=(until - opened) / hour)
    lived_for = time.monotonic() - began
    shop = Shop.open(place.config, start=True)
    with backfill(shop, quiet=quiet) as (runner, show):
        report = runner.load(runner.missing(until), show, chunk_hours=_CHUNK_HOURS)
    return Filled(shop, report, {"the shop's life": lived_for, **report.seconds})


def _facts(filled: Filled, rows: list[dict[str, Any]], found: list[DaySales]) -> dict[str, Any]:
    report = asdict(filled.report)
    return {
        **report,
        "seconds": {name: round(spent, 1) for name, spent in filled.seconds.items()},
        "rows": rows,
        "days": [asdict(day) for day in found],
    }


def _print(filled: Filled, rows: list[dict[str, Any]], found: list[DaySales]) -> None:
    print_rows(rows)
    if found:
        print_days(found)
    print_checks(filled.report)
    parts = ", ".join(f"{name} {spent:.0f} s" for name, spent in filled.seconds.items())
    console().print(f"{filled.report.hours} hours loaded: {parts}")
