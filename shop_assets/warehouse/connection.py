"""Connections to the warehouse: ADBC, for Arrow in and out at the speed of binary COPY."""

from __future__ import annotations

import datetime as dt
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pyarrow as pa
from adbc_driver_manager import Error as AdbcError

from shop_assets.entities import TableSpec
from shop_assets.errors import UserError
from shop_assets.postgres_driver import say
from shop_assets.warehouse import ddl, literals, owner, upgrade
from shop_assets.warehouse.kept import KeptConnection

Cursor = Any
"""A DBAPI cursor of ADBC, inside an open transaction."""

_SETTINGS = (
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL work_mem = '64MB'; "
    "SET LOCAL max_parallel_workers_per_gather = 0"
)
"""Who waits for a lock sees afterwards what its holder has committed, whatever the database's own
isolation is. An hour's rows are sorted and joined in memory, not in files: the server's own setting
is for many small queries at a time. By one process: steps run side by side as it is, and what
parallel workers share must fit into what a container has of shared memory."""

_ROWS_AT_ONCE = 16_384
_UNDEFINED_TABLE = "42P01"


class WarehouseUnavailableError(UserError):
    """The warehouse cannot be reached or does not let us in."""


class Readable(ABC):
    """A warehouse to be read: as it is, or as it was at one moment. `zone`: of the shop's days."""

    zone: str

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Cursor]:
        """A cursor in a transaction."""

    def read(
        self, sql: str, parameters: Sequence[Any] = (), *, by_index: bool = False
    ) -> pd.DataFrame:
        """The rows of a query, as a frame with Arrow's types made pandas'.

        `by_index`: see `only_by_index`.
        """
        with (
            self.transaction() as cursor,
            only_by_index(cursor) if by_index else nullcontext(),
        ):
            return read(cursor, sql, parameters)


class Warehouse(Readable):
    """One shop's warehouse.

    `url`: a libpq URI of the role that loads. `reader`: the role that may read the views.
    `shop`: whose it is; whoever does not say is let in.
    """

    def __init__(
        self, url: str, *, zone: str = "UTC", reader: str | None = None, shop: str | None = None
    ) -> None:
        self.url = url
        self._shop = shop
        self.zone = zone
        self._reader = reader
        self._partitions: set[str] = set()
        self._created = False
        self._kept = KeptConnection(url)
        weakref.finalize(self, self._kept.close)

    @property
    def address(self) -> str:
        """Server and database, without credentials."""
        parts = urlsplit(self.url)
        return f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """A cursor in a transaction that commits at the end, and rolls back on any error."""
        try:
            connection = self._kept.take()
        except AdbcError as error:
            raise WarehouseUnavailableError(
                f"warehouse {self.address}: {_first_line(error)}; expected a PostgreSQL server "
                "(SHOP_POSTGRES_URL) that lets the loader in"
            ) from None
        try:
            say(connection, _SETTINGS)
            with connection.cursor() as cursor:
                yield cursor
            connection.commit()
        except BaseException:
            try:
                connection.rollback()
            finally:
                connection.close()
            raise
        self._kept.give_back(connection)

    @contextmanager
    def snapshot(self) -> Iterator[Readable]:
        """The warehouse at one moment: whatever others load meanwhile, all reads fit together."""
        with self.transaction() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield _Snapshot(cursor, self.zone)

    def create(self) -> None:
        """Make the schemas, tables and views, or upgrade those that an older release made.

        Where all is as declared this is one query and takes no locks: made again, the views and
        indexes would wait for every reader, and every load for them. Raises
        `upgrade.UpgradeError`, with nothing changed, where it cannot be done, and
        `owner.OtherShopError` where the warehouse is another shop's.
        """
        if self._created:
            return
        if not self._is_made():
            upgrade.bring_up_to_date(self.url, warehouse=self.address, reader=self._reader)
        if self._shop is not None:
            with self.transaction() as cursor:
                owner.claim(cursor, self._shop, warehouse=self.address)
        self._created = True

    def _is_made(self) -> bool:
        """Whether all was made by these declarations, and nothing was taken away since."""
        sql = f"SELECT relations <= {upgrade.RELATIONS} FROM meta.created WHERE fingerprint = $1"
        try:
            with self.transaction() as cursor:
                return bool(fetch_one(cursor, sql, (upgrade.fingerprint(self._reader),)))
        except AdbcError as error:
            if error.sqlstate == _UNDEFINED_TABLE:
                return False
            raise

    def ensure_months(self, spec: TableSpec, moments: pa.ChunkedArray | pa.Array) -> list[str]:
        """Make the monthly partitions that rows at these moments fall into; their names."""
        if not spec.by_month or len(moments) == 0:
            return []
        series = pd.Series(moments.to_pandas()).dropna()
        if len(series) == 0:
            return []
        stamps = pd.to_datetime(series, utc=True)
        codes = (stamps.dt.year * 12 + stamps.dt.month - 1).unique()
        months = [dt.date(int(code) // 12, int(code) % 12 + 1, 1) for code in sorted(codes)]
        names = []
        for month in months:
            name, statements = ddl.month_partition(spec, month)
            names.append(name)
            if name in self._partitions:
                continue
            with self.transaction() as cursor:
                cursor.execute(upgrade.CREATE_LOCK)
                there = fetch_one(
                    cursor,
                    "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
                    "WHERE c.relname = $1",
                    (name,),
                )
                if there == 0:
                    for statement in statements:
                        cursor.execute(statement)
            self._partitions.add(name)
        return names


class _Snapshot(Readable):
    """What one transaction sees."""

    def __init__(self, cursor: Cursor, zone: str) -> None:
        self._cursor = cursor
        self.zone = zone

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """The transaction itself, which ends with the snapshot."""
        yield self._cursor


def read(cursor: Cursor, sql: str, parameters: Sequence[Any] = ()) -> pd.DataFrame:
    """The rows of a query inside a transaction.

    With its parameters written out: only what has none does ADBC read by COPY, row by row as the
    server finds them; else all of them are held on their way, and nothing is done meanwhile.
    """
    cursor.execute(literals.written_out(sql, parameters))
    return to_frame(cursor.fetch_arrow_table())


def in_batches(rows: pa.Table) -> pa.RecordBatchReader:
    """Rows as `adbc_ingest` should get them: some at a time.

    It writes down each batch as COPY has it, and then sends it. Of one batch the server would wait
    for the whole, and the client then for the server; and all of it would be in memory once more.
    """
    return rows.to_reader(max_chunksize=_ROWS_AT_ONCE)


@contextmanager
def only_by_index(cursor: Cursor) -> Iterator[None]:
    """Inside, no table is read from end to end where an index can give the rows.

    Of an index by ranges the planner knows only how well the rows stand in order as a whole: where
    a month has other rows in between, it takes that for no order at all. Where the server is told
    that its disk finds any page as fast as the next one, it would then go through a whole key that
    has the time in its last place; so it is told otherwise.
    """
    cursor.execute("SET LOCAL enable_seqscan = off")
    cursor.execute("SET LOCAL random_page_cost = 100")
    yield
    cursor.execute("SET LOCAL enable_seqscan = DEFAULT")
    cursor.execute("SET LOCAL random_page_cost = DEFAULT")


def to_frame(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as a frame with nullable pandas types."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=_types)
    return frame


def fetch_one(cursor: Cursor, sql: str, parameters: Sequence[Any] = ()) -> Any:
    """The first column of the first row; None where there is no row."""
    cursor.execute(sql, parameters=tuple(parameters) or None)
    row = cursor.fetchone()
    return None if row is None else row[0]


def _types(arrow: pa.DataType) -> Any:
    if pa.types.is_integer(arrow):
        return pd.Int64Dtype()
    if pa.types.is_boolean(arrow):
        return pd.BooleanDtype()
    if pa.types.is_floating(arrow):
        return pd.Float64Dtype()
    if pa.types.is_date(arrow):
        return pd.ArrowDtype(pa.date32())
    return None


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    for noise in ("IO: ", "INTERNAL: ", "INVALID_ARGUMENT: "):
        text = text.removeprefix(noise)
    text = text.removeprefix("[libpq] Failed to connect: ")
    return text.splitlines()[0] if text else type(error).__name__
