"""An event log on PostgreSQL that writes events in bulk.

Dagster's own batches materializations, but writes each planned event, each check result and all
that steps say by itself, with several statements and a connection each: 10 ms an event, hours for a
range run of years, and other steps that talk wait meanwhile. This class writes all of them with a
few statements per thousand, or per moment.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from dagster import AssetKey, DagsterEventType, EventLogEntry, EventLogRecord
from dagster._core.events import ASSET_EVENTS
from dagster._core.storage.event_log.migration import ASSET_KEY_INDEX_COLS
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster._serdes import ConfigurableClassData, deserialize_value
from dagster_postgres.event_log import PostgresEventLogStorage
from psycopg2.extras import execute_values
from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from shop_assets.dagster_storage.alike import AlikeEvents
from shop_assets.dagster_storage.pooled import configured, pooled
from shop_assets.dagster_storage.rows import (
    EventRow,
    LastEvents,
    Stored,
    check_row,
    planned_check_rows,
    rows_of,
)
from shop_assets.dagster_storage.waiting import WaitingRows

_COLUMNS = (
    "run_id",
    "event",
    "dagster_event_type",
    "timestamp",
    "step_key",
    "asset_key",
    "partition",
)
_OF_RUN = ("asset_key", "check_name", "run_id")
_ONE_CHECK = (*_OF_RUN, "partition")
_STORED_AS = "evaluation_event_storage_id"
_RESULT = {
    "execution_status": "text",
    "evaluation_event": "text",
    "evaluation_event_timestamp": "timestamp",
    _STORED_AS: "bigint",
    "materialization_event_storage_id": "bigint",
}
_JUDGED = dict.fromkeys(_OF_RUN, "text") | _RESULT
_PAGE = 1000
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
# On the disk at the latest with the end of the run, which is committed after it and waits for that.
_BEGIN_SOON = f"{_BEGIN}; SET LOCAL synchronous_commit = off"
_AIM = text(
    f"UPDATE {AssetCheckExecutionsTable.name} c SET materialization_event_storage_id = m.id "  # noqa: S608
    "FROM unnest(CAST(:ids AS bigint[]), CAST(:partitions AS text[])) m (id, partition) "
    "WHERE c.asset_key = :asset_key AND c.check_name = ANY (:checks) AND c.run_id = :run_id "
    "AND c.partition = m.partition"
)
_ALL = dict.fromkeys(_ONE_CHECK, "text") | _RESULT
_JUDGE_PARTITIONS = text(
    f"INSERT INTO {AssetCheckExecutionsTable.name} ({', '.join(_ALL)}) SELECT * "  # noqa: S608
    f"FROM unnest({', '.join(f'CAST(:{name} AS {kind}[])' for name, kind in _ALL.items())}) "
    f"ON CONFLICT ({', '.join(_ONE_CHECK)}) DO UPDATE "
    f"SET {', '.join(f'{name} = excluded.{name}' for name in _RESULT)}"
)
_JUDGE = text(
    f"UPDATE {AssetCheckExecutionsTable.name} c SET "  # noqa: S608
    f"{', '.join(f'{name} = r.{name}' for name in _RESULT)} "
    f"FROM unnest({', '.join(f'CAST(:{name} AS {kind}[])' for name, kind in _JUDGED.items())}) "
    f"r ({', '.join(_JUDGED)}) WHERE {' AND '.join(f'c.{n} = r.{n}' for n in _OF_RUN)} "
    f"AND c.partition IS NULL RETURNING {', '.join(f'c.{name}' for name in _OF_RUN)}"
)


class BatchingPostgresEventLogStorage(PostgresEventLogStorage):
    """Dagster's event log on PostgreSQL, with bulk writes of asset events and check results."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        self._reported: dict[tuple[str, str], set[str]] = {}
        self._asset_columns: set[str] = set()
        self._tables: set[str] = set()
        self._waiting = WaitingRows(
            lambda stored: self._write(stored, _BEGIN_SOON),
            lambda stored: self._write(stored, _BEGIN_SOON, self._engine.connect),
        )
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        self._engine = pooled(postgres_url)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "BatchingPostgresEventLogStorage":
        """Make the storage that an instance's configuration names."""
        return cls(**configured(config_value), inst_data=inst_data)

    def dispose(self) -> None:
        """Write what waits, and give back the connections."""
        try:
            self._waiting.settle()
        finally:
            super().dispose()
            self._engine.dispose()

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """Whether one planned event may stand for many partitions: each gets its row here."""
        return True

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event; what a step says may wait for what else is said at that moment.

        Nobody who asks this storage misses it; of a process that is killed the last moment is
        missing. One event that plans many partitions becomes a row for each.
        """
        if event.step_key is not None:
            self._waiting.add(self._rows([event]))
        else:
            self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of any kinds, in their order, after all that waits."""
        if stored := self._rows(events):
            self._waiting.write_now(lambda: self._write(stored))

    def _rows(self, events: Iterable[EventLogEntry]) -> list[Stored]:
        known = (
            event
            for event in events
            if event.dagster_event_type != DagsterEventType.ASSET_FAILED_TO_MATERIALIZE
        )
        return list(rows_of(known, AlikeEvents(self._event_to_row).row))

    def _connect(self) -> AbstractContextManager[Connection]:
        """A connection, by which all that was stored is to be seen."""
        self._waiting.settle()
        connected: AbstractContextManager[Connection] = super()._connect()
        return connected

    @contextmanager
    def _transaction(
        self, begin: str, connect: Callable[[], AbstractContextManager[Connection]]
    ) -> Iterator[Connection]:
        """A connection whose statements count together: those of Dagster's own each commit."""
        with connect() as connection:
            try:
                connection.exec_driver_sql(begin)
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                connection.invalidate()
                raise

    def has_table(self, table_name: str) -> bool:
        """Whether Dagster's schema has a table; one that is there once stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def has_asset_key_col(self, column_name: str) -> bool:
        """Whether Dagster's table of assets has a column; one that is there once stays."""
        if column_name not in self._asset_columns and super().has_asset_key_col(column_name):
            self._asset_columns.add(column_name)
        return column_name in self._asset_columns

    def _write(
        self,
        stored: Sequence[Stored],
        begin: str = _BEGIN,
        connect: Callable[[], AbstractContextManager[Connection]] | None = None,
    ) -> None:
        """Write rows, and what Dagster keeps of them to look them up: all of it, or nothing.

        `connect`: by which connection, if not by one for which Dagster tries several times.
        """
        with self._transaction(begin, connect or self._connect) as connection:
            self._index(connection, stored, insert_rows(connection, stored))

    def _index(self, connection: Connection, stored: Sequence[Stored], ids: list[int]) -> None:
        last = LastEvents()
        planned: list[EventRow] = []
        judged: list[EventRow] = []
        tagged: list[EventLogEntry] = []
        tagged_ids: list[int] = []
        for (event, row), event_id in zip(stored, ids, strict=True):
            kind = event.dagster_event_type
            if kind == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                planned += planned_check_rows(event, row, event_id)
            elif kind == DagsterEventType.ASSET_CHECK_EVALUATION:
                judged.append(check_row(event, row) | {_STORED_AS: event_id})
            elif kind in ASSET_EVENTS and event.get_dagster_event().asset_key:
                last.add(event, event_id)
                tagged.append(event)
                tagged_ids.append(event_id)
        self._store_asset_event_tags(connection, tagged, tagged_ids)
        # In one order for whoever writes: two could else wait for each other.
        for asset_key, values in sorted(last.summaries(self._summary).items()):
            query = postgresql.insert(AssetKeyTable).values(asset_key=asset_key, **values)
            if values:
                query = query.on_conflict_do_update(
                    index_elements=[AssetKeyTable.c.asset_key], set_=values
                )
            else:
                query = query.on_conflict_do_nothing()
            connection.execute(query)
        if planned:
            connection.execute(AssetCheckExecutionsTable.insert(), planned)
        _store_judged(connection, judged)
        self._aim_checks(connection, stored, ids)

    def _get_latest_materialization_records(
        self, raw_asset_rows: Iterable[Mapping[str, Any]]
    ) -> Mapping[AssetKey, EventLogRecord | None]:
        """The newest materializations; Dagster's own looks for each once more among the events."""
        found: dict[AssetKey, EventLogRecord | None] = {}
        others = []
        for row in raw_asset_rows:
            text, key = row["last_materialization"], AssetKey.from_db_string(row["asset_key"])
            # What was wiped, or was written by an old Dagster, is for Dagster to find.
            record = deserialize_value(text) if text and not row["asset_details"] else None
            if key and isinstance(record, EventLogRecord):
                found[key] = record
            else:
                others.append(row)
        if others:
            found |= super()._get_latest_materialization_records(others)
        return found

    def _aim_checks(self, connection: Connection, stored: Sequence[Stored], ids: list[int]) -> None:
        """Say of a run's check results that they are about these materializations.

        They are reported before, and Dagster counts a result for a partition only if it is about
        the partition's newest materialization.
        """
        targets: dict[tuple[str, str], list[tuple[int, str]]] = {}
        for (event, row), event_id in zip(stored, ids, strict=True):
            run_and_asset = (event.run_id, _asset_of(event))
            if run_and_asset in self._reported and row["partition"] is not None:
                targets.setdefault(run_and_asset, []).append((event_id, row["partition"]))
        for (run_id, asset_key), found in targets.items():
            connection.execute(
                _AIM,
                {
                    "run_id": run_id,
                    "asset_key": asset_key,
                    "checks": sorted(self._reported[run_id, asset_key]),
                    "ids": [event_id for event_id, _ in found],
                    "partitions": [partition for _, partition in found],
                },
            )

    def _summary(self, event: EventLogEntry, event_id: int) -> Mapping[str, Any]:
        indexed = self.has_secondary_index(ASSET_KEY_INDEX_COLS)
        values: Mapping[str, Any] = self._get_asset_entry_values(event, event_id, indexed)
        return values

    def store_check_rows(self, stored: Sequence[Stored]) -> None:
        """Store check results of single partitions of a run, whose materializations follow."""
        for event, row in stored:
            name = event.get_dagster_event().asset_check_evaluation_data.check_name
            self._reported.setdefault((event.run_id, row["asset_key"]), set()).add(name)
        self._waiting.add(stored)


def _store_judged(connection: Connection, rows: Sequence[EventRow]) -> None:
    """Store check results: a run that plans a check has a row for it, which gets its result.

    Of several results of one check in one run the last counts.
    """
    last = {tuple(row[name] for name in _ONE_CHECK): row for row in rows if row["run_id"]}
    by_partition = [row for row in last.values() if row["partition"] is not None]
    of_run = {key[:-1]: row for key, row in last.items() if row["partition"] is None}
    for start in range(0, len(by_partition), _PAGE):
        page = by_partition[start : start + _PAGE]
        connection.execute(_JUDGE_PARTITIONS, _by_name(page, _ALL))
    if of_run:
        for planned in connection.execute(_JUDGE, _by_name(of_run.values(), _JUDGED)):
            of_run.pop(tuple(planned), None)
    unplanned = [*of_run.values(), *(row for row in rows if not row["run_id"])]
    if unplanned:
        connection.execute(AssetCheckExecutionsTable.insert(), unplanned)


def _by_name(rows: Collection[EventRow], names: Iterable[str]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in names}


def _asset_of(event: EventLogEntry) -> str:
    """The asset that an event says is materialized, as tables have it; '' for any other event."""
    made = event.dagster_event
    if made is None or made.event_type != DagsterEventType.ASSET_MATERIALIZATION:
        return ""
    return made.asset_key.to_string() if made.asset_key else ""


def insert_rows(connection: Connection, stored: Sequence[Stored]) -> list[int]:
    """Insert event rows, many with each statement; returns their ids in the rows' order."""
    names = ", ".join(f'"{name}"' for name in _COLUMNS)
    cursor = connection.connection.cursor()
    try:
        returned = execute_values(
            cursor,
            f"INSERT INTO {SqlEventLogStorageTable.name} ({names}) VALUES %s RETURNING id",  # noqa: S608
            [tuple(row[name] for name in _COLUMNS) for _, row in stored],
            page_size=_PAGE,
            fetch=True,
        )
    finally:
        cursor.close()
    return [int(row[0]) for row in returned]
