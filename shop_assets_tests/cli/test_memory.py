"""What a step gives back is there for the next one, without the kernel making it anew."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")

_WORK = """
import resource
from shop_assets.cli.memory import keep_memory
{first}
import numpy as np
def work():
    arrays = [np.ones(3 * 2**20) for _ in range(8)]
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(first: str, **environment: str) -> int:
    """How many pages the kernel makes while the same is done ten times more."""
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", _WORK.format(first=first)],
        env={**surroundings, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def test_memory_that_was_given_back_is_taken_again() -> None:
    assert faults("keep_memory()") * 5 < faults("")


def test_what_the_environment_says_of_it_stays() -> None:
    asked = faults("keep_memory()", MALLOC_TRIM_THRESHOLD_="1000000")
    assert asked > faults("keep_memory()") * 5
