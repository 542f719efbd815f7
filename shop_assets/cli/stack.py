"""`shop-assets stack up|down|status` and `shop-assets env`."""

import json
import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from shop_assets.cli.figures import console
from shop_assets.cli.shop import ConfigOption, JsonOption, environment
from shop_assets.servers import home
from shop_assets.stack import embedded
from shop_assets.stack.endpoints import resolve_endpoints

app = typer.Typer(help="The embedded PostgreSQL, S3 and Redis.", no_args_is_help=True)


@app.command()
def up(as_json: JsonOption = False) -> None:
    """Start what is not running; credentials and data stay in SHOP_HOME (default: .shop)."""
    embedded.start(home())
    _show(as_json=as_json)


@app.command()
def down(as_json: JsonOption = False) -> None:
    """Stop what runs; the data stays."""
    stopped = embedded.stop(home())
    if as_json:
        typer.echo(json.dumps({"stopped": stopped}))
        return
    typer.echo(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Say which servers run, and where."""
    _show(as_json=as_json)
    if not all(service.healthy for service in embedded.status(home())):
        raise typer.Exit(1)


def _show(*, as_json: bool) -> None:
    services = embedded.status(home())
    if as_json:
        typer.echo(json.dumps([asdict(service) for service in services]))
        return
    table = Table("server", "state", "address", "pid")
    for service in services:
        state = "healthy" if service.healthy else "running" if service.running else "stopped"
        table.add_row(service.name, state, service.address, str(service.pid or ""))
    console().print(table)


def env(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    home_option: Annotated[Path | None, typer.Option("--home", help="Else SHOP_HOME.")] = None,
) -> None:
    """Print the variables that Dagster's commands need: eval "$(shop-assets env)"."""
    if home_option is not None:
        os.environ["SHOP_HOME"] = str(home_option.absolute())
    named = config or os.environ.get("SHOP_CONFIG")
    path = Path(named).absolute() if named else None
    variables = environment(resolve_endpoints(home(), os.environ), path)
    if as_json:
        typer.echo(json.dumps(variables))
        return
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")
