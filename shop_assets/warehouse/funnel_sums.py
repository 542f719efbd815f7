"""The counts that the funnel is made of, kept as web activity changes.

Events come up to a day late: each hour's load touches sessions of all hours before it, each of
which has as many stretches as any other. Read anew, they would be a day's activity for each hour,
and each minute of the open one. So a load adds what the sessions of its visitors count for after
it, and takes off what they did before, under a lock that loads of activity follow each other by.
What counts is said once, in `transforms.sessions`.

Where the counts were never made (an older release's warehouse), or by another rule, the next load
or mart makes them, and asks for the hours of the mart that say otherwise.
"""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pandas as pd
import pyarrow as pa

from shop_assets.entities import TABLES
from shop_assets.transforms import sessions
from shop_assets.warehouse import ddl, slices
from shop_assets.warehouse.connection import Cursor, Readable, fetch_one, only_by_index, read

ROWS_AT_ONCE = 1_000_000
"""How many stretches, about, are counted at a time where all are."""
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('web_activity.visitors', 2))"
"""Under which loads change activity and what is kept of it, one after the other."""

_ACTIVITY = TABLES["web_activity"]
_READ = ", ".join(f"a.{ddl.quoted(name)}" for name in sessions.FUNNEL_READS)
_KEY = ", ".join(sessions.HOURS)
_SCHEMA = pa.schema(
    [("hour", pa.timestamp("us", "UTC")), ("source", pa.string())]
    + [(name, pa.int64()) for name in sessions.FIGURES]
)
_COLUMNS = ", ".join(_SCHEMA.names)
_TOUCHED = pa.schema(
    [("source", pa.string()), ("visitor_id", pa.string())]
    + [(name, pa.timestamp("us", "UTC")) for name in ("since", "until")]
)


def add(cursor: Cursor, activity: pd.DataFrame) -> None:
    """Bring the counts up to date with activity that comes where none stands of its change hours.

    As `change` does, before the rows are written.
    """
    _stage_touched(cursor, sessions.touched(activity))
    others = _others(cursor, "false")
    _count_anew(cursor, _counts(others, activity), _counts(others))


def change(cursor: Cursor, scope: str) -> None:
    """Bring the counts up to date with rows of `pg_temp.gone` and `pg_temp.came`, and ask for the
    hours of the funnel that they change.

    `scope`: a condition that a row of activity, as `a`, is one that the load replaces. The caller
    holds `LOCK`.
    """
    columns = ", ".join(map(ddl.quoted, sessions.TOUCHED_READS))
    moved = read(
        cursor,
        f"SELECT {columns} FROM pg_temp.gone UNION ALL SELECT {columns} FROM pg_temp.came",
    )
    _stage_touched(cursor, sessions.touched(moved))
    others = _others(cursor, scope)
    after = _counts(others, _touched(cursor, "fresh"))
    _count_anew(cursor, after, _counts(others, _touched(cursor, "present")))


def _count_anew(cursor: Cursor, after: pd.DataFrame, before: pd.DataFrame) -> None:
    """Keep what some visitors count for, and no more what they did; ask for the hours."""
    _add(cursor, sessions.moved_counts(after, before))
    slices.mark_stale(cursor, "funnel_hourly", "SELECT hour FROM pg_temp.moved_funnel")


def _stage_touched(cursor: Cursor, touched: pd.DataFrame) -> None:
    """Make `pg_temp.touched`, in its order: then they are found in the order of the index."""
    staged = pa.Table.from_pandas(touched, schema=_TOUCHED, preserve_index=False)
    slices.stage(cursor, "touched", staged)


def _others(cursor: Cursor, scope: str) -> pd.DataFrame:
    """What other hours told of these visitors, each looked up in the few months of the visit.

    That is what `OFFSET 0` is for; and a visitor has few stretches in a day: a bitmap of them is
    more than to fetch them.
    """
    cursor.execute("SET LOCAL enable_bitmapscan = off")
    return read(
        cursor,
        f"SELECT {_READ} FROM pg_temp.touched c CROSS JOIN LATERAL ("
        "SELECT * FROM warehouse.web_activity a "
        "WHERE a.source = c.source AND a.visitor_id = c.visitor_id AND a.started_at >= c.since "
        f"AND a.started_at <= c.until AND ({scope}) IS NOT TRUE OFFSET 0) a",
    )


def _touched(cursor: Cursor, table: str) -> pd.DataFrame:
    """The rows of a temporary table about these visitors."""
    return read(
        cursor,
        f"SELECT {_READ} FROM pg_temp.{table} a JOIN pg_temp.touched USING (source, visitor_id)",
    )


def _counts(*parts: pd.DataFrame) -> pd.DataFrame:
    columns = list(sessions.FUNNEL_READS)
    rows = [_ACTIVITY.conform(part)[columns] for part in parts]
    return sessions.session_counts(pd.concat(rows, ignore_index=True))


def ensure(cursor: Cursor) -> None:
    """Count all sessions where that was never done by this rule."""
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
        borders = [
            *hours.loc[~part.duplicated(), "hour"],
            hours["hour"].iloc[-1] + dt.timedelta(hours=1),
        ]
        # Each row of a day is looked for among the visitors, never all of them for each row, even
        # where hours are so new that the planner takes them for empty.
        cursor.execute("SET LOCAL enable_nestloop = off")
        with only_by_index(cursor):
            parts = [_counts_between(cursor, start, end) for start, end in pairwise(borders)]
        cursor.execute("SET LOCAL enable_nestloop = DEFAULT")
        _add(cursor, pd.concat(parts, ignore_index=True))
    _ask_where_the_mart_differs(cursor)
    cursor.execute(
        "INSERT INTO meta.funnel_made (one, rule) VALUES (true, $1) "
        "ON CONFLICT (one) DO UPDATE SET rule = excluded.rule",
        parameters=(sessions.RULE,),
    )


def read_hours(warehouse: Readable, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """`transforms.sessions.session_counts` of the sessions that began in `[start, end)`."""
    with warehouse.transaction() as cursor:
        ensure(cursor)
        return read(
            cursor,
            f"SELECT {_COLUMNS} FROM meta.funnel_sums WHERE hour >= $1 AND hour < $2 "
            f"AND (sessions > 0 OR bot_sessions > 0) ORDER BY {_KEY}",
            (start, end),
        )


def _counts_between(cursor: Cursor, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """The counts of the sessions that began in `[start, end)`, from their stretches."""
    stretches = f"SELECT {_READ} FROM warehouse.web_activity a WHERE"
    # A day may follow, of which nearly nothing continues what began before it.
    sql = (
        f"{stretches} a.ended_at >= $1 AND a.started_at >= $2 AND a.started_at < $3 UNION ALL "
        f"{stretches} a.started_at >= $3 AND a.started_at < $4 AND (a.source, a.visitor_id) IN ("
        "SELECT o.source, o.visitor_id FROM warehouse.web_activity o "
        "WHERE o.started_at >= $5 AND o.started_at < $3 AND o.ended_at > $6)"
    )
    gap, stretch = sessions.GAP, sessions.STRETCH
    times = (start - gap, start - gap - stretch, end, end + sessions.LONGEST)
    activity = read(cursor, sql, (*times, end - gap - stretch, end - gap))
    return sessions.session_counts(activity, (start, end))


def _ask_where_the_mart_differs(cursor: Cursor) -> None:
    figures = ", ".join(f"{{0}}.{name}" for name in sessions.FIGURES)
    slices.mark_stale(
        cursor,
        "funnel_hourly",
        f"SELECT hour FROM (SELECT * FROM meta.funnel_sums "
        "WHERE sessions > 0 OR bot_sessions > 0) s "
        f"FULL JOIN {ddl.physical(TABLES['funnel_hourly'])} m USING ({_KEY}) "
        f"WHERE ({figures.format('s')}) IS DISTINCT FROM ({figures.format('m')})",
    )


def _is_made(cursor: Cursor) -> bool:
    sql = "SELECT EXISTS (SELECT FROM meta.funnel_made WHERE rule = $1)"
    return bool(fetch_one(cursor, sql, (sessions.RULE,)))


def _add(cursor: Cursor, counts: pd.DataFrame) -> None:
    """Add to the counts that are kept. The hours stand in `pg_temp.moved_funnel`."""
    staged = pa.Table.from_pandas(counts, schema=_SCHEMA, preserve_index=False)
    slices.stage(cursor, "moved_funnel", staged)
    figures = ", ".join(f"{name} = t.{name} + excluded.{name}" for name in sessions.FIGURES)
    cursor.execute(
        f"INSERT INTO meta.funnel_sums AS t ({_COLUMNS}) SELECT {_COLUMNS} "
        f"FROM pg_temp.moved_funnel ORDER BY {_KEY} ON CONFLICT ({_KEY}) DO UPDATE SET {figures}"
    )
