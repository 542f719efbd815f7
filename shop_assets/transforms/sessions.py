"""Web sessions: stretches of activity, joined to sessions, counted by how far they came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.entities.web import STEPS
from shop_assets.transforms.ranks import begins, in_order, ranks
from shop_assets.transforms.versions import Ints, micros

RULE = 2
"""Of what is counted as which session. Raised with any change of it: kept counts are made anew."""
GAP = dt.timedelta(minutes=30)
"""Activity after a pause of this or more begins a new session."""
STRETCH = dt.timedelta(hours=1)
"""No stretch is longer."""
LONGEST = dt.timedelta(hours=24)
"""Steps of an hour of the clock that is this much later than that of a session's begin, or more,
do not count for it. By hours, which no stretch goes beyond: how events were cut into stretches
hangs on which hours brought them, and what they count for must not."""

TOUCHED_READS = ("source", "visitor_id", "started_at", "ended_at")
"""The columns of `web_activity` that `touched` is made of."""

FUNNEL_READS = (
    *(*TOUCHED_READS, "is_bot"),
    *(f"{step}_{which}" for step in STEPS for which in ("first", "last")),
)
"""The columns of `web_activity` that the funnel is made of."""

HOURS = ["hour", "source"]
"""The key of the counts of sessions: the hour (UTC) that they began in, and whose they are."""
FIGURES = (
    *("sessions", *(f"{step}_sessions" for step in STEPS)),
    *("bot_sessions", "converted_sessions"),
)
"""What is counted of sessions, as `funnel_hourly` declares it."""

_MICROSECOND = dt.timedelta(microseconds=1)
_HOUR = dt.timedelta(hours=1) // _MICROSECOND
_GAP = GAP // _MICROSECOND
_LONGEST = LONGEST // _MICROSECOND
_NEVER = np.iinfo(np.int64).min
"""No time: what pandas has for it; the least there is, as it should be where the last counts."""
_BEFORE = (LONGEST + STRETCH + GAP) // _MICROSECOND
_AFTER = (LONGEST + GAP) // _MICROSECOND
_TOO_LATE = np.iinfo(np.int64).max

_Flags = npt.NDArray[np.bool_]
Span = tuple[dt.datetime, dt.datetime]


def web_activity(events: pd.DataFrame) -> pd.DataFrame:
    """`web_activity` from clean web events with their change hour `_hour`.

    Events of one visitor and change hour are split at pauses of `GAP`, and at the hours they
    happened in, so that a stretch stands in one hour.
    """
    spec = TABLES["web_activity"]
    rows = events[~events["deleted"].astype(bool)]
    if rows.empty:
        return spec.empty()
    (source, _), (visitor, _) = ranks(rows["source"]), ranks(rows["visitor_id"])
    change, at = micros(rows["_hour"]), micros(rows["occurred_at"])
    # Each visitor and change hour by itself, and in them the order of the times.
    order = in_order(source, visitor, ranks(change)[0], at)
    source, change, visitor, at = source[order], change[order], visitor[order], at[order]
    fresh = begins(source, change, visitor, at // _HOUR)
    fresh[1:] |= at[1:] - at[:-1] >= _GAP
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], len(at)) - 1
    columns: dict[str, Any] = {
        "source": rows["source"].array.take(order[first]),
        "change_hour": _moments(change[first]),
        "visitor_id": rows["visitor_id"].array.take(order[first]),
        "started_at": _moments(at[first]),
        "ended_at": _moments(at[last]),
        "events": last - first + 1,
        "is_bot": np.logical_or.reduceat(_flags(rows["is_bot"])[order], first),
    }
    stretch = np.cumsum(fresh) - 1
    codes, found = pd.factorize(rows["step"])
    code_of = {step: code for code, step in enumerate(found)}
    codes = codes[order]
    for step in STEPS:
        those = np.flatnonzero(codes == code_of.get(step))
        of, times = stretch[those], at[those]
        ends = begins(of[::-1])[::-1]
        for which, chosen in (("first", begins(of)), ("last", ends)):
            filled = np.full(len(first), _NEVER, dtype=np.int64)
            filled[of[chosen]] = times[chosen]
            columns[f"{step}_{which}"] = _moments(filled)
    by_key = in_order(source[first], visitor[first], at[first], change[first])
    return spec.conform(pd.DataFrame(columns).take(by_key).reset_index(drop=True))


def together(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The `web_activity` of some visitors and that of others as one, sorted by its key."""
    rows = pd.concat(parts, ignore_index=True)
    (source, _), (visitor, _) = ranks(rows["source"]), ranks(rows["visitor_id"])
    change, _ = ranks(micros(rows["change_hour"]))
    order = in_order(source, visitor, micros(rows["started_at"]), change)
    return rows.take(order).reset_index(drop=True)


def touched(activity: pd.DataFrame) -> pd.DataFrame:
    """The visitors of some stretches, and between when others may count with these.

    `activity`: the columns `TOUCHED_READS`. Columns source, visitor_id, since and until, sorted.

    A session that counts a stretch began less than a day before. Whether one begins there, the
    stretch before tells, which is not longer than an hour and ends in the gap before. It changes
    which sessions begin up to a gap after its end, and these count what is in the day after. Other
    sessions may be cut off by that: they count the same before and after, and are no difference.
    """
    of = _visitors(activity)
    order = in_order(of)
    first = np.flatnonzero(begins(of[order]))
    rows = order[first]
    started = micros(activity["started_at"])[order]
    ended = micros(activity["ended_at"])[order]
    since = np.minimum.reduceat(started, first) if len(first) else started
    until = np.maximum.reduceat(ended, first) if len(first) else ended
    return pd.DataFrame(
        {
            "source": activity["source"].array.take(rows),
            "visitor_id": activity["visitor_id"].array.take(rows),
            "since": _moments(since - _BEFORE),
            "until": _moments(until + _AFTER),
        }
    )


def session_counts(activity: pd.DataFrame, span: Span | None = None) -> pd.DataFrame:
    """How many sessions began in each hour, and how far they came: columns `HOURS` and `FIGURES`.

    `activity`: the columns `FUNNEL_READS` of stretches. With a `span`, sessions that began in
    `[start, end)` are counted, and the stretches are those that touch `[start - GAP,
    end + LONGEST)`; from `end` on they may be missing of visitors who had none in the `GAP` before
    it. A stretch belongs to the session of the one before it where less than `GAP` lies between
    them. A step is reached when all before it were, and its last time is not before the first time
    of the step before.
    """
    order, first = _sessions(activity, span)
    if not len(first):
        return _NONE.copy()
    human = ~np.logical_or.reduceat(_flags(activity["is_bot"])[order], first)
    flags: dict[str, _Flags] = {"sessions": human, "bot_sessions": ~human}
    reached, before = human, np.full(len(first), _NEVER, dtype=np.int64)
    for step in STEPS:
        last = np.maximum.reduceat(micros(activity[f"{step}_last"])[order], first)
        reached = reached & (last != _NEVER) & (last >= before)
        flags[f"{step}_sessions"] = reached
        times = micros(activity[f"{step}_first"])[order]
        before = np.minimum.reduceat(np.where(times == _NEVER, _TOO_LATE, times), first)
        # Of the last step, the purchase, in the end.
        flags["converted_sessions"] = human & (last != _NEVER)
    rows = order[first]
    source, sources = ranks(activity["source"].take(rows))
    hour = micros(activity["started_at"])[rows] // _HOUR
    groups, one, group = np.unique(hour * sources + source, return_index=True, return_inverse=True)
    return pd.DataFrame(
        {
            "hour": _moments(hour[one] * _HOUR),
            "source": activity["source"].array.take(rows[one]),
            **{
                name: np.bincount(group[flags[name]], minlength=len(groups)).astype(np.int64)
                for name in FIGURES
            },
        }
    )


def moved_counts(after: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """What `session_counts` are more than those before, where they differ."""
    figures = list(FIGURES)
    less = before.assign(**{name: -before[name] for name in figures})
    both = pd.concat([after, less], ignore_index=True)
    moved = both.groupby(HOURS, as_index=False, observed=True)[figures].sum()
    return moved[(moved[figures] != 0).any(axis=1)].reset_index(drop=True)


def funnel_hourly(counts: pd.DataFrame) -> pd.DataFrame:
    """`funnel_hourly` of `session_counts`."""
    count = counts["sessions"].astype("Float64")
    rate = counts["converted_sessions"].astype("Float64") / count.where(count > 0)
    return TABLES["funnel_hourly"].conform(counts.assign(conversion_rate=rate))


def _sessions(activity: pd.DataFrame, span: Span | None) -> tuple[Ints, Ints]:
    """The stretches of the sessions that began in the span, one session after the other.

    The numbers of their rows, by visitor and time, and where among these each session begins.
    """
    of = _visitors(activity)
    started = micros(activity["started_at"])
    order = in_order(of, started)
    of, started = of[order], started[order]
    ended = pd.Series(micros(activity["ended_at"])[order])
    latest = ended.groupby(of, sort=False).cummax().to_numpy()
    fresh = begins(of)
    fresh[1:] |= started[1:] - latest[:-1] >= _GAP
    begun = started[np.flatnonzero(fresh)[np.cumsum(fresh) - 1]]
    meant = started // _HOUR - begun // _HOUR < _LONGEST // _HOUR
    if span is not None:
        start, end = micros(pd.Series(span))
        meant &= (begun >= start) & (begun < end)
    return order[meant], np.flatnonzero(fresh[meant])


def _visitors(activity: pd.DataFrame) -> Ints:
    """A number for each source and visitor, in their order."""
    (source, _), (visitor, visitors) = ranks(activity["source"]), ranks(activity["visitor_id"])
    return source * visitors + visitor


def _flags(values: pd.Series) -> _Flags:
    return values.to_numpy(dtype=np.bool_, na_value=False)


def _moments(counts: Ints) -> pd.DatetimeIndex:
    """Micros since 1970 as times, UTC."""
    return pd.DatetimeIndex(counts.view("datetime64[us]")).tz_localize("UTC")


_NONE = pd.DataFrame(
    {"hour": _moments(np.zeros(0, np.int64)), "source": pd.Series(dtype="str")}
    | {name: np.zeros(0, np.int64) for name in FIGURES}
)
