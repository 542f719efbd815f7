"""An API server on loopback, in a thread of this process; and the clock that it lives by."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import uvicorn

from shop_assets.demo.apis.faults import Faults, Spoilt
from shop_assets.errors import RunError, UserError

_HOST = "127.0.0.1"
_START_SECONDS = 30.0


class Clock:
    """What time it is for a server: that of this machine, or one that is set."""

    def __init__(self, now: dt.datetime | None = None) -> None:
        self._now = now

    def now(self) -> dt.datetime:
        """The moment, UTC."""
        return self._now or dt.datetime.now(dt.UTC)

    def set(self, now: dt.datetime) -> None:
        """Let it be that moment until it is set again."""
        self._now = now.astimezone(dt.UTC)

    def advance(self, by: dt.timedelta) -> None:
        """Let time pass, of a clock that was set."""
        self.set(self.now() + by)

    @property
    def seconds(self) -> int:
        """Whole seconds since 1970."""
        return int(self.now().timestamp())


@contextlib.contextmanager
def serving(
    app: Any,
    *,
    faults: Faults | None = None,
    clock: Clock | None = None,
    port: int = 0,
    tls: tuple[Path, Path] | None = None,
) -> Iterator[str]:
    """Serve an ASGI application; yields its base URL (`http://127.0.0.1:port`).

    `port` 0 takes a free one. `tls`: the files of a certificate chain and its key. Raises
    `UserError` where the port is taken.
    """
    now: Callable[[], dt.datetime] = (clock or Clock()).now
    spoilt = Spoilt(app, faults or Faults(), lambda: format_datetime(now(), usegmt=True))
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((_HOST, port))
    except OSError as error:
        listening.close()
        raise UserError(f"port {port} of {_HOST} is taken, expected a free one") from error
    certificate, key = (str(tls[0]), str(tls[1])) if tls else (None, None)
    server = uvicorn.Server(
        uvicorn.Config(
            spoilt,
            http="h11",
            ws="none",
            lifespan="off",
            # An answer cut on purpose is an error for the server, and none of ours.
            log_config=None,
            log_level="critical",
            access_log=False,
            date_header=False,
            server_header=False,
            ssl_certfile=certificate,
            ssl_keyfile=key,
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise RunError(f"the API server at {_HOST} did not start")
            time.sleep(0.01)
        yield f"{'https' if tls else 'http'}://{_HOST}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)
        listening.close()
