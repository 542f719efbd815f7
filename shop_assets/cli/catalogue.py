"""`shop-assets sources list`: the kinds of systems that can be sources."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shop_assets.cli.figures import console
from shop_assets.cli.shop import JsonOption
from shop_assets.errors import UserError

if TYPE_CHECKING:
    from shop_assets.settings.catalogue import KnownConnector, Option

ConnectorArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[CONNECTOR]...", help="Only these; all, if none.")
]


def list_connectors(names: ConnectorArgument = None, as_json: JsonOption = False) -> None:
    """Say which kinds of systems can be sources, their options, and what they become."""
    from shop_assets.settings.catalogue import connectors

    known = {connector.name: connector for connector in connectors()}
    for name in names or ():
        if name not in known:
            raise UserError(f"no connector {name}, expected one of {', '.join(known)}")
    shown = [known[name] for name in dict.fromkeys(names or known)]
    if as_json:
        typer.echo(json.dumps([asdict(connector) for connector in shown]))
        return
    out = console()
    for connector in shown:
        _print(out, connector)
    if not names:
        out.print(f"One of them alone: shop-assets sources list {shown[-1].name}", style="dim")


def _print(out: Console, connector: KnownConnector) -> None:
    out.rule(f"[bold]{connector.name}[/bold]", align="left")
    out.print(connector.about, markup=False)
    out.print(_options("option", connector.options))
    if connector.streams:
        table = Table("stream", "becomes")
        for stream in connector.streams:
            table.add_row(stream.name, ", ".join(stream.becomes) or "kept as it is, in raw")
        out.print(table)
    if connector.presets:
        table = Table("preset of a stream", "becomes")
        for vendor in connector.presets:
            table.add_row(vendor.name, ", ".join(vendor.becomes))
        out.print(table)
    if not connector.streams:
        out.print("Its streams are yours to name; what they become, `entities` says.")
    out.print(_options("option of a stream", connector.stream_options))
    out.print(f"More: docs/connect/{connector.name}.md\n")


def _options(title: str, options: tuple[Option, ...]) -> Table:
    table = Table(title, "type", "without it", "meaning")
    for option in options:
        default = "[bold]must be given[/bold]" if option.default is None else escape(option.default)
        table.add_row(option.name, escape(option.kind), default, escape(option.meaning))
    return table
