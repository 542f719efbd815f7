"""The command's entry: its parts, and what becomes of a user's mistake."""

import sys

import typer
from rich.console import Console

from shop_assets.cli import (
    demo,
    init,
    inspect,
    live,
    quarantine,
    rename,
    reprocess,
    run,
    simulate,
    sources,
    stack,
)
from shop_assets.errors import RunError, UserError

app = typer.Typer(
    help="Bring a shop's data from its sources to trusted marts, hour by hour.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("init")(init.init)
app.command("run")(run.run)
app.command("live")(live.live)
app.command("reprocess")(reprocess.reprocess)
app.command("rename")(rename.rename)
app.command("changes")(reprocess.show_changes)
app.command("sql")(inspect.sql)
app.command("status")(inspect.status)
app.command("env")(stack.env)
app.command("demo")(demo.demo)
app.command("up")(demo.up)
app.command("simulate")(simulate.simulate)
app.add_typer(sources.app, name="sources")
app.add_typer(stack.app, name="stack")
app.add_typer(quarantine.app, name="quarantine")

USER_ERROR = 2
FAILURE = 1


def main() -> None:
    """Run the command; exit with 0 only on success, with 2 for what the user can put right."""
    try:
        app(standalone_mode=True)
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
