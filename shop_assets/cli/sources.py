"""`shop-assets sources`: which systems can be read, and whether a shop's own can."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from shop_assets.cli.catalogue import list_connectors
from shop_assets.cli.figures import console
from shop_assets.cli.shop import ConfigOption, JsonOption, config_path
from shop_assets.errors import UserError
from shop_assets.servers import home
from shop_assets.stack.endpoints import resolve_endpoints

if TYPE_CHECKING:
    from shop_assets.onboarding.check import SourceReport

app = typer.Typer(help="The systems that a shop's data comes from.", no_args_is_help=True)
app.command("list")(list_connectors)

SourceArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Only these; all, if none.")
]
RowsOption = Annotated[
    int, typer.Option("--rows", min=1, max=50, help="How many rows to show of each entity.")
]
PiiOption = Annotated[bool, typer.Option("--show-pii", help="Show personal data, too.")]


@app.command("check")
def check(
    sources: SourceArgument = None,
    config: ConfigOption = None,
    rows: RowsOption = 3,
    show_pii: PiiOption = False,
    as_json: JsonOption = False,
) -> None:
    """Connect to the shop's sources: what they have, what becomes of it, what a month costs.

    Nothing is loaded. Exits with 1 where something is missing or cannot be read.
    """
    from shop_assets.cli import source_reports

    reports = look_at(config_path(config), sources or [], rows, show_pii=show_pii, quiet=as_json)
    if as_json:
        typer.echo(json.dumps([source_reports.as_json(report) for report in reports]))
    else:
        show(reports)
    if not all(report.fine for report in reports):
        raise typer.Exit(1)


def look_at(
    path: Path, sources: list[str], rows: int, *, show_pii: bool, quiet: bool
) -> list[SourceReport]:
    """The reports of the named sources of a configuration; of all, if none is named."""
    from shop_assets.onboarding.check import Look, check_sources
    from shop_assets.settings import load_settings

    settings = load_settings(path, os.environ)
    for name in sources:
        if name not in settings.sources:
            raise UserError(
                f"{path}: no source {name}, expected one of {', '.join(settings.sources)}"
            )
    names = list(dict.fromkeys(sources)) or list(settings.sources)
    look = Look(
        dt.datetime.now(dt.UTC),
        rows=rows,
        show_pii=show_pii,
        redis_url=_redis_url(),
        # Runs may go on meanwhile, and where they cannot hear of each other, each has its share.
        shares=1 + int(os.environ.get("SHOP_MAX_CONCURRENT_RUNS", "2")),
    )
    total = sum(len(settings.sources[name].streams) for name in names)
    with Console(stderr=True).status("looking at the sources", spinner="line") as status:
        seen: list[str] = []

        def done(name: str, stream: str) -> None:
            seen.append(stream)
            status.update(f"{len(seen)} of {total} streams: {name}.{stream}")

        return check_sources(settings, names, look, (lambda *_: None) if quiet else done)


def show(reports: list[SourceReport]) -> None:
    """Print the reports, and in how many of them something is wrong."""
    from shop_assets.cli.source_reports import print_report

    out = console()
    for report in reports:
        print_report(out, report)
    wrong = [report.source for report in reports if not report.fine]
    out.print(
        f"[red]To be put right: {', '.join(wrong)}[/red]"
        if wrong
        else "[green]All sources can be loaded.[/green]"
    )


def _redis_url() -> str | None:
    """Where the shop's runs tell each other of their calls, if there is such a place yet."""
    try:
        return resolve_endpoints(home(), os.environ).redis_url
    except UserError:
        return os.environ.get("SHOP_REDIS_URL") or None
