"""What a step has freed is not held on to while the next one takes its own."""

from __future__ import annotations

import subprocess
import sys

CHILD = """
import numpy as np, pyarrow as pa
from shop_assets.memory import give_back, held

def work():
    texts = [("%d" % n) * 40 for n in range(400_000)]
    return len(pa.array(texts)) + len(pa.concat_arrays([pa.array(texts)] * 4))

before = held()
work()
kept = held()
give_back(10**12)
untouched = held()
give_back(0)
print(before, kept, untouched, held())
"""


def test_freed_memory_goes_back_to_the_system_once_there_is_much() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD], capture_output=True, text=True, check=True
    )
    before, kept, untouched, after = map(int, done.stdout.split())
    assert kept > before + 50 * 2**20
    assert untouched > kept - 20 * 2**20
    assert after < before + (kept - before) / 2
