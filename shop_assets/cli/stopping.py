"""Being asked to stop: what Ctrl-C and SIGTERM do to a command that goes on until then."""

import contextlib
import signal
from collections.abc import Iterator


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
