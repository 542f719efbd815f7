"""Hours that are read at once, by threads and processes, keep one rate limit."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from shop_assets.sources.protocol import ReadRequest, Window
from shop_assets.stack import cache, state
from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.acceptance.child import came, started, task
from shop_assets_tests.acceptance.reading import expect_rows, read
from shop_assets_tests.acceptance.subject import HOUR, At, needs, representative
from shop_assets_tests.acceptance.test_broken_answers import calls_of

LIMIT = 20
WORKERS = 3
HOURS = [
    Window(HOUR.start - timedelta(hours=n), HOUR.end - timedelta(hours=n)) for n in range(WORKERS)
]
MOST = LIMIT + WORKERS
"""Calls that may arrive within a second: each reader may have been given leave for one before."""
_CLOCK = 0.2
"""Seconds that may pass between a reader's look at its clock and Redis' noting of it."""


@needs("http", "windows")
@representative
def test_hours_at_once_share_the_limit_through_redis(at: At, stack: Endpoints) -> None:
    # Each test has a limit of its own under the same name: what the last one used is over.
    time.sleep(1)
    arrived = together(at, redis_url=stack.redis_url, shares=1)
    assert most_in_a_second(arrived) <= MOST
    # They did not take turns: all of the limit was used.
    assert most_in_a_second(arrived) > LIMIT / WORKERS


@needs("http", "windows")
@representative
def test_without_redis_the_shares_stay_below_the_limit_together(at: At) -> None:
    arrived = together(at, redis_url=None, shares=WORKERS)
    assert most_in_a_second(arrived) <= LIMIT // WORKERS * WORKERS + WORKERS


def together(at: At, *, redis_url: str | None, shares: int) -> list[float]:
    """Read an hour each in threads, with Redis one in a process; when each call came."""
    for window in HOURS:
        at.put([window.start, window.start + timedelta(minutes=1)])
    times = -(-12 // calls_of(at))
    arrived: list[float] = []
    at.faults.before(lambda _: arrived.append(time.monotonic()), times=None)
    options = {"requests_per_second": LIMIT, "shares": shares}
    expected = [sum(at.truth(window).values()) for window in HOURS]
    others = 1 if redis_url is not None else 0
    apart = [
        task(at, window, times=times, redis_url=redis_url, **options) for window in HOURS[:others]
    ]
    with started(apart) as processes, ThreadPoolExecutor(WORKERS) as threads:
        # By the time that the process begins, the threads are still at it.
        while others and not arrived:
            time.sleep(0.01)
        mine = [
            threads.submit(_count, at, window, times, redis_url, shares)
            for window in HOURS[others:]
        ]
        assert [each.result() for each in mine] == expected[others:]
        for process, rows in zip(processes, expected[:others], strict=True):
            assert came(process).rows == [rows] * times
    assert len(arrived) >= WORKERS * 12
    return arrived


def _count(at: At, window: Window, times: int, redis_url: str | None, shares: int) -> int:
    reader = at.connector(redis_url=redis_url, shares=shares, requests_per_second=LIMIT)
    counts = {
        sum(batch.rows.num_rows for batch in reader.read(ReadRequest(at.stream, window)))
        for _ in range(times)
    }
    count: int
    [count] = counts
    return count


def most_in_a_second(arrived: list[float]) -> int:
    """The most calls that came within any second."""
    ordered = sorted(arrived)
    return max(
        sum(1 for other in ordered[n:] if other - first < 1 - _CLOCK)
        for n, first in enumerate(ordered)
    )


@dataclass(frozen=True)
class Redis:
    """A server that may be killed."""

    url: str
    pid: int

    def kill(self) -> None:
        """As if its machine had lost power."""
        os.kill(self.pid, signal.SIGKILL)


@pytest.fixture
def mortal_redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis of the test's own."""
    secrets = state.new().secrets
    folder = tmp_path / "redis_of_its_own"
    folder.mkdir()
    record = cache.start(folder, secrets, None)
    try:
        yield Redis(f"redis://:{secrets.redis}@127.0.0.1:{record.port}/0", record.pid)
    finally:
        cache.stop(record)


@needs("http")
@representative
def test_a_redis_that_dies_changes_nothing_in_the_rows(at: At, mortal_redis: Redis) -> None:
    at.pages()
    at.faults.before(lambda _: mortal_redis.kill(), skip=1)
    reader = at.connector(redis_url=mortal_redis.url, shares=2, requests_per_second=100)
    began = time.monotonic()
    expect_rows(read(at, connector=reader), at.truth())
    assert time.monotonic() - began < 20
