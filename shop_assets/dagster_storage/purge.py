"""Letting go of what Dagster wrote long ago, while every partition keeps its newest state.

Dagster keeps all events for ever: some six hundred for each hour of a shop. What the UI and the
automation go by is the newest materialization and check result of each partition; the steps' own
words of runs long past are read by nobody.
"""

import datetime as dt
from dataclasses import dataclass

from dagster import DagsterEventType as Kind
from sqlalchemy import TextClause, bindparam, text

from shop_assets.dagster_storage.event_log import BatchingPostgresEventLogStorage
from shop_assets.dagster_storage.rows import row_time

_BATCH = 50_000
_KEPT = [
    kind.value
    for kind in (Kind.ASSET_MATERIALIZATION, Kind.ASSET_OBSERVATION, Kind.ASSET_CHECK_EVALUATION)
]
_WORDS = text(
    "DELETE FROM event_logs WHERE id IN (SELECT id FROM event_logs WHERE timestamp < :before "
    "AND (dagster_event_type IS NULL OR dagster_event_type NOT IN :kept) LIMIT :batch)"
).bindparams(bindparam("kept", expanding=True))
_REPLACED = text(
    "DELETE FROM event_logs WHERE id IN (SELECT o.id FROM event_logs o WHERE o.timestamp < :before "
    "AND o.dagster_event_type = 'ASSET_MATERIALIZATION' AND EXISTS (SELECT FROM event_logs n "
    "WHERE n.asset_key = o.asset_key AND n.dagster_event_type = o.dagster_event_type "
    "AND n.partition IS NOT DISTINCT FROM o.partition AND n.id > o.id) LIMIT :batch)"
)
_CHECKS = text(
    "WITH gone AS (DELETE FROM asset_check_executions WHERE id IN (SELECT o.id "
    "FROM asset_check_executions o WHERE o.create_timestamp < :moment AND EXISTS (SELECT "
    "FROM asset_check_executions n WHERE n.asset_key = o.asset_key "
    "AND n.check_name = o.check_name AND n.partition IS NOT DISTINCT FROM o.partition "
    "AND n.id > o.id) LIMIT :batch) RETURNING evaluation_event_storage_id) "
    "DELETE FROM event_logs WHERE id IN (SELECT evaluation_event_storage_id FROM gone)"
)


@dataclass(frozen=True)
class Purged:
    """How many events were deleted: words of runs, materializations and check results replaced."""

    words: int
    materializations: int
    checks: int


def purge(storage: BatchingPostgresEventLogStorage, before: dt.datetime) -> Purged:
    """Delete what was written before a moment and is no partition's newest state."""
    seconds = row_time(before.timestamp())
    return Purged(
        _deleted(storage, _WORDS, before=seconds, kept=_KEPT),
        _deleted(storage, _REPLACED, before=seconds),
        _deleted(storage, _CHECKS, moment=seconds),
    )


def _deleted(
    storage: BatchingPostgresEventLogStorage, statement: TextClause, **values: object
) -> int:
    """Delete in batches, so that no transaction lasts long, and count."""
    total = 0
    with storage.index_connection() as connection:
        while True:
            found = connection.execute(statement, {**values, "batch": _BATCH}).rowcount
            total += found
            if found < _BATCH:
                return total
