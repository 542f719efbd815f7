"""The command's entry: its parts, and what becomes of a user's mistake."""

from __future__ import annotations

import gc
import sys
from importlib import import_module

import typer
from rich.console import Console

from shop_assets.errors import RunError, UserError

_COMMANDS = {
    "init": "init:init",
    "run": "run:run",
    "live": "live:live",
    "reprocess": "reprocess:reprocess",
    "rename": "rename:rename",
    "changes": "reprocess:show_changes",
    "sql": "inspect:sql",
    "status": "inspect:status",
    "env": "stack:env",
    "demo": "demo:demo",
    "up": "demo:up",
    "simulate": "simulate:simulate",
    "sources": "sources:app",
    "stack": "stack:app",
    "quarantine": "quarantine:app",
}
"""Where each command stands in this package: a function, or an app of commands."""

USER_ERROR = 2
FAILURE = 1


def application(asked: str | None = None) -> typer.Typer:
    """The command with its parts; with that alone which is asked for, if there is such a one.

    Loading hours takes Dagster and all assets, a second and a half to import; most else does not.
    """
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
    app.callback()(_shop_assets)
    for name in [asked] if asked in _COMMANDS else _COMMANDS:
        module, _, attribute = _COMMANDS[name].partition(":")
        found = getattr(import_module(f"shop_assets.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _shop_assets() -> None:
    """Bring a shop's data from its sources to trusted marts, hour by hour."""


def main() -> None:
    """Run the command; exit with 0 only on success, with 2 for what the user can put right."""
    # What is imported stays: collecting garbage among it again and again takes a second.
    gc.disable()
    app = application(*sys.argv[1:2])
    gc.freeze()
    gc.enable()
    try:
        app()
    except UserError as error:
        _say(str(error))
        sys.exit(USER_ERROR)
    except RunError as error:
        _say(str(error))
        sys.exit(FAILURE)
    except KeyboardInterrupt:
        _say("stopped; what was loaded stays, run it again to go on")
        sys.exit(130)


def _say(sentence: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True, markup=False).print(
        f"shop-assets: {sentence}"
    )
