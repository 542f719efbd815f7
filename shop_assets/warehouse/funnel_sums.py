"""The counts that the funnel is made of, kept as web activity changes.

Events come up to a day late: each hour's load touches sessions of all hours before it, each of
which has as many stretches as any other. Read anew, they would be a day's activity for each hour,
and each minute of the open one. So a load adds what the sessions of its visitors count for after
it, and takes off what they did before, under a lock that loads of activity follow each other by.
What counts is said once, in `transforms.sessions`.

Where the counts were never made (an older release's warehouse), the next load or mart makes them.
"""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pandas as pd
import pyarrow as pa

from shop_assets.transforms import sessions
from shop_assets.warehouse import ddl, slices
from shop_assets.warehouse.connection import Cursor, Warehouse, fetch_one, read

ROWS_AT_ONCE = 1_000_000
"""How many stretches, about, are counted at a time where all are."""
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('web_activity.visitors', 2))"
"""Under which loads change activity and what is kept of it, one after the other."""
COLUMNS = ", ".join(f"a.{ddl.quoted(name)}" for name in sessions.FUNNEL_READS)
"""What of activity, as `a`, is counted."""

_KEY = ", ".join(sessions.HOURS)
_SCHEMA = pa.schema(
    [("hour", pa.timestamp("us", "UTC")), ("source", pa.string())]
    + [(name, pa.int64()) for name in sessions.FIGURES]
)
_STRETCH = dt.timedelta(hours=1)
"""No stretch is longer."""


def add(cursor: Cursor, after: pd.DataFrame, before: pd.DataFrame) -> None:
    """Add what stretches count for, and take off what those that were there before did.

    Both have `FUNNEL_READS`, and of each visitor all that may stand in a session with what has
    changed. The hours whose counts differ stand in `pg_temp.moved_funnel`. The caller holds `LOCK`.
    """
    _write(cursor, sessions.moved_counts(after, before))


def ensure(cursor: Cursor) -> None:
    """Count all sessions where that was never done."""
    if _is_made(cursor):
        return
    cursor.execute(LOCK)
    if _is_made(cursor):
        return
    cursor.execute("DELETE FROM meta.funnel_sums")
    # Of the hours that there are: one that is wrong by a century is no century of hours.
    hours = read(
        cursor,
        "SELECT date_trunc('hour', started_at, 'UTC') AS hour, count(*) AS rows "
        "FROM warehouse.web_activity GROUP BY 1 ORDER BY 1",
    )
    if not hours.empty:
        part = (hours["rows"].cumsum() - hours["rows"]) // ROWS_AT_ONCE
        borders = [*hours.loc[~part.duplicated(), "hour"], hours["hour"].iloc[-1] + _STRETCH]
        # Each row of a day is looked for among the visitors, never all of them for each row, even
        # where hours are so new that the planner takes them for empty.
        cursor.execute("SET LOCAL enable_nestloop = off")
        parts = [_counts_between(cursor, start, end) for start, end in pairwise(borders)]
        cursor.execute("SET LOCAL enable_nestloop = DEFAULT")
        _write(cursor, pd.concat(parts, ignore_index=True))
    cursor.execute("INSERT INTO meta.funnel_made (one) VALUES (true)")


def read_hours(warehouse: Warehouse, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """`transforms.sessions.session_counts` of the sessions that began in `[start, end)`."""
    with warehouse.transaction() as cursor:
        ensure(cursor)
        return read(
            cursor,
            f"SELECT {', '.join(_SCHEMA.names)} FROM meta.funnel_sums WHERE hour >= $1 "
            f"AND hour < $2 AND (sessions > 0 OR bot_sessions > 0) ORDER BY {_KEY}",
            (start, end),
        )


def _counts_between(cursor: Cursor, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """The counts of the sessions that began in `[start, end)`, from their stretches."""
    stretches = f"SELECT {COLUMNS} FROM warehouse.web_activity a WHERE"
    # A day may follow, of which nearly nothing continues what began before it.
    sql = (
        f"{stretches} a.ended_at >= $1 AND a.started_at >= $2 AND a.started_at < $3 UNION ALL "
        f"{stretches} a.started_at >= $3 AND a.started_at < $4 AND (a.source, a.visitor_id) IN ("
        "SELECT o.source, o.visitor_id FROM warehouse.web_activity o "
        "WHERE o.started_at >= $5 AND o.started_at < $3 AND o.ended_at > $6)"
    )
    gap, longest = sessions.GAP, sessions.LONGEST
    times = (start - gap, start - gap - _STRETCH, end, end + longest)
    activity = read(cursor, sql, (*times, end - gap - _STRETCH, end - gap))
    return sessions.session_counts(activity, start, end)


def _is_made(cursor: Cursor) -> bool:
    return bool(fetch_one(cursor, "SELECT EXISTS (SELECT FROM meta.funnel_made)"))


def _write(cursor: Cursor, changes: pd.DataFrame) -> None:
    staged = pa.Table.from_pandas(changes, schema=_SCHEMA, preserve_index=False)
    slices.stage(cursor, "moved_funnel", staged)
    figures = ", ".join(f"{name} = t.{name} + excluded.{name}" for name in sessions.FIGURES)
    columns = ", ".join(_SCHEMA.names)
    cursor.execute(
        f"INSERT INTO meta.funnel_sums AS t ({columns}) SELECT {columns} FROM pg_temp.moved_funnel "
        f"ORDER BY {_KEY} ON CONFLICT ({_KEY}) DO UPDATE SET {figures}"
    )
