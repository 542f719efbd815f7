"""Rows that wait a moment, so that all of that moment are written at once."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg2
from psycopg2.errors import ProgramLimitExceeded

from shop_assets.dagster_storage.rows import Stored

MOMENT = 0.05
"""How many seconds a row waits, unless it is asked for before."""
AGAIN = 1.0
"""After how many seconds it is tried again where nobody asks meanwhile."""
LAST = 2.0
"""For how many seconds a process that ends waits for who is writing."""
_MOST = 1000
_FAULTS = (ValueError, psycopg2.DataError, psycopg2.IntegrityError, ProgramLimitExceeded)
"""What is wrong with rows, not with the server."""


class WaitingRows:
    """Rows of the event log in the order in which any number of threads have added them.

    `write` stores some of them, all or none; `write_at_once` does so unless the server is away, and
    is for when nobody asks. Where the server cannot be reached they wait on: whoever asks for them
    tries again, and gets the error. A row that cannot be stored is refused alone, and who adds or
    writes next is told. A process that is killed has not written its last moment; a write whose
    answer was lost may be made twice.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Stored]], None],
        write_at_once: Callable[[Sequence[Stored]], None] | None = None,
    ) -> None:
        self._write = write
        self._write_at_once = write_at_once or write
        self.empty()
        _EACH.add(self)

    def empty(self) -> None:
        """Begin with nothing that waits, as a process does."""
        self._rows: list[Stored] = []
        self._timer: threading.Timer | None = None
        self._refused: Exception | None = None
        self._guard = threading.Lock()
        # Whoever writes asks for connections, too, for which rows are settled: by the same thread.
        self._writing = threading.RLock()
        self._under_way = False

    def add(self, rows: Sequence[Stored]) -> None:
        """Let rows wait."""
        with self._guard:
            self._rows += rows
            now = len(self._rows) >= _MOST
            if not now:
                try:
                    self._settle_in(MOMENT)
                except RuntimeError:  # no thread is started any more by a process that ends
                    now = True
        if now:
            self.settle()
        self._tell()

    def write_now(self, write: Callable[[], None]) -> None:
        """Write something else, after what waits and before what comes then."""
        with self._writing:
            self.settle()
            self._tell()
            self._under_way = True
            try:
                write()
            finally:
                self._under_way = False

    def settle(self) -> None:
        """Write what waits: afterwards all that was added before is stored."""
        with self._writing:
            self._settle(self._write)

    def settle_unasked(self, seconds: float = -1) -> None:
        """Write what waits, if that can be done; wait so long for who is writing, -1 for ever."""
        # Whatever it is: it is tried again, and raised for who asks.
        with suppress(Exception):
            if self._writing.acquire(timeout=seconds):
                try:
                    self._settle(self._write_at_once)
                finally:
                    self._writing.release()

    def _settle(self, write: Callable[[Sequence[Stored]], None]) -> None:
        if self._under_way:
            return
        rows: list[Stored] = []
        try:
            self._under_way = True
            with self._guard:
                rows, self._rows = self._rows, []
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
            if rows:
                self._store(rows, write)
        finally:
            self._under_way = False
            if rows:
                with self._guard:
                    self._rows[:0] = rows
                    self._settle_in(AGAIN)

    def _store(self, rows: list[Stored], write: Callable[[Sequence[Stored]], None]) -> None:
        """Write rows and take them off the list; one by one where they cannot be together."""
        try:
            write(rows)
        except Exception as error:
            if not _of_rows(error):
                raise
        else:
            rows.clear()
        while rows:
            try:
                write(rows[:1])
            except Exception as error:
                if not _of_rows(error):
                    raise
                self._refused = error
            del rows[0]

    def _tell(self) -> None:
        with self._guard:
            refused, self._refused = self._refused, None
        if refused is not None:
            raise refused

    def _settle_in(self, seconds: float) -> None:
        """Settle later by a thread, unless one is to do so; under the guard."""
        if self._timer is None:
            timer = threading.Timer(seconds, self._settle_later)
            # Nobody waits for it: what is left at the end is written then.
            timer.daemon = True
            timer.start()
            self._timer = timer

    def _settle_later(self) -> None:
        with self._guard:
            self._timer = None
        self.settle_unasked()


def _of_rows(error: Exception) -> bool:
    """Whether an error is one of the rows; else it is the server's, and others will have it too."""
    return isinstance(getattr(error, "orig", error), _FAULTS)


_EACH: weakref.WeakSet[WaitingRows] = weakref.WeakSet()


def _settle_each() -> None:
    for rows in list(_EACH):
        rows.settle_unasked(LAST)


def _forget_each() -> None:
    """What waits is its parent's to write, where a process was forked."""
    for rows in list(_EACH):
        rows.empty()


atexit.register(_settle_each)
os.register_at_fork(after_in_child=_forget_each)
