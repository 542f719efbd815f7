"""The memory that a process, and the servers of a home folder, hold while something is done."""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil
import pyarrow as pa

from shop_assets.stack import state

MIB = 2**20
_PAUSE = 1.0
_SHARE = 50
"""To look at servers takes the kernel a walk through all that they hold: between two looks passes
a second, or fifty times as long as the last one took, so that it is little of what is measured."""


class MemoryWatch:
    """Watches from `__enter__` to `__exit__`; afterwards `peak` and `servers` are known, in MiB.

    `pid`: the process, without processes of its own, whose peak the kernel keeps; `home`: of the
    embedded stack whose servers are watched, by looking at them now and then.
    """

    def __init__(self, pid: int, home: Path | None) -> None:
        self.peak = 0.0
        self.servers = 0.0
        self._pid = pid
        self._servers = [] if home is None else _servers(home)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        with suppress(OSError):
            # The peak so far is forgotten: what is held now counts.
            Path(f"/proc/{self._pid}/clear_refs").write_text("5", "ascii")
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        pause = _PAUSE
        while not self._over.wait(pause):
            began = time.monotonic()
            self._look()
            pause = max(_PAUSE, _SHARE * (time.monotonic() - began))
        # Of a process that has ended nothing is known any more.
        self._look()

    def _look(self) -> None:
        self.peak = max(self.peak, _told(self._pid, "status", "VmHWM") / MIB)
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
        return _told(process.pid, "smaps_rollup", "Pss") or int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _told(pid: int, file: str, name: str) -> int:
    """A figure that the kernel tells of a process, in bytes; 0 where it tells none."""
    try:
        text = Path(f"/proc/{pid}/{file}").read_text("ascii")
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0
