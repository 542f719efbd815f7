"""Which time zone this machine is in, to propose it for the shop."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_LINK = Path("/etc/localtime")
_NAMES = "zoneinfo/"


def zone_here(environ: Mapping[str, str]) -> str:
    """An IANA name: of `TZ`, else of the machine; UTC where neither says one."""
    named = [environ.get("TZ", "").removeprefix(":")]
    with contextlib.suppress(OSError):
        named.append(str(_LINK.resolve()).partition(_NAMES)[2])
    return next((name for name in named if _is_zone(name)), "UTC")


def _is_zone(name: str) -> bool:
    if "/" not in name:
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
