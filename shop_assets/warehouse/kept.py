"""One connection to the warehouse's server that is kept between transactions."""

from __future__ import annotations

import os
import threading
import time
import weakref
from contextlib import suppress
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
from adbc_driver_manager import Error as AdbcError

Connection = Any
"""A DBAPI connection of ADBC, in a transaction."""

_LONGEST = 30.0
_INHERITED: list[Any] = []


class KeptConnection:
    """Opens connections to one server, and keeps one of those that are given back.

    To connect takes a hundred times as long as a short query, and the server as long again to
    begin a session. A connection that broke since, or was not used for half a minute, is replaced.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._known: Any = None
        self._idle: Any = None
        self._since = 0.0
        self._changing = threading.Lock()
        held = weakref.ref(self)

        def forget() -> None:
            if (inherited := held()) is not None:
                inherited.forget()

        os.register_at_fork(after_in_child=forget)

    def take(self) -> Connection:
        """A connection in a new transaction; `adbc_driver_manager.Error` where there is none."""
        with self._changing:
            known = self._learnt()
            kept, self._idle = self._idle, None
        if kept is not None:
            with suppress(AdbcError):
                if time.monotonic() - self._since < _LONGEST:
                    # All that a session remembers; and whether it is alive, which nobody else says.
                    _say(kept, "DISCARD ALL")
                    kept.adbc_connection.set_autocommit(False)
                    return kept
            _close(kept)
        return known.adbc_clone()

    def give_back(self, connection: Connection) -> None:
        """Take a connection back whose transaction has ended well."""
        try:
            connection.adbc_connection.set_autocommit(True)
            _say(connection, "DISCARD TEMP")
        except AdbcError:
            _close(connection)
            return
        with self._changing:
            surplus, self._idle = self._idle, connection
            self._since = time.monotonic()
        if surplus is not None:
            _close(surplus)

    def forget(self) -> None:
        """Let go of what a forked process has of its parent, without ending it."""
        self._changing = threading.Lock()
        _INHERITED.append(self._idle)
        self._idle = None

    def close(self) -> None:
        """End the connection that is kept."""
        with self._changing:
            kept, self._idle = self._idle, None
            known, self._known = self._known, None
        for connection in (kept, known):
            if connection is not None:
                _close(connection)

    def _learnt(self) -> Any:
        """What the driver knows of the server, of which connections are made.

        It reads all of the server's types before it first connects, which takes ten times as long
        as connecting. That connection itself is not needed any longer.
        """
        if self._known is None:
            known = adbc.connect(self._url)
            known.adbc_connection.close()
            self._known = known
        return self._known


def _say(connection: Connection, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _close(connection: Connection) -> None:
    with suppress(AdbcError):
        connection.close()
