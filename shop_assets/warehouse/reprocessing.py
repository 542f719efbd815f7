"""What a reprocessing has done so far, so that one that was stopped goes on where it stood."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field

from shop_assets.warehouse.connection import Warehouse

GOOD_FOR_DAYS = 7
"""How long after its beginning one may go on. Whoever gives the command later than that means all
of the hours; and sources that `raw` has asked may say something else by now."""

_HOUR = dt.timedelta(hours=1)
_FINISHED = "finished"
_WHY_ANEW = {
    "other rules": "the configuration or the release is not the one that it began with",
    "old": f"it began more than {GOOD_FOR_DAYS} days ago",
    "overtaken": "hours of it have been reprocessed since by another configuration or release",
}
_NEWEST = f"""
    SELECT id, CASE
        WHEN finished_at IS NOT NULL THEN '{_FINISHED}'
        WHEN made_by <> $4 THEN 'other rules'
        WHEN began_at < clock_timestamp() - interval '{GOOD_FOR_DAYS} days' THEN 'old'
        WHEN EXISTS (
            SELECT FROM meta.reprocessings later
            WHERE later.began_at > this.began_at AND later.made_by <> this.made_by
            AND later.starts < this.ends AND later.ends > this.starts
        ) THEN 'overtaken'
    END
    FROM meta.reprocessings this WHERE layer = $1 AND starts = $2 AND ends = $3
    ORDER BY began_at DESC LIMIT 1
"""


@dataclass
class Reprocessing:
    """Hours `[start, end)` to be computed again from a layer on.

    `done`: the hours whose chunk is through. `runs`: Dagster's runs that belong to it. `anew`: a
    sentence that says why it does not go on where an earlier one was stopped, if there was one.
    """

    identity: str
    layer: str
    start: dt.datetime
    end: dt.datetime
    done: set[dt.datetime] = field(default_factory=set)
    runs: list[str] = field(default_factory=list)
    anew: str | None = None


def begin_or_resume(
    warehouse: Warehouse,
    layer: str,
    start: dt.datetime,
    end: dt.datetime,
    reason: str,
    *,
    made_by: str,
) -> Reprocessing:
    """The one of this layer and span that was stopped, else a new one.

    `made_by`: a text that is another one where the layers are made by other rules. One whose hours
    would be made partly by these and partly by those does not go on.
    """
    with warehouse.transaction() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('reprocessings', 5))")
        cursor.execute(_NEWEST, parameters=(layer, start, end, made_by))
        identity, over = cursor.fetchone() or (None, _FINISHED)
        if over is not None:
            identity = str(uuid.uuid4())
            cursor.execute(
                "INSERT INTO meta.reprocessings (id, layer, starts, ends, reason, made_by) "
                "VALUES ($1, $2, $3, $4, $5, $6)",
                parameters=(identity, layer, start, end, reason, made_by),
            )
    found = Reprocessing(str(identity), layer, start, end)
    if over in _WHY_ANEW:
        found.anew = f"all hours anew, and not from where it was stopped: {_WHY_ANEW[over]}"
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
