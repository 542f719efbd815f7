"""Being asked to stop: what Ctrl-C and SIGTERM do to a command that goes on until then."""

import contextlib
import signal
from collections.abc import Iterator
from threading import Event


@contextlib.contextmanager
def asked_to_stop() -> Iterator[Event]:
    """What Ctrl-C and SIGTERM set, instead of ending this process.

    Processes that are started within begin with both as they are by default. Else they would
    inherit what a script's background jobs begin with, Ctrl-C ignored: Dagster's would ignore
    SIGTERM with it, and hand that on to the `tail`s of their runs, which nothing could end.
    """
    stopped = Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in signals}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
