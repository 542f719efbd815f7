"""What a connector can say beforehand of what a read will cost."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Estimating(Protocol):
    """A connector of an API that can say how many calls a long read would take."""

    def backfill_calls(self, stream: str, days: int) -> int | None:
        """How many calls it takes to read the stream's last `days` days anew; None if unknown.

        Makes as few calls as it can itself: a count of the provider's, not a read.
        """
        ...
