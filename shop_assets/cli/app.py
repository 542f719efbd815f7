"""The command's entry: its parts, and what becomes of a user's mistake."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO, cast

import typer
from rich.console import Console

from shop_assets.errors import RunError, UserError

USER_ERROR = 2
FAILURE = 1
STOPPED = 130


def application() -> typer.Typer:
    """The command with its parts. They import what they work with when they are called."""
    # Here, where somebody may have pressed Ctrl-C already.
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

    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
    app.callback()(_shop_assets)
    commands: dict[str, Callable[..., None]] = {
        "init": init.init,
        "run": run.run,
        "live": live.live,
        "reprocess": reprocess.reprocess,
        "rename": rename.rename,
        "changes": reprocess.show_changes,
        "sql": inspect.sql,
        "status": inspect.status,
        "env": stack.env,
        "demo": demo.demo,
        "up": demo.up,
        "simulate": simulate.simulate,
    }
    for name, command in commands.items():
        app.command(name)(command)
    for name, group in (("sources", sources), ("stack", stack), ("quarantine", quarantine)):
        app.add_typer(group.app, name=name)
    return app


def _shop_assets() -> None:
    """Bring a shop's data from its sources to trusted marts, hour by hour."""


def main() -> None:
    """Run the command; exit with 0 only on success, with 2 for what the user can put right.

    With 130 where Ctrl-C has ended it.
    """
    errors = _Errors(sys.stderr)
    sys.stderr = cast("TextIO", errors)

    def interrupted(*_: object) -> None:
        errors.keep_to_main()
        raise KeyboardInterrupt

    # A script's background job begins with Ctrl-C ignored, and is to go on with that.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupted)
    try:
        application()()
    except UserError as error:
        _say(str(error))
        sys.exit(USER_ERROR)
    except RunError as error:
        _say(str(error))
        sys.exit(FAILURE)
    except KeyboardInterrupt:
        _leave()
    except SystemExit as ended:
        # Typer's word for Ctrl-C.
        if ended.code == STOPPED:
            _leave()
        raise


class _Errors:
    """Standard error; once somebody has interrupted the command, for its main thread alone.

    What threads of a load have under way then meets servers that stop, and complains in vain.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._of_main_alone = False

    def keep_to_main(self) -> None:
        """Let no other thread write any more, nor what is not written in Python at all."""
        if self._of_main_alone:
            return
        self._of_main_alone = True
        with suppress(OSError, ValueError):  # it may be no file
            number = self._stream.fileno()
            own = os.fdopen(os.dup(number), "w", 1, self._stream.encoding, self._stream.errors)
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), number)
            self._stream = own

    def write(self, text: str) -> int:
        """Write a text, if it is to be seen."""
        if self._of_main_alone and threading.current_thread() is not threading.main_thread():
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _leave() -> None:
    """End the interrupted process as `sys.exit` does, but without taking Python down under threads
    that go on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _say("stopped; what was loaded stays")
    atexit._run_exitfuncs()  # noqa: SLF001 - what it is for
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(STOPPED)


def _say(sentence: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True, markup=False).print(
        f"shop-assets: {sentence}"
    )
