"""How many calls a server takes: a bucket that fills at a steady rate, and empties by the call."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class CallLimits:
    """Calls a second, of all endpoints together and of each; None: as many as come.

    Stripe's own are 100 (25 in a sandbox) and 25.
    """

    overall: float | None = 100.0
    per_endpoint: float | None = 25.0


class Buckets:
    """What is left of `CallLimits`; `now`: seconds, of any clock that runs. Safe for threads."""

    def __init__(self, limits: CallLimits, now: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._now = now
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = defaultdict(lambda: (float("inf"), 0.0))

    def refuses(self, endpoint: str) -> str | None:
        """Take a call; or why not: `global-rate` or `endpoint-rate`."""
        wanted = {
            "global-rate": ("", self.limits.overall),
            "endpoint-rate": (endpoint, self.limits.per_endpoint),
        }
        now = self._now()
        with self._lock:
            left = {}
            for reason, (name, rate) in wanted.items():
                if rate is None:
                    continue
                level, since = self._left[name]
                # A full bucket holds what a second brings, and a call at the least.
                level = min(max(rate, 1.0), level + (now - since) * rate)
                if level < 1:
                    return reason
                left[name] = (level - 1, now)
            self._left.update(left)
        return None
