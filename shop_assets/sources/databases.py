"""Any database that SQLAlchemy has a driver for, streamed row by row into Arrow.

Where the database knows no types (SQLite), times are what the text says, and a value that is not
what its column declares breaks its row, not the read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import numpy as np
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
from shop_assets.sources.decoded import Broken
from shop_assets.sources.encoding import readable
from shop_assets.sources.errors import SourceError
from shop_assets.sources.key_text import key_text
from shop_assets.sources.limits import Limits
from shop_assets.sources.sql_plan import (
    CursorKind,
    KeyPlan,
    Part,
    ReadPlan,
    Snapshot,
    SourceColumn,
    TableName,
    count_without_time,
    quoted,
)
from shop_assets.sources.storable import unstorable

Moment = TypeVar("Moment", date, datetime)

_ROWS = 10_000
_LINE = Limits().line
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


class DatabaseReader:
    """Reads tables and views of one database; a connection per read."""

    def __init__(self, name: str, url: URL, source: SqlSource, *, base: Path) -> None:
        self._untyped = url.get_backend_name() == "sqlite"
        self._password = str(url.password) if url.password else ""
        if self._untyped:
            path = (base / str(url.database or "")).resolve()
            self.where = f"{name}: SQLite file {path}"
            if not path.is_file():
                raise SourceError(f"{self.where}: there is no such file")
            url = url.set(database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"})
        else:
            self.where = f"{name}: {url.get_backend_name()} at {url.host}, database {url.database}"
        arguments: dict[str, Any] = {}
        if self._untyped:
            arguments = {"timeout": source.connect_timeout}
        elif url.get_backend_name() in ("mysql", "mariadb"):
            arguments = {"connect_timeout": source.connect_timeout}
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
            with self._engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                levels = connection.dialect.get_isolation_level_values(raw)  # type: ignore[arg-type]
                if "REPEATABLE READ" in levels:
                    connection.execution_options(isolation_level="REPEATABLE READ")
                yield _DatabaseSnapshot(connection, self.where, untyped=self._untyped)
        except DBAPIError as error:
            text = str(error.orig).splitlines()[0] if str(error.orig) else type(error).__name__
            if self._password:
                text = text.replace(self._password, "***")
            raise SourceError(f"{self.where}: it cannot be read: {text}", transient=True) from None
        except SQLAlchemyError as error:
            text = str(error).splitlines()[0]
            raise SourceError(f"{self.where}: it cannot be read: {text}") from None


class _DatabaseSnapshot:
    """One connection. `untyped`: whether the database keeps values of any type in any column."""

    def __init__(self, connection: Connection, where: str, *, untyped: bool) -> None:
        self._connection = connection
        self._where = where
        self._untyped = untyped

    def columns(self, named: TableName) -> list[SourceColumn]:
        """The table's columns; none where there is no such table."""
        try:
            found = inspect(self._connection).get_columns(named.name, named.schema)
        except NoSuchTableError:
            return []
        return [
            SourceColumn(column["name"], str(column["type"]), *self._kind(column["type"]))
            for column in found
        ]

    def without_time(self, named: TableName, cursor: SourceColumn, most: int) -> int:
        """How many rows have a null cursor, counted up to `most`."""
        return self._connection.execute(count_without_time(named, cursor, most)).scalars().one()

    def rows(self, plan: ReadPlan) -> Iterator[Part]:
        """The rows that may be in the window, some thousand at a time."""
        statement = plan.query(self._taken, lambda column: self._inside(plan, column))
        streaming = self._connection.execution_options(stream_results=True, yield_per=_ROWS)
        try:
            for rows in streaming.execute(statement).partitions(_ROWS):
                yield self._part(plan.columns, rows)
        except (ValueError, OverflowError) as error:
            raise SourceError(
                f"{self._where}: table {plan.stream.table} holds a value that its driver "
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
        source = plan.named.clause(names)
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
        if self._untyped and isinstance(declared, types.String):
            return "text", "string"
        return None, "string"

    def _taken(self, source: SourceColumn, column: ColumnElement[object]) -> ColumnElement[object]:
        return type_coerce(column, types.NullType()) if self._untyped else column

    def _inside(self, plan: ReadPlan, column: ColumnElement[object]) -> ColumnElement[bool]:
        kind = plan.cursor.kind
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
        values = list(zip(*rows, strict=True))
        arrays: list[pa.Array] = []
        reasons: dict[int, str] = {}
        for source, column in zip(columns, values, strict=True):
            array, wrong = _array(source, column)
            arrays.append(array)
            for index in wrong:
                found = readable(str(column[index]).encode("utf-8", "surrogateescape"), 60)
                reasons.setdefault(
                    index, f"{source.name} is {found!r}, which is no {source.type} to keep"
                )
        table = pa.table(arrays, names=[source.name for source in columns])
        broken = [
            Broken(index, reason, self._shown(columns, rows[index]))
            for index, reason in sorted(reasons.items())
        ]
        return Part(table, broken)

    def _shown(self, columns: Sequence[SourceColumn], row: Sequence[Any]) -> str:
        named = {source.name: value for source, value in zip(columns, row, strict=True)}
        text = json.dumps(named, default=str, ensure_ascii=False)
        return readable(text.encode("utf-8", "surrogateescape"), _LINE)


def _moved(moment: Moment, by: timedelta) -> Moment:
    try:
        return moment + by
    except OverflowError:
        return moment


def _keep_broken_text(connection: Any, _: object) -> None:
    """Text that is not UTF-8 is to break its row, not the read."""
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")


_ARROW = {
    "instant": pa.timestamp("us", "UTC"),
    "local": pa.timestamp("us"),
    "date": pa.date32(),
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
}


def _array(source: SourceColumn, values: Sequence[Any]) -> tuple[pa.Array, list[int]]:
    """The column as Arrow; and the indexes of values that it cannot take, which are null."""
    kind = _ARROW[source.code]
    given: Sequence[Any] = values
    if kind == pa.string():
        given = [value if value is None or type(value) is str else _word(value) for value in values]
    elif source.code == "instant":
        given = [v.replace(tzinfo=UTC) if v is not None and not v.tzinfo else v for v in values]
    wrong: list[int] = []
    try:
        array = pa.array(given, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError, OverflowError):
        kept: list[Any] = []
        for index, value in enumerate(given):
            try:
                kept.append(pa.scalar(value, kind).as_py())
            except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError, OverflowError):
                kept.append(None)
                wrong.append(index)
        array = pa.array(kept, kind)
    if kind == pa.string() and len(bad := unstorable(array)):
        wrong += bad.tolist()
        keep = np.ones(len(array), bool)
        keep[bad] = False
        array = pa.array(
            [v if k else None for v, k in zip(array.to_pylist(), keep, strict=True)], kind
        )
    return array, wrong


def _word(value: Any) -> str:
    """A value of any type as text, exactly."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
