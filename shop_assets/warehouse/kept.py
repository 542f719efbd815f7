"""Connections to the warehouse's server that are kept between transactions."""

from __future__ import annotations

import os
import threading
import time
import weakref
from contextlib import suppress
from typing import Any

from adbc_driver_manager import Error as AdbcError

from shop_assets.postgres_driver import Connection, KnownServer, say

_LONGEST = 30.0
_MOST = 3
"""As many as steps are under way at a time."""
_INHERITED: list[Any] = []


class KeptConnection:
    """Opens connections to one server, and keeps three of those that are given back.

    To connect takes a hundred times as long as a short query, and the server as long again to
    begin a session. A connection that broke since, or was not used for half a minute, is replaced.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._server = KnownServer(url)
        self._idle: list[tuple[Connection, float]] = []
        self._changing = threading.Lock()
        held = weakref.ref(self)

        def forget() -> None:
            if (inherited := held()) is not None:
                inherited.forget()

        os.register_at_fork(after_in_child=forget)

    def take(self) -> Connection:
        """A connection in a new transaction; `adbc_driver_manager.Error` where there is none."""
        while (found := self._newest()) is not None:
            kept, since = found
            with suppress(AdbcError):
                if time.monotonic() - since < _LONGEST:
                    # All that a session remembers; and whether it is alive, which nobody else says.
                    say(kept, "DISCARD ALL")
                    kept.adbc_connection.set_autocommit(False)
                    return kept
            _close(kept)
        return self._server.connect()

    def give_back(self, connection: Connection) -> None:
        """Take a connection back whose transaction has ended well."""
        try:
            connection.adbc_connection.set_autocommit(True)
            say(connection, "DISCARD TEMP")
        except AdbcError:
            _close(connection)
            return
        with self._changing:
            self._idle.append((connection, time.monotonic()))
            surplus, self._idle = self._idle[:-_MOST], self._idle[-_MOST:]
        for oldest, _ in surplus:
            _close(oldest)

    def forget(self) -> None:
        """Let go of what a forked process has of its parent, without ending it."""
        self._changing = threading.Lock()
        _INHERITED.extend((self._idle, self._server))
        self._idle, self._server = [], KnownServer(self._url)

    def close(self) -> None:
        """End the connections that are kept."""
        with self._changing:
            kept, self._idle = self._idle, []
        self._server.forget()
        for connection, _ in kept:
            _close(connection)

    def _newest(self) -> tuple[Connection, float] | None:
        with self._changing:
            return self._idle.pop() if self._idle else None


def _close(connection: Connection) -> None:
    with suppress(AdbcError):
        connection.close()
