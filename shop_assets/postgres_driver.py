"""Connections to a PostgreSQL server by ADBC, which learns what types it has but once."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import adbc_driver_postgresql.dbapi as adbc

Connection = Any
"""A DBAPI connection of ADBC, in a transaction."""


class KnownServer:
    """A server and what the driver knows of it. `url`: a libpq URI."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._known: Any = None
        self._learning = threading.Lock()

    def connect(self) -> Connection:
        """A new connection; `adbc_driver_manager.Error` where there is none.

        The driver reads all of the server's types before it first connects, which takes ten times
        as long as connecting. That connection itself is not needed any longer.
        """
        with self._learning:
            if self._known is None:
                known = adbc.connect(self._url)
                known.adbc_connection.close()
                weakref.finalize(self, known.close)
                self._known = known
            known = self._known
        return known.adbc_clone()

    def forget(self) -> None:
        """Learn anew before the next connection: the server may be another one by then."""
        self._known = None


def say(connection: Connection, statements: str) -> None:
    """Say statements that give no rows, in one message.

    By what is beneath a cursor, whose own ways prepare each statement or commit before.
    """
    with connection.cursor() as cursor:
        cursor.adbc_statement.set_sql_query(statements)
        cursor.adbc_statement.execute_update()
