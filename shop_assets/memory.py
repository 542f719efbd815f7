"""Memory that is free and that allocators keep: given back, so that steps do not add theirs up."""

from __future__ import annotations

import ctypes
import resource
import sys
from pathlib import Path

import pyarrow as pa

MUCH = 512 * 2**20
_PAGE = resource.getpagesize()


def give_back(beyond: int = MUCH) -> None:
    """Let go of what is free, where the process holds more than so many bytes.

    What a large step has freed is else kept for the next one, in allocators (Arrow's, NumPy's, and
    Python's) of which none can use what the others keep. Where the system is not Linux with glibc,
    Arrow alone gives back.
    """
    if held() <= beyond:
        return
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def held() -> int:
    """The bytes that the process holds in memory; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE
    except OSError:
        return 0
