"""`shop-assets run`: load a span of hours, from the sources to the marts."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from shop_assets.cli.figures import console, print_checks, print_rows, rows_by_source
from shop_assets.cli.shop import ConfigOption, JsonOption, Shop
from shop_assets.errors import UserError

if TYPE_CHECKING:
    from shop_assets.backfill import Backfill, OnProgress

FromOption = Annotated[
    str, typer.Option("--from", help="First day (shop's zone) or hour (UTC): 2026-01-31[T09:00].")
]
ToOption = Annotated[str, typer.Option("--to", help="Where to stop; not included.")]


def run(
    start: FromOption, end: ToOption, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Load the hours from --from to --to, and all that follows from them."""
    shop = Shop.open(config, start=True)
    # Dagster, which opening the shop has imported once its configuration was known to be right.
    from shop_assets import partitions

    window = window_of(shop, start, end)
    expect_sources(shop)
    began = time.monotonic()
    with backfill(shop, quiet=as_json) as (runner, show):
        report = runner.load(partitions.hours(*window), show)
    seconds = time.monotonic() - began
    found = rows_by_source(shop.warehouse, *window)
    if as_json:
        typer.echo(
            json.dumps(
                {**asdict(report), "seconds_in_all": round(seconds, 1), "rows": found},
                default=str,
            )
        )
        return
    print_rows(found)
    print_checks(report)
    parts = ", ".join(f"{name} {spent:.0f} s" for name, spent in report.seconds.items())
    console().print(f"{report.hours:,} hours in {seconds:.0f} s ({report.runs} runs: {parts})")


def expect_sources(shop: Shop) -> None:
    """Look at every source before anything is loaded; `UserError` where one cannot be read."""
    from shop_assets.sources import connect

    for name, source in shop.settings.sources.items():
        connector = connect(name, source, base=shop.path.parent)
        try:
            for stream in source.streams:
                connector.check(stream)
        finally:
            connector.close()


@contextmanager
def backfill(shop: Shop, *, quiet: bool = False) -> Iterator[tuple[Backfill, OnProgress]]:
    """A shop's backfill, and a progress bar for it on the terminal's error stream."""
    from shop_assets.backfill import Backfill

    with shop.instance() as instance, hours_bar(quiet=quiet) as progress:
        task = progress.add_task("starting", total=None)

        def show(doing: str, done: float, total: int) -> None:
            progress.update(task, description=doing, completed=done, total=total)

        yield Backfill(shop.definitions(), instance, shop.calendar, shop.warehouse), show
        progress.update(task, description="done")


def hours_bar(*, quiet: bool) -> Progress:
    """A progress bar that counts hours."""
    return Progress(
        TextColumn("{task.description:24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("hours"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet,
    )


def window_of(shop: Shop, start: str, end: str) -> tuple[dt.datetime, dt.datetime]:
    """The hours `[start, end)` that the options name; `UserError` where they cannot be."""
    first, last = _moment(shop, start, "--from"), _moment(shop, end, "--to")
    if first >= last:
        raise UserError(f"--from {start} is not before --to {end}, expected an earlier one")
    opened, after = shop.calendar.hours_until(dt.datetime.now(dt.UTC))
    if last > after and shop.settings.shop.end is not None:
        raise UserError(
            f"--to {end} is after the shop's last day {shop.settings.shop.end}, expected at most "
            f"{after:%Y-%m-%dT%H:%M} (UTC; shop.end in {shop.path})"
        )
    if last > after:
        raise UserError(
            f"--to {end} is in the future, expected at most {after:%Y-%m-%dT%H:%M} (UTC): an hour "
            "is loaded when it is over"
        )
    if first < opened:
        raise UserError(
            f"--from {start} is before {shop.settings.shop.start}, expected the shop's first day "
            f"(shop.start in {shop.path}) or later"
        )
    return first, last


def _moment(shop: Shop, text: str, option: str) -> dt.datetime:
    from shop_assets.partitions import floor_hour

    try:
        if "T" not in text:
            return floor_hour(shop.calendar.day_start(dt.date.fromisoformat(text)))
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"{option} {text} is no date, expected one such as 2026-01-31 or 2026-01-31T09:00"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    if moment != floor_hour(moment):
        raise UserError(f"{option} {text} is within an hour, expected a full hour")
    return moment.astimezone(dt.UTC)
