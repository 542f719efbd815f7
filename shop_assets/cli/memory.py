"""How the process holds the memory that it was given.

A run takes again and again as much as its last step gave back: arrays of some megabytes, of which
the kernel makes each page anew, and empties it, whenever an allocator hands them back to it. And it
begins with some hundred thousand objects of libraries, which stay until its end.
"""

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

_MIB = 2**20
# As malloc.h numbers them.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_AT_MOST = 512 * _MIB
_ARRAY = 32 * _MIB
"""The most that glibc lets be taken from what is kept; more is the kernel's at once."""


def keep_memory() -> None:
    """Let allocators keep what is given back; to be called before what allocates is imported.

    What the environment says of them already stays.
    """
    # Of Arrow's buffers: for how many milliseconds.
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "2000")
    # Nothing here multiplies matrices, for which threads would stand by.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    told = any(name.startswith("MALLOC_") for name in os.environ)
    mallopt = None if told else getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # other C libraries than glibc have none
        mallopt(_MMAP_THRESHOLD, _ARRAY)
        mallopt(_TRIM_THRESHOLD, _KEPT_AT_MOST)


@contextmanager
def importing() -> Iterator[None]:
    """Look for no garbage while something is imported, nor later among what is there by then.

    To look again and again while that grows would take a good part of the imports' time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
