"""Decoded files kept in memory between reads: a backfill reads the same file month by month."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shop_assets.sources.locations import FileEntry
from shop_assets.sources.protocol import Window

Key = tuple[str, str, int, datetime]
"""The stream, and the file's name, size and time of change."""


@dataclass(frozen=True)
class TimedFile:
    """A whole file's rows, in its order, to be looked up by time.

    `micros`: the change times, ascending. `order`: the rows' places in that order; None where the
    file is in it already.
    """

    table: pa.Table
    micros: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64] | None

    @classmethod
    def of(cls, table: pa.Table) -> TimedFile:
        """Index the rows by `_change_time`."""
        micros = table["_change_time"].cast(pa.int64()).to_numpy()
        if not len(micros) or bool((micros[1:] >= micros[:-1]).all()):
            return cls(table, micros, None)
        order = np.argsort(micros, kind="stable")
        return cls(table, micros[order], order)

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        index = self.micros.nbytes + (0 if self.order is None else self.order.nbytes)
        return int(self.table.nbytes) + index

    def between(self, window: Window) -> pa.Table:
        """The rows of the window, in the file's order."""
        first, last = np.searchsorted(self.micros, bounds(window))
        if self.order is None:
            return self.table.slice(first, last - first)
        return self.table.take(pa.array(np.sort(self.order[first:last])))


class FileCache:
    """The files read last, up to a number of bytes; and between which times each one lies."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._files: OrderedDict[Key, TimedFile] = OrderedDict()
        self._spans: dict[Key, tuple[int, int] | None] = {}
        self._lock = Lock()

    def get(self, key: Key) -> TimedFile | None:
        """The decoded file, if it is kept."""
        with self._lock:
            if key in self._files:
                self._files.move_to_end(key)
            return self._files.get(key)

    def put(self, key: Key, file: TimedFile) -> None:
        """Keep a file, and drop those not asked for longest."""
        with self._lock:
            self._files[key] = file
            while sum(kept.size for kept in self._files.values()) > self._limit:
                self._files.popitem(last=False)

    def remember_span(self, key: Key, span: tuple[int, int] | None) -> None:
        """Note the least and greatest change time (microseconds); None of a file without rows."""
        with self._lock:
            self._spans[key] = span

    def is_outside(self, key: Key, window: Window) -> bool:
        """Whether the file is known to have no row in the window."""
        if key not in self._spans:
            return False
        span = self._spans[key]
        start, end = bounds(window)
        return span is None or span[1] < start or span[0] >= end

    def kept(self) -> list[Key]:
        """What is kept, least recently used first."""
        with self._lock:
            return list(self._files)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._files.clear()
            self._spans.clear()


def key_of(stream: str, entry: FileEntry) -> Key:
    """What a decoded file is kept under."""
    return (stream, *entry.version)


def bounds(window: Window) -> tuple[int, int]:
    """The window's ends in microseconds since 1970."""
    start, end = (
        pa.scalar(moment, pa.timestamp("us", "UTC")).cast(pa.int64()).as_py()
        for moment in (window.start, window.end)
    )
    return int(start), int(end)
