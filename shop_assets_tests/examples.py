"""How many random examples a test takes: in the ordinary run, and in a soak."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

_TIMES = int(os.environ.get("SOAK_EXAMPLES", "1"))


def examples(number: int, **others: Any) -> settings:
    """Settings for so many examples, `SOAK_EXAMPLES` times as many in a soak.

    No example is held to a time: on a busy machine a test would fail by chance.
    """
    return settings(max_examples=number * _TIMES, deadline=None, **others)
