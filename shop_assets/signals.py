"""Ctrl-C and SIGTERM: what they do to a command, and what is kept from taking them."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TypeVar

_Done = TypeVar("_Done")


class Stopping:
    """Whether somebody has `asked` to stop.

    A plain attribute: signals come at any time, also while an `Event` holds its own lock.
    """

    asked = False

    def ask(self, *_: object) -> None:
        """Ask to stop; a handler of signals."""
        self.asked = True


@contextlib.contextmanager
def asked_to_stop() -> Iterator[Stopping]:
    """What Ctrl-C and SIGTERM ask, instead of ending this process.

    Processes that are started within begin with both as they are by default. Else they would
    inherit what a script's background jobs begin with, Ctrl-C ignored: Dagster's would ignore
    SIGTERM with it, and hand that on to the `tail`s of their runs, which nothing could end.
    """
    stopping = Stopping()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, stopping.ask) for number in signals}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def beside_signals(work: Callable[[], _Done]) -> _Done:
    """Do something in a thread of its own, so that signals stay the command's.

    In the main thread others would take them. For Dagster a step that Ctrl-C ends is one that
    failed, and is tried again. ADBC cancels its statement, and where that ends all the same nobody
    hears of Ctrl-C. What is under way when the command ends is fenced like any broken load.
    """
    done: Future[_Done] = Future()

    def do() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised to whoever waits
            done.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    return done.result()
