"""The memory that a process, and the servers of a home folder, hold while something is done."""

from __future__ import annotations

import ctypes
import gc
import threading
from pathlib import Path
from typing import Self

import psutil
import pyarrow as pa

from shop_assets.stack import state

MIB = 2**20
_PAUSE = 0.02
_SERVERS_EACH = 10
"""Servers are looked at once in so many looks: that takes longer."""


class MemoryWatch:
    """Watches from `__enter__` to `__exit__`; afterwards `peak` and `servers` are known, in MiB.

    `pid`: the process, without processes of its own; `home`: of the embedded stack whose servers
    are watched.
    """

    def __init__(self, pid: int, home: Path | None) -> None:
        self.peak = 0.0
        self.servers = 0.0
        self._process = psutil.Process(pid)
        self._servers = [] if home is None else _servers(home)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._look(0)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        turn = 0
        while not self._over.wait(_PAUSE):
            turn += 1
            self._look(turn)

    def _look(self, turn: int) -> None:
        try:
            self.peak = max(self.peak, self._process.memory_info().rss / MIB)
        except psutil.Error:
            return
        if turn % _SERVERS_EACH == 0:
            held = sum(_held(p) for server in self._servers for p in _with_children(server))
            self.servers = max(self.servers, held / MIB)


def held_now() -> float:
    """What this process holds, in MiB, after giving back what it can."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    ctypes.CDLL(None).malloc_trim(0)
    return float(psutil.Process().memory_info().rss) / MIB


def _servers(home: Path) -> list[psutil.Process]:
    known = state.load(home)
    found = []
    for record in known.services.values() if known else ():
        try:
            found.append(psutil.Process(record.pid))
        except psutil.Error:
            continue
    return found


def _with_children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _held(process: psutil.Process) -> int:
    """A process' own part of the memory, in bytes: what it shares is counted in parts."""
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text("ascii")
    except OSError:
        try:
            return int(process.memory_info().rss)
        except psutil.Error:
            return 0
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
