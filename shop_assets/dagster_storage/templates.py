"""Events that say the same of many partitions, of which one is serialised for all."""

from __future__ import annotations

import json
import re

ANY_PARTITION = "\ufdd0any partition\ufdd0"
"""Stands for a partition while an event is serialised once for thousands of them."""
ANY_TIME = -1.2345678987654321e-99
"""Stands for a time likewise: none is so early."""

_PARTITION, _TIME = json.dumps(ANY_PARTITION), json.dumps(ANY_TIME)
_PLACES = re.compile(f"({re.escape(_PARTITION)}|{re.escape(_TIME)})")


class Template:
    """The text of an event of `ANY_PARTITION`, and perhaps at `ANY_TIME`."""

    def __init__(self, text: str) -> None:
        self._parts = _PLACES.split(text)

    @property
    def is_sure(self) -> bool:
        """Whether each stands in it at most once: what else is written like it would change too."""
        return all(self._parts.count(place) <= 1 for place in (_PARTITION, _TIME))

    def text(self, partition: str, timestamp: float | None = None) -> str:
        """The text of the same event of a partition, at a time."""
        own = {_PARTITION: json.dumps(partition), _TIME: json.dumps(timestamp)}
        return "".join(own.get(part, part) for part in self._parts)
