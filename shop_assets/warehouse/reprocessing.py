"""What a reprocessing has done so far, so that one that was stopped goes on where it stood."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field

from shop_assets.warehouse.connection import Warehouse, fetch_one

_HOUR = dt.timedelta(hours=1)


@dataclass
class Reprocessing:
    """Hours `[start, end)` to be computed again from a layer on.

    `done`: the hours whose chunk is through. `runs`: Dagster's runs that belong to it.
    """

    identity: str
    layer: str
    start: dt.datetime
    end: dt.datetime
    done: set[dt.datetime] = field(default_factory=set)
    runs: list[str] = field(default_factory=list)


def begin_or_resume(
    warehouse: Warehouse, layer: str, start: dt.datetime, end: dt.datetime, reason: str
) -> Reprocessing:
    """The one of this layer and span that was not finished, else a new one."""
    with warehouse.transaction() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('reprocessings', 5))")
        known = fetch_one(
            cursor,
            "SELECT id FROM meta.reprocessings WHERE layer = $1 AND starts = $2 AND ends = $3 "
            "AND finished_at IS NULL ORDER BY began_at DESC LIMIT 1",
            (layer, start, end),
        )
        if known is None:
            known = str(uuid.uuid4())
            cursor.execute(
                "INSERT INTO meta.reprocessings (id, layer, starts, ends, reason) "
                "VALUES ($1, $2, $3, $4, $5)",
                parameters=(known, layer, start, end, reason),
            )
    found = Reprocessing(str(known), layer, start, end)
    runs = warehouse.read(
        "SELECT run_id, starts, ends FROM meta.reprocessed WHERE id = $1 ORDER BY done_at",
        (found.identity,),
    )
    found.runs = [str(run) for run in runs["run_id"]]
    for first, after in runs[["starts", "ends"]].dropna().itertuples(index=False):
        hours = int((after - first) / _HOUR)
        found.done |= {first.to_pydatetime() + n * _HOUR for n in range(hours)}
    return found


def note_run(
    warehouse: Warehouse,
    reprocessing: Reprocessing,
    run_id: str,
    span: tuple[dt.datetime, dt.datetime] | None,
) -> None:
    """Store that a run is through: of the hours of `span`, or of what followed from them."""
    start, end = span or (None, None)
    with warehouse.transaction() as cursor:
        cursor.execute(
            "INSERT INTO meta.reprocessed (id, run_id, starts, ends) VALUES ($1, $2, $3, $4)",
            parameters=(reprocessing.identity, run_id, start, end),
        )
    reprocessing.runs.append(run_id)


def finish(warehouse: Warehouse, reprocessing: Reprocessing) -> None:
    """Store that it is through: the same command then begins a new one."""
    with warehouse.transaction() as cursor:
        cursor.execute(
            "UPDATE meta.reprocessings SET finished_at = clock_timestamp() WHERE id = $1",
            parameters=(reprocessing.identity,),
        )
