"""Checkpoints: where a read stands in its window, and what a stream remembers from one to the next.

A connector puts one on each batch. It is kept with the rows that came until then, and comes back as
`ReadRequest.checkpoint`: within the same window, so that an interrupted read goes on; and with a
later one, so that the stream knows what was read before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shop_assets.sources.protocol import ReadRequest


def checkpoint(
    request: ReadRequest,
    *,
    position: Mapping[str, Any] | None = None,
    memory: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What to put on a batch; values as JSON has them.

    `position`: how to go on after this batch; None once the window is read to its end. `memory`:
    what later windows are to know, of a window that was read to its end.
    """
    return {
        "start": request.window.start.isoformat(),
        "end": request.window.end.isoformat(),
        "position": None if position is None else dict(position),
        "memory": None if memory is None else dict(memory),
    }


def position(request: ReadRequest) -> Mapping[str, Any] | None:
    """Where an interrupted read of this very window goes on; None: at its start."""
    kept = request.checkpoint
    if kept is None or _times(kept) != (request.window.start, request.window.end):
        return None
    found: Mapping[str, Any] | None = kept.get("position")
    return found


def memory(request: ReadRequest) -> Mapping[str, Any] | None:
    """What the stream remembers from an earlier window.

    None where it remembers nothing: at first, and where the checkpoint is of a later window.
    Within the same window, what that read began with is for `position` to hold.
    """
    kept = request.checkpoint
    times = None if kept is None else _times(kept)
    # Windows may overlap: an earlier one both starts and ends before.
    if times is None or times[0] >= request.window.start or times[1] >= request.window.end:
        return None
    found: Mapping[str, Any] | None = (kept or {}).get("memory")
    return found


def _times(kept: Mapping[str, Any]) -> tuple[datetime, datetime] | None:
    """The checkpoint's window; None where it is not one of ours."""
    try:
        return datetime.fromisoformat(kept["start"]), datetime.fromisoformat(kept["end"])
    except (KeyError, TypeError, ValueError):
        return None
