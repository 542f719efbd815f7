"""An event log on PostgreSQL that writes asset events in bulk.

Dagster's own batches materializations, but writes each planned event and each check result by
itself, with several statements and a connection each: 10 ms an event, hours for a range run of
years. This class writes all of them with a few statements per thousand.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from dagster import DagsterEventType, EventLogEntry
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.event_log.migration import ASSET_KEY_INDEX_COLS
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster._serdes import ConfigurableClassData
from dagster_postgres.event_log import PostgresEventLogStorage
from psycopg2.extras import execute_values
from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from shop_assets.dagster_storage.pooled import configured, pooled
from shop_assets.dagster_storage.rows import (
    LastEvents,
    Stored,
    planned_check_rows,
    planned_partitions,
    rows_of,
)

_COLUMNS = (
    "run_id",
    "event",
    "dagster_event_type",
    "timestamp",
    "step_key",
    "asset_key",
    "partition",
)
_IN_BULK = ASSET_EVENTS | {DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED}
_RESULT = (
    "execution_status",
    "evaluation_event",
    "evaluation_event_timestamp",
    "evaluation_event_storage_id",
    "materialization_event_storage_id",
)
_PAGE = 1000
_AIM = text(
    f"UPDATE {AssetCheckExecutionsTable.name} c SET materialization_event_storage_id = m.id "  # noqa: S608
    "FROM unnest(CAST(:ids AS bigint[]), CAST(:partitions AS text[])) m (id, partition) "
    "WHERE c.asset_key = :asset_key AND c.check_name = ANY (:checks) AND c.run_id = :run_id "
    "AND c.partition = m.partition"
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
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        self._engine = pooled(postgres_url)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "BatchingPostgresEventLogStorage":
        """Make the storage that an instance's configuration names."""
        return cls(**configured(config_value), inst_data=inst_data)

    def dispose(self) -> None:
        """Give back the connections."""
        super().dispose()
        self._engine.dispose()

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """Whether one planned event may stand for many partitions: each gets its row here."""
        return True

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event; one that plans many partitions becomes a row for each."""
        checked = (event.run_id, _asset_of(event)) in self._reported
        if checked or planned_partitions(event) is not None:
            self.store_event_batch([event])
            return
        kind = event.dagster_event_type
        if kind in ASSET_EVENTS or kind in ASSET_CHECK_EVENTS:
            super().store_event(event)
            return
        # Dagster's own would also say that there is a new event, to which nobody listens any more.
        with self._connect() as connection:
            insert_rows(connection, [Stored(event, self._event_to_row(event))])

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

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of any kinds, in their order within each kind."""
        bulk = []
        for event in events:
            dagster_event = event.get_dagster_event()
            if dagster_event.is_asset_failed_to_materialize:
                continue
            if dagster_event.event_type in _IN_BULK:
                bulk.append(event)
            else:
                super().store_event(event)
        if not bulk:
            return
        stored = list(rows_of(bulk, self._event_to_row))
        with self._connect() as connection:
            ids = insert_rows(connection, stored)
        with self.index_transaction() as connection:
            self._index(connection, stored, ids)

    def _index(self, connection: Connection, stored: list[Stored], ids: list[int]) -> None:
        last = LastEvents()
        checks: list[dict[str, Any]] = []
        tagged: list[EventLogEntry] = []
        tagged_ids: list[int] = []
        for (event, _), event_id in zip(stored, ids, strict=True):
            dagster_event = event.get_dagster_event()
            if dagster_event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                checks += planned_check_rows(event, event_id, self.row_time(event.timestamp))
                continue
            last.add(event, event_id)
            tagged.append(event)
            tagged_ids.append(event_id)
        self._store_asset_event_tags(connection, tagged, tagged_ids)
        for asset_key, values in last.summaries(self._summary).items():
            query = postgresql.insert(AssetKeyTable).values(asset_key=asset_key, **values)
            if values:
                query = query.on_conflict_do_update(
                    index_elements=[AssetKeyTable.c.asset_key], set_=values
                )
            else:
                query = query.on_conflict_do_nothing()
            connection.execute(query)
        if checks:
            connection.execute(AssetCheckExecutionsTable.insert(), checks)
        self._aim_checks(connection, stored, ids)

    def _aim_checks(self, connection: Connection, stored: list[Stored], ids: list[int]) -> None:
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

    @staticmethod
    def row_time(timestamp: float) -> dt.datetime:
        """An event's time as Dagster's tables have it: UTC, without a time zone."""
        return dt.datetime.fromtimestamp(timestamp, dt.UTC).replace(tzinfo=None)

    def store_check_rows(
        self, stored: list[Stored], executions: Sequence[Mapping[str, Any]]
    ) -> None:
        """Store check results: their events, and one execution row for each, in this order."""
        for row in executions:
            self._reported.setdefault((row["run_id"], row["asset_key"]), set()).add(
                row["check_name"]
            )
        with self.index_transaction() as connection:
            ids = insert_rows(connection, stored)
            # A run that plans a check plans it for each partition: those rows get their result.
            query = postgresql.insert(AssetCheckExecutionsTable)
            query = query.on_conflict_do_update(
                index_elements=["asset_key", "check_name", "run_id", "partition"],
                set_={name: query.excluded[name] for name in _RESULT},
            )
            connection.execute(
                query,
                [
                    {**row, "evaluation_event_storage_id": event_id}
                    for row, event_id in zip(executions, ids, strict=True)
                ],
            )


def _asset_of(event: EventLogEntry) -> str:
    """The asset that an event says is materialized, as tables have it; '' for any other event."""
    made = event.dagster_event
    if made is None or made.event_type != DagsterEventType.ASSET_MATERIALIZATION:
        return ""
    return made.asset_key.to_string() if made.asset_key else ""


def insert_rows(connection: Connection, stored: list[Stored]) -> list[int]:
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
