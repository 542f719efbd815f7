"""Web sessions: stretches of activity, joined to sessions, counted by how far they came."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.entities.web import STEPS

GAP = dt.timedelta(minutes=30)
"""Activity after a pause of this or more begins a new session."""
LONGEST = dt.timedelta(hours=24)
"""Steps later than this after a session's begin do not count for it."""

_VISITOR = ["source", "visitor_id"]
_TIMES = [f"{step}_{which}" for step in STEPS for which in ("first", "last")]


def web_activity(events: pd.DataFrame) -> pd.DataFrame:
    """`web_activity` from clean web events with their change hour `_hour`.

    Events of one visitor and change hour are split at pauses of `GAP`, and at the hours they
    happened in, so that a stretch stands in one hour.
    """
    spec = TABLES["web_activity"]
    rows = events[~events["deleted"].astype(bool)]
    if rows.empty:
        return spec.empty()
    rows = rows.sort_values([*_VISITOR, "_hour", "occurred_at"], kind="stable")
    same = (
        (rows["source"] == rows["source"].shift())
        & (rows["visitor_id"] == rows["visitor_id"].shift())
        & (rows["_hour"] == rows["_hour"].shift())
        & (rows["occurred_at"].dt.floor("h") == rows["occurred_at"].shift().dt.floor("h"))
        & (rows["occurred_at"] - rows["occurred_at"].shift() < GAP)
    )
    stretch = (~same.fillna(False).astype(bool)).cumsum().rename("stretch")
    named: dict[str, tuple[str, str]] = {
        "source": ("source", "first"),
        "change_hour": ("_hour", "first"),
        "visitor_id": ("visitor_id", "first"),
        "started_at": ("occurred_at", "min"),
        "ended_at": ("occurred_at", "max"),
        "events": ("occurred_at", "size"),
        "is_bot": ("is_bot", "max"),
    }
    at = rows.assign(
        **{f"{step}_at": rows["occurred_at"].where(rows["step"] == step) for step in STEPS}
    )
    for step in STEPS:
        named[f"{step}_first"] = (f"{step}_at", "min")
        named[f"{step}_last"] = (f"{step}_at", "max")
    found = at.groupby(stretch, sort=False).agg(**named)
    conformed = spec.conform(found.reset_index(drop=True))
    return conformed.sort_values(list(spec.key), kind="stable", ignore_index=True)


def funnel_hourly(activity: pd.DataFrame, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """`funnel_hourly` of the sessions that began in `[start, end)`.

    `activity`: the stretches that touch `[start - GAP, end + LONGEST)`. A stretch belongs to the
    session of the one before it where less than `GAP` lies between them. A step is reached when
    all before it were, and its last time is not before the first time of the step before.
    """
    spec = TABLES["funnel_hourly"]
    sessions = _sessions(activity)
    began = (sessions["started_at"] >= pd.Timestamp(start)) & (
        sessions["started_at"] < pd.Timestamp(end)
    )
    sessions = sessions[began]
    if sessions.empty:
        return spec.empty()
    human = ~sessions["is_bot"].astype(bool)
    flags = pd.DataFrame(
        {
            "hour": sessions["started_at"].dt.floor("h"),
            "source": sessions["source"],
            "sessions": human,
            "bot_sessions": ~human,
            "converted_sessions": human & sessions["purchase_first"].notna(),
        }
    )
    reached = human
    before: pd.Series | None = None
    for step in STEPS:
        reached = reached & sessions[f"{step}_first"].notna()
        if before is not None:
            reached &= (sessions[f"{step}_last"] >= before).fillna(False).astype(bool)
        flags[f"{step}_sessions"] = reached
        before = sessions[f"{step}_first"]
    figures = [name for name in flags.columns if name not in ("hour", "source")]
    sums = flags.groupby(["hour", "source"], as_index=False)[figures].sum()
    count = sums["sessions"].astype("Float64")
    sums["conversion_rate"] = sums["converted_sessions"].astype("Float64") / count.where(count > 0)
    conformed = spec.conform(sums)
    return conformed.sort_values(list(spec.key), kind="stable", ignore_index=True)


def _sessions(activity: pd.DataFrame) -> pd.DataFrame:
    """Stretches joined to sessions: their begin, whether a bot's, first and last of each step."""
    rows = activity.sort_values([*_VISITOR, "started_at", "ended_at"], kind="stable").reset_index(
        drop=True
    )
    latest = rows.groupby(_VISITOR, sort=False)["ended_at"].cummax()
    earlier = latest.groupby([rows[c] for c in _VISITOR], sort=False).shift()
    fresh = earlier.isna() | (rows["started_at"] - earlier >= GAP)
    session = fresh.cumsum().rename("session")
    rows["begun"] = rows["started_at"].groupby(session, sort=False).transform("min")
    rows = rows[rows["started_at"] < rows["begun"] + LONGEST]
    session = session.loc[rows.index]
    named = {
        "source": ("source", "first"),
        "started_at": ("started_at", "min"),
        "is_bot": ("is_bot", "max"),
        **{name: (name, "min" if name.endswith("first") else "max") for name in _TIMES},
    }
    return rows.groupby(session, sort=False).agg(**named).reset_index(drop=True)
