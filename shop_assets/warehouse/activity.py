"""Loading web activity: the slice of a change hour, and the funnel hours that it is seen in."""

from __future__ import annotations

import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.transforms.sessions import FUNNEL_READS
from shop_assets.warehouse import funnel_sums, slices
from shop_assets.warehouse.connection import Cursor, Warehouse, read
from shop_assets.warehouse.current import of_load
from shop_assets.warehouse.difference import Target, replace_rows
from shop_assets.warehouse.slices import Load, Written


def load_activity(warehouse: Warehouse, activity: pd.DataFrame, load: Load) -> Written:
    """Replace the activity that the load's change hours brought (columns of `web_activity`)."""
    spec = TABLES["web_activity"]
    fresh = slices.to_arrow(activity, spec)
    warehouse.ensure_months(spec, fresh.column("started_at"))
    with warehouse.transaction() as cursor, slices.publishing(cursor, load) as publication:
        if publication.before is not None:
            return publication.before
        # Loads of other hours may bring what the same visitors did: each must see those before it.
        cursor.execute(funnel_sums.LOCK)
        funnel_sums.ensure(cursor)
        slices.stage(cursor, "fresh", fresh)
        found = replace_rows(cursor, Target.of(spec), of_load("t", load))
        if found.rows:
            others = _others(cursor, load)
            told = activity[list(FUNNEL_READS)] if found.all_came else _touched(cursor, "fresh")
            gone = [] if found.all_came else [_touched(cursor, "present")]
            funnel_sums.add(cursor, _together(others, told), _together(others, *gone))
            slices.mark_stale(cursor, "funnel_hourly", "SELECT hour FROM pg_temp.moved_funnel")
        return publication.note(fresh.num_rows, found.rows)


def _others(cursor: Cursor, load: Load) -> pd.DataFrame:
    """What other hours told of the visitors who are concerned: their stretches that count with any
    that came or went.

    That is from a day before, which a session lasts at most, and what it may go on from there, to
    a day after. Each visitor is looked up in the few months of the visit (`OFFSET 0`).
    """
    cursor.execute(
        "CREATE TEMP TABLE touched ON COMMIT DROP AS SELECT source, visitor_id, "
        "min(started_at) - interval '25 hours 30 minutes' AS since, "
        "max(ended_at) + interval '24 hours 30 minutes' AS until FROM ("
        "SELECT source, visitor_id, started_at, ended_at FROM pg_temp.gone UNION ALL "
        "SELECT source, visitor_id, started_at, ended_at FROM pg_temp.came) moved GROUP BY 1, 2"
    )
    slices.analyze(cursor, "touched")
    # A visitor has few stretches in a day: a bitmap of them is more than to fetch them.
    cursor.execute("SET LOCAL enable_bitmapscan = off")
    return read(
        cursor,
        f"SELECT {funnel_sums.COLUMNS} FROM pg_temp.touched c CROSS JOIN LATERAL ("
        "SELECT * FROM warehouse.web_activity a "
        "WHERE a.source = c.source AND a.visitor_id = c.visitor_id "
        f"AND a.started_at >= c.since AND a.started_at <= c.until AND ({of_load('a', load)}) "
        "IS NOT TRUE OFFSET 0) a",
    )


def _touched(cursor: Cursor, table: str) -> pd.DataFrame:
    """The rows of a temporary table about the visitors who are concerned."""
    return read(
        cursor,
        f"SELECT {funnel_sums.COLUMNS} FROM pg_temp.{table} a "
        "JOIN pg_temp.touched USING (source, visitor_id)",
    )


def _together(*parts: pd.DataFrame) -> pd.DataFrame:
    spec = TABLES["web_activity"]
    columns = list(FUNNEL_READS)
    return pd.concat([spec.conform(part)[columns] for part in parts], ignore_index=True)
