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
        "stream": request.stream,
        "start": request.window.start.isoformat(),
        "end": request.window.end.isoformat(),
        "position": None if position is None else dict(position),
        "memory": None if memory is None else dict(memory),
    }


def position(request: ReadRequest) -> Mapping[str, Any] | None:
    """Where an interrupted read of this very window goes on; None: at its start."""
    if _times(request) != (request.window.start, request.window.end):
        return None
    return _part(request, "position")


def memory(request: ReadRequest) -> Mapping[str, Any] | None:
    """What the stream remembers from an earlier window.

    None where it remembers nothing: at first, and where the checkpoint is of a later window.
    Within the same window, what that read began with is for `position` to hold.
    """
    times = _times(request)
    # Windows may overlap: an earlier one both starts and ends before.
    if times is None or times[0] >= request.window.start or times[1] >= request.window.end:
        return None
    return _part(request, "memory")


def _times(request: ReadRequest) -> tuple[datetime, datetime] | None:
    """The window of the request's checkpoint; None where that is not one of ours and the stream's.

    Whatever cannot be understood is no checkpoint: the window is then read from its start.
    """
    kept = request.checkpoint
    try:
        if kept is None or kept["stream"] != request.stream:
            return None
        start, end = (datetime.fromisoformat(kept[name]) for name in ("start", "end"))
    except (KeyError, TypeError, ValueError):
        return None
    return None if start.tzinfo is None or end.tzinfo is None else (start, end)


def _part(request: ReadRequest, name: str) -> Mapping[str, Any] | None:
    found = (request.checkpoint or {}).get(name)
    return found if isinstance(found, Mapping) else None
