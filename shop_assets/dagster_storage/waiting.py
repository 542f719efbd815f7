"""Rows that wait a moment, so that all of that moment are written at once."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress

from shop_assets.dagster_storage.rows import Stored

MOMENT = 0.05
"""How many seconds a row waits, unless it is asked for before."""
_MOST = 1000


class WaitingRows:
    """Rows of the event log in the order in which any number of threads have added them.

    `write` stores some of them, all or none. Where it fails they wait on: whoever asks for them
    tries again, and gets the error.
    """

    def __init__(self, write: Callable[[Sequence[Stored]], None]) -> None:
        self._write = write
        self.empty()
        held = weakref.ref(self)

        def forget() -> None:
            """What waits is its parent's to write, where a process was forked."""
            if (inherited := held()) is not None:
                inherited.empty()

        os.register_at_fork(after_in_child=forget)

    def empty(self) -> None:
        """Begin with nothing that waits, as a process does."""
        self._rows: list[Stored] = []
        self._timer: threading.Timer | None = None
        self._guard = threading.Lock()
        # Whoever writes asks for connections, too, for which rows are settled: by the same thread.
        self._writing = threading.RLock()
        self._under_way = False

    def add(self, rows: Sequence[Stored]) -> None:
        """Let rows wait."""
        with self._guard:
            self._rows += rows
            many = len(self._rows) >= _MOST
            if self._timer is None and not many:
                # No daemon: a process does not end before they are written.
                self._timer = threading.Timer(MOMENT, self._settle_later)
                self._timer.start()
        if many:
            self.settle()

    def settle(self) -> None:
        """Write what waits: afterwards all that was added before is stored."""
        with self._writing:
            if self._under_way:
                return
            with self._guard:
                rows, self._rows = self._rows, []
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
            if not rows:
                return
            self._under_way = True
            try:
                self._write(rows)
            except BaseException:
                with self._guard:
                    self._rows[:0] = rows
                raise
            finally:
                self._under_way = False

    def _settle_later(self) -> None:
        # Whatever it is: it is raised for whoever tries next, at the latest at the run's end.
        with suppress(Exception):
            self.settle()
