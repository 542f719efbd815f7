"""`shop-assets reprocess` and `changes`: hours computed again, and what that changed."""

from __future__ import annotations

import datetime as dt
import json
import time
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

import shop_assets
from shop_assets.automation.layers import Layer
from shop_assets.cli.figures import console, print_checks
from shop_assets.cli.memory import importing
from shop_assets.cli.run import FromOption, ToOption, backfill, expect_sources, window_of
from shop_assets.cli.shop import ConfigOption, JsonOption, Shop
from shop_assets.errors import UserError

if TYPE_CHECKING:
    from shop_assets.warehouse.changes import Change

_SHOWN = 60


def reprocess(
    start: FromOption,
    end: ToOption,
    layer: Annotated[
        Layer, typer.Option("--from-layer", help="Where to begin: raw asks the sources again.")
    ] = "clean",
    reason: Annotated[str, typer.Option(help="Kept with the record of what was done.")] = "",
    chunk_hours: Annotated[int, typer.Option(min=1, help="Hours a run.")] = 24,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute hours again, and show what that changed in each mart, day by day.

    One that was stopped goes on where it stood when the same command is given again within a week,
    with the same configuration and release.
    """
    shop = Shop.open(config, start=True)
    # As in `run`: what has been imported with the shop.
    from shop_assets import partitions
    from shop_assets.settings.digest import digest
    from shop_assets.warehouse.changes import changes
    from shop_assets.warehouse.reprocessing import begin_or_resume, finish, note_run

    window = window_of(shop, start, end)
    if layer == "raw":
        expect_sources(shop)
    began = time.monotonic()
    made_by = f"{shop_assets.__version__} {digest(shop.settings)}"
    task = begin_or_resume(shop.warehouse, layer, *window, reason, made_by=made_by)
    if task.anew is not None and not as_json:
        console().print(task.anew)
    if task.done and not as_json:
        console().print(f"going on: {len(task.done):,} hours are done already")
    left = [hour for hour in partitions.hours(*window) if hour not in task.done]

    def note(run_id: str, span: tuple[dt.datetime, dt.datetime] | None) -> None:
        note_run(shop.warehouse, task, run_id, span)

    with backfill(shop, quiet=as_json) as (runner, show):
        report = runner.load(
            left, show, layer=layer, loaded=task.done, chunk_hours=chunk_hours, on_run=note
        )
    finish(shop.warehouse, task)
    found = changes(shop.warehouse, task.runs)
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        facts: dict[str, Any] = {"hours": len(left), "resumed": len(task.done), "anew": task.anew}
        facts |= {"seconds": seconds, "runs": task.runs, "changes": [asdict(c) for c in found]}
        typer.echo(json.dumps(facts))
        return
    _print(found)
    print_checks(report)
    console().print(f"{report.hours:,} hours from {layer} in {seconds:.0f} s")


def show_changes(
    runs: Annotated[list[str], typer.Argument(help="Ids of Dagster's runs or backfills.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what runs (or a backfill of the Dagster UI) have changed in each mart, day by day."""
    with importing():
        from dagster import RunsFilter

        from shop_assets.warehouse.changes import changes
    shop = Shop.open(config)
    wanted: list[str] = []
    with shop.instance() as instance:
        for name in runs:
            of_backfill = instance.get_runs(RunsFilter(tags={"dagster/backfill": name}))
            wanted += [run.run_id for run in of_backfill]
            if instance.get_run_by_id(name) is not None:
                wanted.append(name)
            elif not of_backfill:
                raise UserError(f"{name} is no run or backfill, expected an id that the UI shows")
    found = changes(shop.warehouse, wanted)
    if as_json:
        typer.echo(json.dumps([asdict(c) for c in found]))
        return
    _print(found)


def _print(found: list[Change]) -> None:
    if not found:
        console().print("no mart has changed")
        return
    table = Table("mart", "day", "figure", title="What changed")
    for name in ("before", "after", "difference", "currency"):
        table.add_column(name, justify="right")
    for change in found[:_SHOWN]:
        shown = (change.before, change.after, change.after - change.before)
        table.add_row(
            change.mart,
            change.day,
            change.figure.removesuffix("_micros"),
            *(_figure(change, value) for value in shown),
            change.currency,
        )
    console().print(table)
    if len(found) > _SHOWN:
        console().print(f"... and {len(found) - _SHOWN} more figures; --json shows all")


def _figure(change: Change, value: int) -> Any:
    if change.figure.endswith("_micros"):
        return f"{Decimal(value) / 1_000_000:,.2f}"
    return f"{value:,}"
