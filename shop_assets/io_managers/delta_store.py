"""The tables of the lake: Delta Lake on S3, written by atomic commits, read by hours.

Every table has a column `_hour`, the hour partition that a row belongs to. The store adds the
physical partition column `_date` (the UTC day of `_hour`), which readers see only if they ask.
No Dagster here: the IO manager maps partitions to half-open hour ranges and calls this.
"""

import random
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError
from deltalake.fs import DeltaStorageHandler

from shop_assets.errors import UserError
from shop_assets.io_managers.delta_table import NO_REBASE, Handle, outdated
from shop_assets.io_managers.lake_schema import (
    DATE,
    HOUR,
    HOUR_TYPE,
    SchemaDrift,
    conform_parts,
    with_date,
    without_views,
)
from shop_assets.io_managers.parquet_writing import writer_properties
from shop_assets.transforms.parts import Parts, gathered

__all__ = ["DATE", "HOUR", "DeltaStore", "SchemaDrift"]

_TABLE_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,127}(/[a-zA-Z0-9][a-zA-Z0-9_-]{0,127})*")
_RACES = 40
_FAULTS = 3


@dataclass(frozen=True)
class Optimized:
    """What `DeltaStore.optimize` did: live files before and after, and files deleted for good."""

    files_before: int = 0
    files_after: int = 0
    files_removed: int = 0


class _Attempt(Protocol):
    """Tries once, on the table's newest state; returns whether a commit was made."""

    def __call__(self, delta: DeltaTable | None, *, again: bool) -> bool: ...


class DeltaStore:
    """Delta tables under one root, e.g. `s3://shop/lake` (or a local directory).

    Table names are one or more words of ASCII letters, digits, `_` and `-`, divided by `/`.
    Safe for use by several threads and processes: writers that race are repeated on the new
    state. `storage_options` are those of `deltalake` (`AWS_ENDPOINT_URL`, ...).
    """

    def __init__(self, root: str, storage_options: Mapping[str, str]) -> None:
        self._root = root.rstrip("/")
        self._storage_options = dict(storage_options)
        self._handles: dict[str, Handle] = {}
        self._guard = threading.Lock()

    def append(
        self, table: str, data: pa.Table | Parts, *, load_id: str, keep_retyped: bool = False
    ) -> bool:
        """Adds rows, once for each `load_id`; new columns are added to the table.

        With `keep_retyped`, a column whose values do not fit its type is a new one too. Of `data`
        in parts, some are in memory at a time.

        Returns:
            Whether a commit was made: False if `load_id` was committed before this call, or if
            there are no rows.

        Raises:
            SchemaDrift: a column's values do not fit the type that the table has.
        """
        rows = _parts(data)
        if _is_empty(rows) or _is_empty(rows := _with_hours(table, rows)):
            return False
        return self._write(table, rows, load_id, None, keep_retyped=keep_retyped)

    def replace(
        self, table: str, data: pa.Table | Parts, start: datetime, end: datetime, *, load_id: str
    ) -> bool:
        """Replaces all rows with `start <= _hour < end` by `data`, in one commit.

        Returns:
            Whether a commit was made: False if `load_id` was committed before this call, or if
            there is nothing to delete and nothing to write.

        Raises:
            ValueError: rows of `data` lie outside of the range, or the range is not one.
            SchemaDrift: a column's values do not fit the type that the table has.
        """
        predicate = _predicate(start, end)
        rows = _parts(data)
        if _is_empty(rows) or _is_empty(rows := _within(table, rows, start, end)):
            return self._delete(table, predicate, load_id)
        return self._write(table, rows, load_id, predicate)

    def read(
        self, table: str, start: datetime, end: datetime, columns: Sequence[str] | None = None
    ) -> pa.Table | None:
        """The rows with `start <= _hour < end`, in no particular order.

        Only files that can hold such rows are opened. Of `columns`, those that the table lacks
        are left out; None asks for all but `_date`.

        Returns:
            None where the table does not exist.
        """
        found = self.scan(table, start, end, columns)
        return None if found is None else found.whole()

    def scan(
        self, table: str, start: datetime, end: datetime, columns: Sequence[str] | None = None
    ) -> Parts | None:
        """The same rows as `read` gives, in parts, of the state that the table has now."""
        predicate = _predicate(start, end)
        handle = self._handle(table)
        with handle.lock:
            delta = handle.latest()
            if delta is None:
                return None
            schema = pa.schema(delta.schema().to_arrow())
            if columns is None:
                wanted = [name for name in schema.names if name != DATE]
            else:
                wanted = [name for name in dict.fromkeys(columns) if name in schema.names]
            version = delta.version()

        def each() -> Iterator[pa.Table]:
            with handle.lock:
                reader = handle.at(version).scan(columns=wanted or [HOUR], predicate=predicate)
            batches = pa.RecordBatchReader.from_stream(reader)
            for part in gathered(pa.Table.from_batches([batch]) for batch in batches):
                yield without_views(part, wanted, schema)

        return Parts(pa.schema([schema.field(name) for name in wanted]), each)

    def schema(self, table: str) -> pa.Schema | None:
        """The table's columns without `_date`; None where it does not exist."""
        handle = self._handle(table)
        with handle.lock:
            delta = handle.latest()
            if delta is None:
                return None
            stored = pa.schema(delta.schema().to_arrow())
        return pa.schema([field for field in stored if field.name != DATE])

    def exists(self, table: str) -> bool:
        """Whether the table was ever written."""
        return self.schema(table) is not None

    def tables(self, prefix: str) -> list[str]:
        """Names of the tables directly under `prefix` (e.g. `raw`), sorted."""
        _check_name(prefix)
        handler = DeltaStorageHandler(f"{self._root}/{prefix}", self._storage_options)
        listing = pafs.PyFileSystem(handler).get_file_info(
            pafs.FileSelector("", allow_not_found=True)
        )
        found = (info.base_name for info in listing if info.type == pafs.FileType.Directory)
        names = (f"{prefix}/{name}" for name in found if _TABLE_NAME.fullmatch(name))
        return sorted(name for name in names if self.exists(name))

    def optimize(self, table: str, *, before: date | None = None) -> Optimized:
        """Merges each day's small files, and removes files and log entries no longer referred to.

        Days from `before` on are left as they are: an hour that is replaced again costs less
        while it has a file of its own. Files stay for a week after they were replaced, entries
        of the log for a month.
        """
        filters: list[tuple[str, str, Any]] | None = None
        if before is not None:
            filters = [(DATE, "<", before.isoformat())]
        found = Optimized()

        def compact(delta: DeltaTable | None, *, again: bool) -> bool:
            nonlocal found
            if delta is None:
                return again
            if properties := outdated(delta.metadata().configuration):
                delta.alter.set_table_properties(properties)
            files = len(delta.file_uris())
            how = writer_properties(_some_rows(delta))
            done = delta.optimize.compact(partition_filters=filters, writer_properties=how)
            removed = delta.vacuum(dry_run=False, full=True)
            delta.create_checkpoint()
            delta.cleanup_metadata()
            after = files - done["numFilesRemoved"] + done["numFilesAdded"]
            found = Optimized(files, after, len(removed))
            return True

        self._repeat(table, compact)
        return found

    def _delete(self, table: str, predicate: str, load_id: str) -> bool:
        def delete(delta: DeltaTable | None, *, again: bool) -> bool:
            if delta is None:
                return False
            if _is_committed(delta, load_id):
                return again
            before = delta.version()
            # Most often there is nothing to delete, and then nothing is to be read for it.
            how = writer_properties(pa.schema(delta.schema().to_arrow()).empty_table())
            delta.delete(predicate, writer_properties=how, commit_properties=_commit(load_id))
            return delta.version() > before

        return self._repeat(table, delete)

    def _write(
        self,
        table: str,
        data: Parts,
        load_id: str,
        predicate: str | None,
        *,
        keep_retyped: bool = False,
    ) -> bool:
        """Appends, or replaces what `predicate` selects."""
        handle = self._handle(table)

        def write(delta: DeltaTable | None, *, again: bool) -> bool:
            if delta is None:
                delta = handle.create(conform_parts(table, data, None).map(with_date).schema)
            if _is_committed(delta, load_id):
                return again
            stored = pa.schema(delta.schema().to_arrow())
            rows = conform_parts(table, data, stored, keep_retyped=keep_retyped).map(with_date)
            how: dict[str, Any] = {"mode": "append"}
            if predicate is not None:
                how = {"mode": "overwrite", "predicate": predicate}
            with _reading(rows) as reader:
                write_deltalake(
                    delta,
                    reader,
                    **how,
                    schema_mode="merge",
                    writer_properties=writer_properties(next(rows.each())),
                    commit_properties=_commit(load_id),
                )
            return True

        return self._repeat(table, write)

    def _repeat(self, table: str, attempt: _Attempt) -> bool:
        """Makes attempts on the newest state until one neither loses a race nor meets a fault.

        After either the table is read anew, so that an attempt finds the commit of the one
        before it if only the answer to that was lost.
        """
        handle = self._handle(table)
        races = faults = 0
        while True:
            try:
                with handle.lock:
                    done = attempt(handle.latest(), again=races + faults > 0)
                    handle.wrote()
                    return done
            except UserError:
                raise
            except CommitFailedError:
                races += 1
                if races >= _RACES:
                    raise
            except Exception:  # the engine raises DeltaError, OSError and bare Exception
                faults += 1
                if faults >= _FAULTS:
                    raise
            handle.forget()
            time.sleep(random.uniform(0.01, 0.05) * min(races + 4 * faults, 20))  # noqa: S311

    def _handle(self, table: str) -> Handle:
        _check_name(table)
        with self._guard:
            if table not in self._handles:
                uri = f"{self._root}/{table}"
                self._handles[table] = Handle(uri, self._storage_options)
            return self._handles[table]


def _check_name(table: str) -> None:
    if not _TABLE_NAME.fullmatch(table):
        raise UserError(
            f"{table!r} cannot be the name of a table in the lake: expected ASCII letters, "
            "digits, '_' and '-', with '/' between the parts."
        )


def _parts(data: pa.Table | Parts) -> Parts:
    return Parts.of(data) if isinstance(data, pa.Table) else data


def _is_empty(data: Parts) -> bool:
    """Whether there are no rows. Looks at the first part, so that most mistakes show at once."""
    return next(data.each(), None) is None


@contextmanager
def _reading(data: Parts) -> Iterator[pa.RecordBatchReader]:
    """The rows as the engine takes them; what goes wrong in making them is raised as it is."""
    failed: list[Exception] = []

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for part in data.each():
                yield from part.to_batches()
        except Exception as error:
            failed.append(error)
            raise

    try:
        yield pa.RecordBatchReader.from_batches(data.schema, batches())
    except Exception as error:
        if failed:
            raise failed[0] from error
        raise


def _with_hours(table: str, data: Parts) -> Parts:
    """`data` with `_hour` in the one type that it has in the lake."""
    names = data.schema.names
    if len(set(names)) < len(names) or DATE in names or names.count(HOUR) != 1:
        raise ValueError(f"{table}: expected different columns, {HOUR} and no {DATE}: {names}")

    def typed(part: pa.Table) -> pa.Table:
        hours = part.column(HOUR)
        if not pa.types.is_timestamp(hours.type) or hours.type.tz is None or hours.null_count:
            raise ValueError(
                f"{table}: expected a time with a zone in every row of {HOUR}, found {hours.type} "
                f"with {hours.null_count} nulls"
            )
        return part.set_column(names.index(HOUR), HOUR, hours.cast(HOUR_TYPE, safe=False))

    return data.map(typed)


def _within(table: str, data: Parts, start: datetime, end: datetime) -> Parts:
    """`data`, no row of which is outside of the range."""

    def checked(part: pa.Table) -> pa.Table:
        bounds = pc.min_max(part.column(HOUR)).as_py()
        if part.num_rows and (bounds["min"] < start or bounds["max"] >= end):
            raise ValueError(
                f"{table}: rows from {bounds['min']} to {bounds['max']} are outside of the range "
                f"[{start}, {end}) that is replaced"
            )
        return part

    return _with_hours(table, data).map(checked)


def _predicate(start: datetime, end: datetime) -> str:
    """SQL for `start <= _hour < end`, with the days first so that partitions are pruned."""
    if start.tzinfo is None or end.tzinfo is None or start >= end:
        raise ValueError(
            f"expected two times with a zone, the first before the second: {start}, {end}"
        )
    first, last = start.astimezone(UTC), (end - timedelta(microseconds=1)).astimezone(UTC)
    return (
        f"{DATE} >= '{first:%Y-%m-%d}' AND {DATE} <= '{last:%Y-%m-%d}' "
        f"AND {HOUR} >= '{first.isoformat()}' AND {HOUR} <= '{last.isoformat()}'"
    )


def _some_rows(delta: DeltaTable) -> pa.Table:
    """Some of a table's rows, read by the engine itself.

    Not by pyarrow: that goes on reading ahead through Python's threads, and a process that ends
    meanwhile hangs.
    """
    schema = pa.schema(delta.schema().to_arrow())
    for batch in pa.RecordBatchReader.from_stream(delta.scan()):
        return without_views(pa.Table.from_batches([batch]), schema.names, schema)
    return schema.empty_table()


def _commit(load_id: str) -> CommitProperties:
    now = int(time.time() * 1000)
    return CommitProperties(
        app_transactions=[Transaction(load_id, 1, now)], max_commit_retries=NO_REBASE
    )


def _is_committed(delta: DeltaTable, load_id: str) -> bool:
    return delta.transaction_version(load_id) is not None
