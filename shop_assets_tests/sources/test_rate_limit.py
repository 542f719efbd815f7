"""One limit on the calls to a source, with Redis and without, before it goes and after."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import ceil
from pathlib import Path

import pytest

from shop_assets.sources.rate_limit import RateLimit
from shop_assets.stack import cache, state
from shop_assets.stack.endpoints import Endpoints


def passed(limit: RateLimit, seconds: float, cost: int = 1) -> list[float]:
    """When calls were let pass within some seconds."""
    end, found = time.monotonic() + seconds, []
    while time.monotonic() < end:
        limit.acquire(cost)
        found.append(time.monotonic())
    return found


def most(times: list[float]) -> int:
    """The most within any second, less what a busy machine may take to let one go on."""
    ordered = sorted(times)
    return max(sum(1 for t in ordered[n:] if t - first < 0.75) for n, first in enumerate(ordered))


THREADS = 4
"""Each may have been let pass long before it is seen to: on top of the limit, so many are."""


def all_passed(limits: list[RateLimit], a_second: int) -> list[float]:
    """When calls of threads were let pass, no more in all than may be in the time they took."""
    began = time.monotonic()
    with ThreadPoolExecutor(len(limits)) as pool:
        each = pool.map(lambda limit: passed(limit, 1.2), limits)
        found = [t for times in each for t in times]
    assert len(found) <= a_second * ceil(time.monotonic() - began)
    assert most(found) <= a_second + len(limits)
    return found


def test_a_limit_is_kept_and_used() -> None:
    times = passed(RateLimit("x", 10), 2.0)
    assert most(times) <= 10
    assert len(times) >= 18


def test_threads_share_a_limit() -> None:
    limit = RateLimit("x", 10)
    found = all_passed([limit] * THREADS, 10)
    assert limit.calls == len(found)


def test_those_who_do_not_know_of_each_other_keep_to_shares() -> None:
    limits = [RateLimit("x", 10, shares=THREADS) for _ in range(THREADS)]
    all_passed(limits, 10 // THREADS * THREADS)


@pytest.mark.parametrize(("per_second", "shares"), [(0.5, 1), (1, 2), (3, 6)])
def test_less_than_one_call_a_second_is_one_in_some_seconds(per_second: float, shares: int) -> None:
    limit = RateLimit("x", per_second, shares=shares)
    began = time.monotonic()
    limit.acquire()
    limit.acquire()
    assert 1.9 <= time.monotonic() - began < 3.9


def test_a_dear_call_takes_more_and_one_that_is_too_dear_takes_all() -> None:
    assert most(passed(RateLimit("x", 10), 1.2, cost=5)) <= 2
    limit = RateLimit("x", 10)
    began = time.monotonic()
    limit.acquire(1000)
    assert time.monotonic() - began < 0.9
    limit.acquire(1)
    assert time.monotonic() - began > 0.9


def test_a_pause_holds_every_call_back() -> None:
    limit = RateLimit("x", 100)
    limit.pause(0.4)
    limit.pause(0.1)
    began = time.monotonic()
    limit.acquire()
    assert 0.35 <= time.monotonic() - began < 2


def test_limits_of_one_name_are_one_through_redis(stack: Endpoints) -> None:
    name = f"shared-{os.getpid()}"
    limits = [
        RateLimit(name, 10, redis_url=stack.redis_url, shares=THREADS) for _ in range(THREADS)
    ]
    found = all_passed(limits, 10)
    # A share each would be two.
    assert len(found) >= 15
    other = RateLimit(f"{name}-other", 10, redis_url=stack.redis_url)
    began = time.monotonic()
    other.acquire()
    assert time.monotonic() - began < 0.9


@contextmanager
def own_redis(folder: Path) -> Iterator[tuple[str, int]]:
    """A server's URL and process."""
    secrets = state.new().secrets
    record = cache.start(folder, secrets, None)
    try:
        yield f"redis://:{secrets.redis}@127.0.0.1:{record.port}/0", record.pid
    finally:
        cache.stop(record)


def test_when_redis_dies_each_keeps_to_its_share(tmp_path: Path) -> None:
    with own_redis(tmp_path) as (url, process):
        limits = [RateLimit("x", 10, redis_url=url, shares=2) for _ in range(2)]
        times = [*passed(limits[0], 0.3), *passed(limits[1], 0.1)]
        os.kill(process, signal.SIGKILL)
        with ThreadPoolExecutor(2) as pool:
            later = list(pool.map(lambda each: passed(each, 2.2), limits))
        assert most([*times, *later[0], *later[1]]) <= 10 + len(limits)
        assert all(later)


def test_a_redis_that_was_never_there_costs_no_time() -> None:
    limit = RateLimit("x", 100, redis_url="redis://127.0.0.1:9/0", shares=2)
    began = time.monotonic()
    for _ in range(5):
        limit.acquire()
    assert time.monotonic() - began < 3
