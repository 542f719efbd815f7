"""One table of the lake: opened once, brought up to date before each use, made where missing."""

import threading
from collections.abc import Mapping

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from shop_assets.io_managers.lake_schema import DATE, HOUR

CONFIGURATION = {
    # Minimum and maximum of `_hour` prune files. Those of other columns would write names and
    # e-mail addresses into the log, where erasing a person cannot reach them.
    "delta.dataSkippingStatsColumns": HOUR,
    # Each process that opens a table reads the commits since then three times over.
    "delta.checkpointInterval": "10",
    "delta.logRetentionDuration": "interval 30 days",
    "delta.deletedFileRetentionDuration": "interval 7 days",
    # Else every load's identity stays in each checkpoint for ever. None is tried again that late.
    "delta.setTransactionRetentionDuration": "interval 30 days",
}
_DECLARED_BEFORE = {"delta.checkpointInterval": "25"}
# A commit follows the version that was read, or fails and comes back to `_repeat`, which looks
# at the new state. Left to itself the engine moves it behind the commits of others: seen with
# tables created twice, the second time with other columns.
NO_REBASE = 0
# delta-rs gets slower with every update of one table object (measured: 0.08 ms per commit);
# opening it anew costs 20 to 50 ms on S3.
_UPDATES_BEFORE_REOPENING = 50


def outdated(properties: Mapping[str, str]) -> dict[str, str]:
    """What a table of an older release is to be given; what a user has set stays."""
    return {
        name: value
        for name, value in CONFIGURATION.items()
        if properties.get(name) in (None, _DECLARED_BEFORE.get(name))
    }


class Handle:
    """One table, opened once and brought up to date before each use."""

    def __init__(self, uri: str, storage_options: dict[str, str]) -> None:
        self.lock = threading.RLock()
        self._uri = uri
        self._storage_options = storage_options
        self._table: DeltaTable | None = None
        self._updates = 0

    def latest(self) -> DeltaTable | None:
        """The table at its newest version; None where it does not exist."""
        if self._table is not None and self._updates < _UPDATES_BEFORE_REOPENING:
            before = self._table.version()
            try:
                self._table.update_incremental()
            except (DeltaError, OSError):
                self._table = None  # its version may have left the log: open it anew
            else:
                self._updates += self._table.version() - before
                return self._table
        try:
            self._table = DeltaTable(self._uri, storage_options=self._storage_options)
        except TableNotFoundError:
            self._table = None
        self._updates = 0
        return self._table

    def at(self, version: int) -> DeltaTable:
        """The table at that version, which it has had."""
        if self._table is not None and self._table.version() == version:
            return self._table
        return DeltaTable(self._uri, version=version, storage_options=self._storage_options)

    def create(self, schema: pa.Schema) -> DeltaTable:
        """Creates the table, empty; yields to whoever created it at the same moment."""
        try:
            made = DeltaTable.create(
                self._uri,
                schema,
                partition_by=[DATE],
                configuration=CONFIGURATION,
                storage_options=self._storage_options,
                commit_properties=CommitProperties(max_commit_retries=NO_REBASE),
            )
        except DeltaError:
            found = self.latest()
            if found is None:
                raise
            return found
        self._table, self._updates = made, 0
        return made

    def wrote(self) -> None:
        """Count a commit of this process's own."""
        self._updates += 1

    def forget(self) -> None:
        """Open it anew next time."""
        self._table = None
