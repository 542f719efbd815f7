"""One limit on the calls to a source, shared through Redis by all runs; without it, a safe share.

Redis may be away or emptied at any time: then each process keeps to its share of the limit by
itself, so that all of them together stay below it.
"""

from __future__ import annotations

import random
import threading
import time
from math import ceil

import redis
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

_RETRY_REDIS = 30.0
_SHORTEST = 0.005
_REDIS_SECONDS = 2.0


class RateLimit:
    """At most `per_second` units of cost in the mean, whoever asks, under one `name`.

    `shares`: how many processes may call at once where Redis does not tell them of each other.
    Threads may share one. `calls`: how many this process has been given leave for.
    """

    def __init__(
        self, name: str, per_second: float, *, redis_url: str | None = None, shares: int = 1
    ) -> None:
        self._name = name
        self._shared = _item(per_second)
        self._alone = _item(per_second / max(shares, 1))
        self._local = MovingWindowRateLimiter(MemoryStorage())
        self._redis_url = redis_url
        self._redis: MovingWindowRateLimiter | None = None
        self._redis_from = 0.0
        self._paused_until = 0.0
        self.calls = 0
        self._lock = threading.Lock()

    def acquire(self, cost: int = 1) -> None:
        """Wait until a call of that cost may be made. More than the limit holds counts as all."""
        while (wait := self._wait(cost)) > 0:
            time.sleep(wait)
        with self._lock:
            self.calls += 1

    def pause(self, seconds: float) -> None:
        """Let no call of this process begin for some seconds: the source has asked for it."""
        with self._lock:
            self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    def _wait(self, cost: int) -> float:
        """Take the cost and give back 0; or how long to wait before asking again."""
        paused = self._paused_until - time.monotonic()
        if paused > 0:
            return paused
        limiter = self._shared_limiter()
        if limiter is not None:
            try:
                return self._taken(limiter, self._shared, cost)
            except redis.RedisError:
                self._leave_redis()
                return float(self._shared.get_expiry())
        return self._taken(self._local, self._alone, cost)

    def _taken(self, limiter: MovingWindowRateLimiter, item: RateLimitItem, cost: int) -> float:
        if limiter.hit(item, self._name, cost=min(cost, item.amount)):
            return 0.0
        reset = limiter.get_window_stats(item, self._name).reset_time
        left = max(reset - time.time(), _SHORTEST)
        # Not all that wait at the same moment.
        return min(left, item.get_expiry()) * (1 + random.random() / 10)  # noqa: S311

    def _leave_redis(self) -> None:
        """Go on alone, once what was let pass together no longer counts."""
        with self._lock:
            now = time.monotonic()
            self._redis, self._redis_from = None, now + _RETRY_REDIS
            self._paused_until = max(self._paused_until, now + self._shared.get_expiry())

    def _shared_limiter(self) -> MovingWindowRateLimiter | None:
        if self._redis_url is None or time.monotonic() < self._redis_from:
            return None
        with self._lock:
            if self._redis is None:
                try:
                    storage = RedisStorage(
                        self._redis_url,
                        key_prefix="shop_assets:rate",
                        socket_timeout=_REDIS_SECONDS,
                        socket_connect_timeout=_REDIS_SECONDS,
                    )
                    storage.storage.ping()
                    self._redis = MovingWindowRateLimiter(storage)
                except redis.RedisError:
                    self._redis_from = time.monotonic() + _RETRY_REDIS
        return self._redis


def _item(per_second: float) -> RateLimitItem:
    """The limit as so many units in whole seconds; limits below one a second in more of them."""
    if per_second >= 1:
        return RateLimitItemPerSecond(int(per_second))
    return RateLimitItemPerSecond(1, ceil(1 / per_second))
