"""What is held for a moment counts as the peak, and what was held before does not."""

import os

import pytest

from benchmarks.memory import MIB, MemoryWatch, held_now


def test_the_peak_is_what_was_held_for_a_moment() -> None:
    more = bytearray(b"\1") * (600 * MIB)
    del more
    before = held_now()
    with MemoryWatch(os.getpid(), None) as watch:
        held = bytearray(b"\1") * (200 * MIB)
        del held
    assert watch.peak - before == pytest.approx(200, abs=40)
    assert watch.servers == 0
