"""Any database that SQLAlchemy has a driver for, streamed row by row into Arrow.

Where the database knows no types (SQLite), times are what the text says, and a value that is not
what its column declares breaks its row, not the read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pyarrow as pa
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    and_,
    create_engine,
    event,
    inspect,
    select,
    type_coerce,
    types,
)
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from shop_assets.settings.shop import SqlSource
from shop_assets.sources import mysql
from shop_assets.sources.driver_values import part_of
from shop_assets.sources.errors import SourceError
from shop_assets.sources.key_text import key_text
from shop_assets.sources.sql_plan import (
    CursorKind,
    KeyPlan,
    Part,
    Query,
    ReadPlan,
    Relation,
    Snapshot,
    SourceColumn,
    count_without_time,
    quoted,
)

Moment = TypeVar("Moment", date, datetime)

_ROWS = 10_000
_VIEW = "shop_assets_columns"
_NAMES = {"mysql": "MySQL", "mariadb": "MariaDB"}
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


class DatabaseReader:
    """Reads tables, views and queries of one database; a connection per read."""

    def __init__(self, name: str, url: URL, source: SqlSource, *, base: Path) -> None:
        self._url = url
        self._source = source
        self._untyped = url.get_backend_name() == "sqlite"
        self._mysql = url.get_backend_name() in mysql.BACKENDS
        self._password = str(url.password) if url.password else ""
        arguments: dict[str, Any] = {}
        if self._untyped:
            path = (base / str(url.database or "")).resolve()
            self.where = f"{name}: SQLite file {path}"
            if not path.is_file():
                raise SourceError(f"{self.where}: there is no such file")
            url = url.set(database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"})
            arguments = {"timeout": source.connect_timeout}
        elif self._mysql:
            at = url.query.get("unix_socket") or f"{url.host or 'localhost'}:{url.port or 3306}"
            self.where = (
                f"{name}: {_NAMES[url.get_backend_name()]} at {at}, database {url.database}"
            )
            url, arguments = mysql.connection_to(self.where, url, source, base)
        else:
            self.where = f"{name}: {url.get_backend_name()} at {url.host}, database {url.database}"
        try:
            self._engine: Engine = create_engine(
                url, poolclass=NullPool, connect_args=arguments, hide_parameters=True
            )
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise SourceError(
                f"{self.where}: its driver {url.drivername} is not installed"
            ) from error
        if self._untyped:
            event.listen(self._engine, "connect", _keep_broken_text)

    @contextmanager
    def opened(self) -> Iterator[Snapshot]:
        """A transaction that sees one snapshot, where the database can."""
        try:
            with self._connected() as connection:
                raw = connection.connection.dbapi_connection
                levels = connection.dialect.get_isolation_level_values(raw)  # type: ignore[arg-type]
                if "REPEATABLE READ" in levels:
                    connection.execution_options(isolation_level="REPEATABLE READ")
                if self._mysql:
                    mysql.begin(connection, self._source)
                    yield _MySqlSnapshot(connection, self.where, untyped=False)
                else:
                    yield _DatabaseSnapshot(connection, self.where, untyped=self._untyped)
        except DBAPIError as error:
            raise self._refused(error) from None
        except SQLAlchemyError as error:
            text = str(error).splitlines()[0]
            raise SourceError(f"{self.where}: it cannot be read: {text}") from None

    def _connected(self) -> Connection:
        try:
            return self._engine.connect()
        except (TypeError, ValueError, RuntimeError) as error:
            # Options of the URL that the driver does not know, a login that it lacks a library for.
            raise SourceError(
                f"{self.where}: its driver cannot connect: {self._plain(error)}"
            ) from None

    def _refused(self, error: DBAPIError) -> SourceError:
        if self._mysql:
            refused = mysql.refusal(self.where, self._url, self._source, error.orig)
            return SourceError(self._plain(refused), transient=refused.transient)
        return SourceError(
            f"{self.where}: it cannot be read: {self._plain(error.orig)}", transient=True
        )

    def _plain(self, error: BaseException | None) -> str:
        """Its words, in one line, without the password."""
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        return text.replace(self._password, "***") if self._password else text


class _DatabaseSnapshot:
    """One connection. `untyped`: whether the database keeps values of any type in any column."""

    def __init__(self, connection: Connection, where: str, *, untyped: bool) -> None:
        self._connection = connection
        self._where = where
        self._untyped = untyped

    def columns(self, relation: Relation) -> list[SourceColumn]:
        """The columns of the table or query; none where there is no such table."""
        if isinstance(relation, Query):
            found = self._query_columns(relation)
        else:
            try:
                found = inspect(self._connection).get_columns(relation.name, relation.schema)
            except NoSuchTableError:
                return []
        return [
            SourceColumn(column["name"], str(column["type"]), *self._kind(column["type"]))
            for column in found
        ]

    def _query_columns(self, query: Query) -> list[Any]:
        """What SQLite knows of a view that the query would be."""
        if not self._untyped:
            raise SourceError(
                f"{self._where}: {query.words} is not for this kind of database; expected table, "
                "or PostgreSQL, MySQL, MariaDB or SQLite"
            )
        with self._connection.exec_driver_sql(query.text) as result:
            # As a subquery its columns would be renamed where two are alike.
            query.refuse_repeated([name for name, *_ in result.cursor.description])
        self._connection.exec_driver_sql(f'CREATE TEMP VIEW "{_VIEW}" AS {query.text}')
        try:
            return list(inspect(self._connection).get_columns(_VIEW))
        finally:
            self._connection.exec_driver_sql(f'DROP VIEW temp."{_VIEW}"')

    def without_time(self, relation: Relation, cursor: SourceColumn, most: int) -> int:
        """How many rows have a null cursor, counted up to `most`."""
        return self._connection.execute(count_without_time(relation, cursor, most)).scalars().one()

    def rows(self, plan: ReadPlan) -> Iterator[Part]:
        """The rows that may be in the window, some thousand at a time."""
        statement = plan.query(self._taken, lambda column: self._inside(plan, column))
        streaming = self._connection.execution_options(stream_results=True, yield_per=_ROWS)
        try:
            for rows in streaming.execute(statement).partitions(_ROWS):
                yield self._part(plan.columns, rows)
        except (ValueError, OverflowError) as error:
            raise SourceError(
                f"{self._where}: {plan.relation.words} holds a value that its driver "
                f"cannot read: {error}"
            ) from error

    def moment(self) -> datetime:
        """Now, by this machine's clock: databases have no common way to ask for theirs."""
        return datetime.now(UTC)

    def key_ranges(self, plan: KeyPlan, ranges: int) -> None:
        """Not to be computed: databases have no hash in common."""

    def keys(self, plan: KeyPlan, ranges: int, chosen: Sequence[int]) -> Iterator[pa.ChunkedArray]:
        """All keys, some thousand at a time."""
        names = [column.name for column in plan.columns]
        source = plan.relation.clause(names)
        taken = [self._taken(c, source.c[c.name]).label(quoted(c.name)) for c in plan.columns]
        statement = select().add_columns(*taken).select_from(source)
        streaming = self._connection.execution_options(stream_results=True, yield_per=_ROWS)
        for rows in streaming.execute(statement).partitions(_ROWS):
            yield key_text(self._part(plan.columns, rows).rows, names)

    def _kind(self, declared: types.TypeEngine[Any]) -> tuple[CursorKind | None, str]:
        """What a column is as a cursor; and which Arrow type it becomes."""
        if isinstance(declared, types.DateTime):
            if self._untyped:
                return "text", "string"
            zoned = bool(getattr(declared, "timezone", False))
            return ("instant", "instant") if zoned else ("local", "local")
        if isinstance(declared, types.Date):
            return ("text", "string") if self._untyped else ("date", "date")
        if isinstance(declared, types.Boolean):
            return None, "string" if self._untyped else "bool"
        if isinstance(declared, types.Integer):
            return None, "int64"
        if isinstance(declared, types.Float):
            return None, "double"
        if self._untyped and isinstance(declared, types.String | types.NullType):
            return "text", "string"  # an expression has no type
        return None, "string"

    def _taken(self, source: SourceColumn, column: ColumnElement[object]) -> ColumnElement[object]:
        return type_coerce(column, types.NullType()) if self._untyped else column

    def _inside(self, plan: ReadPlan, column: ColumnElement[object]) -> ColumnElement[bool]:
        kind = plan.cursor.kind if plan.cursor is not None else None
        if kind == "text":
            # Times as text compare by their days alone: "T" and " " stand between day and hour, and
            # an offset may move the day.
            first, last = plan.days
            text = type_coerce(column, types.String())
            low, high = _moved(first, -_DAY).isoformat(), _moved(last, 2 * _DAY).isoformat()
            return and_(text >= low, text < high)
        if kind == "date":
            day = type_coerce(column, types.Date())
            return and_(day >= plan.days[0], day <= plan.days[1])
        ends = (plan.window.start, plan.window.end) if kind == "instant" else plan.local
        time = type_coerce(column, types.DateTime(timezone=kind == "instant"))
        # A second more on both sides, for databases that keep or compare fewer digits.
        return and_(time >= _moved(ends[0], -_SECOND), time < _moved(ends[1], _SECOND))

    def _part(self, columns: Sequence[SourceColumn], rows: Sequence[Any]) -> Part:
        return part_of(columns, rows)


class _MySqlSnapshot(_DatabaseSnapshot):
    """One connection to MySQL or MariaDB."""

    def columns(self, relation: Relation) -> list[SourceColumn]:
        return mysql.columns_of(self._connection, relation)

    def without_time(self, relation: Relation, cursor: SourceColumn, most: int) -> int:
        counted = count_without_time(relation, cursor, most, mysql.EARLIEST)
        return self._connection.execute(counted).scalars().one()

    def moment(self) -> datetime:
        """Now, by the server's clock."""
        found: datetime = self._connection.exec_driver_sql("SELECT utc_timestamp(6)").scalar_one()
        return found.replace(tzinfo=UTC)

    def _taken(self, source: SourceColumn, column: ColumnElement[object]) -> ColumnElement[object]:
        return mysql.taken(source, column)

    def _part(self, columns: Sequence[SourceColumn], rows: Sequence[Any]) -> Part:
        return part_of(columns, mysql.without_void(columns, rows))


def _moved(moment: Moment, by: timedelta) -> Moment:
    try:
        return moment + by
    except OverflowError:
        return moment


def _keep_broken_text(connection: Any, _: object) -> None:
    """Text that is not UTF-8 is to break its row, not the read."""
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
