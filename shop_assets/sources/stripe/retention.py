"""What a window can be read from, and what has to be listed anew: Stripe keeps events for 30 days.

A stream remembers one moment, `current_to`: every object that was created before its newest
window's end is known in its state of then or later. What changed after it and before the oldest
event that is left can be read from nothing but the objects as they are now.
"""

from __future__ import annotations

from dataclasses import dataclass

EVENTS_KEPT = 30 * 86_400
MARGIN = 3600
"""So much earlier events count as gone, lest they go while they are read."""


@dataclass(frozen=True)
class Reading:
    """How a window is read. Moments are seconds since 1970.

    `end`: the window's, or now in a window that is open. `by_events`: from events (and the objects
    created in it), else from the objects created in it as they are now. `relist`: objects created
    before the window are listed anew, too, what was before `known` being known. `current_to`: what
    is to be remembered afterwards.
    """

    start: int
    end: int
    now: int
    known: int
    by_events: bool
    relist: bool
    current_to: int


def reading(start: int, end: int, now: int, current_to: int | None) -> Reading:
    """How to read `[start, end)` at the source's time `now`, with what is remembered, if anything.

    Earlier windows that were not read yet are left to their own reads while events reach back to
    them. A window that events do not reach any more is the last that could tell of what changed in
    it: unless all is known until its end, as when it is read late or anew, it relists. Where
    nothing is remembered, nothing earlier is loaded that could be out of date.
    """
    end = max(start, min(end, now))
    oldest = now - EVENTS_KEPT + MARGIN
    by_events = start >= oldest
    known = now if current_to is None else current_to
    relist = known < (oldest if by_events else end)
    # What was created in the window is known by its events, up to its end and no further.
    after = end if by_events else now if relist else min(known, now)
    return Reading(start, end, now, known, by_events, relist, after)
