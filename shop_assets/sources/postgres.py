"""PostgreSQL read through ADBC: binary COPY straight into Arrow, from one snapshot.

COPY takes no parameters, so the window's ends are bound to settings of the transaction, which the
query reads: no value ever stands in the text of a statement. Types that Arrow has no equal of are
cast to text by the server. Infinite times have no equal either: they are null.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from adbc_driver_manager import Error as DriverError
from adbc_driver_postgresql import StatementOptions
from sqlalchemy import (
    URL,
    ColumnElement,
    Date,
    DateTime,
    Select,
    and_,
    cast,
    func,
    select,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from shop_assets.postgres_driver import KnownServer
from shop_assets.settings.shop import SqlSource
from shop_assets.sources.errors import SourceError
from shop_assets.sources.limits import MIB
from shop_assets.sources.postgres_columns import (
    key_ranges,
    keys_of_ranges,
    taken_as_arrow,
    type_numbers,
)
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
)

_TIMES: dict[str, CursorKind] = {"timestamptz": "instant", "timestamp": "local", "date": "date"}
_TYPES: dict[str, TypeEngine[Any]] = {
    "instant": DateTime(timezone=True),
    "local": DateTime(timezone=False),
    "date": Date(),
}
_DIALECT = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
_BATCH_BYTES = 8 * MIB
_MOMENT = "YYYY-MM-DD HH24:MI:SS.US"

_COLUMNS = """
    SELECT a.attname::text, format_type(a.atttypid, a.atttypmod),
           coalesce(b.typname, t.typname)::text
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype AND t.typtype = 'd'
    WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""

_TYPE_NAMES = """
    SELECT format_type(t.oid, -1), coalesce(b.typname, t.typname)::text
    FROM unnest($1::text::oid[]) WITH ORDINALITY AS f (oid, place)
    JOIN pg_catalog.pg_type t ON t.oid = f.oid
    LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype AND t.typtype = 'd'
    ORDER BY f.place
"""


class PostgresReader:
    """Reads tables and views of one PostgreSQL database; a connection per read, none between."""

    def __init__(self, name: str, url: URL, source: SqlSource) -> None:
        host = url.host or url.query.get("host") or "localhost"
        at = f"{host}:{url.port or 5432}" if url.host else str(host)
        self.where = f"{name}: PostgreSQL at {at}, database {url.database or url.username}"
        self._user = url.username
        self._password = str(url.password) if url.password else ""
        self._statement_ms = str(source.statement_timeout * 1000)
        defaults = {
            "connect_timeout": str(source.connect_timeout),
            "application_name": "shop_assets",
            "keepalives_idle": "15",
            "keepalives_interval": "5",
            "keepalives_count": "3",
        }
        query = {**defaults, **url.query}
        rendered = url.set(drivername="postgresql", query=query)
        # SQLAlchemy leaves spaces as they are, of which libpq will have none.
        self._uri = rendered.render_as_string(hide_password=False).replace(" ", "%20")
        self._server = KnownServer(self._uri)

    @contextmanager
    def opened(self) -> Iterator[Snapshot]:
        """A transaction that sees the database as it is now, and changes nothing."""
        try:
            connection = self._server.connect()
        except (DriverError, OSError) as error:
            self._server.forget()
            raise unreachable(self.where, self._user, self._plain(error)) from None
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                snapshot = _PostgresSnapshot(cursor)
                snapshot.set("statement_timeout", self._statement_ms)
                yield snapshot
                connection.rollback()
        except (DriverError, OSError) as error:
            self._server.forget()
            raise self._failed(error) from None
        except pa.ArrowInvalid as error:
            if "[libpq]" not in str(error):
                raise
            # What the server finds wrong after its first rows comes as Arrow's own error.
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> SourceError:
        text = self._plain(error)
        state = getattr(error, "sqlstate", None)
        if state == "42501" or "permission denied" in text:
            return SourceError(f"{self.where}: user {self._user} may not read it: {text}")
        if "statement timeout" in text:
            seconds = int(self._statement_ms) // 1000
            return SourceError(
                f"{self.where}: it took longer than `statement_timeout`, {seconds} s",
                transient=True,
            )
        passing = state is None or state[:2] in {"08", "40", "53", "57"}
        lost = isinstance(error, OSError) or (isinstance(error, DriverError) and passing)
        return SourceError(f"{self.where}: it could not be read: {text}", transient=lost)

    def _plain(self, error: Exception) -> str:
        """The server's own words, in one line, without the password."""
        text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        text = re.sub(r"^.*?(FATAL|ERROR|PANIC): +", "", text)
        text = re.sub(r"^[A-Z_]+: |\[libpq\] |Failed to connect: ", "", text)
        text = re.sub(r"^connection to server .* failed: ", "", text)
        if self._password:
            text = text.replace(self._password, "***")
        return text.strip().rstrip(".")


def unreachable(where: str, user: str | None, text: str) -> SourceError:
    """The sentence for a server that lets nobody in; `text`: its own words, or the driver's."""
    if "password authentication failed" in text or "no password supplied" in text:
        return SourceError(
            f"{where}: the password of user {user} is not accepted, "
            "expected the one that the server knows"
        )
    if re.search(r'database ".*" does not exist', text):
        return SourceError(f"{where}: there is no such database, expected one that is")
    if re.search(r'role ".*" does not exist', text):
        return SourceError(f"{where}: there is no user {user}, expected one that the server knows")
    return SourceError(
        f"{where}: it cannot be reached: {text}; expected a server that answers", transient=True
    )


class _PostgresSnapshot:
    """One transaction's cursor."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def columns(self, relation: Relation) -> list[SourceColumn]:
        """The columns of the table or query; none where there is no such table."""
        if isinstance(relation, Query):
            found = self._query_columns(relation)
        else:
            name = _DIALECT.identifier_preparer.format_table(relation.clause())
            found = self._fetch(_COLUMNS, (name,))
        return [SourceColumn(name, kind, _TIMES.get(code), code) for name, kind, code in found]

    def _query_columns(self, query: Query) -> list[Any]:
        """Name, type and its catalogue's name of each column; no row is computed."""
        nothing = select(text("*")).select_from(query.clause()).limit(0)
        self._cursor.execute(_text(nothing))
        names = self._cursor.fetch_arrow_table().column_names
        query.refuse_repeated(names)
        [(numbers,)] = self._fetch(_text(type_numbers(query, names)), None)
        types = self._fetch(_TYPE_NAMES, ("{" + numbers + "}",))
        return [(name, *found) for name, found in zip(names, types, strict=True)]

    def without_time(self, relation: Relation, cursor: SourceColumn, most: int) -> int:
        """How many rows have a null cursor, counted up to `most`."""
        [(count,)] = self._fetch(_text(count_without_time(relation, cursor, most)), None)
        return int(count)

    def rows(self, plan: ReadPlan) -> Iterator[Part]:
        """The rows that may be in the window, some MiB at a time."""
        kind = "instant" if plan.cursor is None else plan.cursor.kind or "instant"
        low, high = {
            "instant": (plan.window.start, plan.window.end),
            "local": plan.local,
        }.get(kind, plan.days)

        def inside(column: ColumnElement[object]) -> ColumnElement[bool]:
            least: ColumnElement[Any] = cast(func.current_setting("shop.low"), _TYPES[kind])
            most: ColumnElement[Any] = cast(func.current_setting("shop.high"), _TYPES[kind])
            below = column <= most if kind == "date" else column < most
            return and_(column >= least, below)

        statement = _text(plan.query(taken_as_arrow, inside))
        for setting, value in (("shop.low", low), ("shop.high", high)):
            self.set(setting, value.isoformat())
        self._cursor.adbc_statement.set_options(
            **{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(_BATCH_BYTES)}
        )
        self._cursor.execute(statement)
        for batch in self._cursor.fetch_record_batch():
            yield Part(pa.Table.from_batches([batch]))

    def moment(self) -> datetime:
        """When the transaction began, just before its snapshot was taken."""
        [(text,)] = self._fetch("SELECT to_char(now() AT TIME ZONE 'UTC', $1)", (_MOMENT,))
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    def key_ranges(self, plan: KeyPlan, ranges: int) -> pa.Table:
        """The number of keys and the checksum of each range, computed by the server."""
        self.set("shop.mask", str(ranges - 1))
        self._cursor.execute(_text(key_ranges(plan)))
        return self._cursor.fetch_arrow_table()

    def keys(self, plan: KeyPlan, ranges: int, chosen: Sequence[int]) -> Iterator[pa.ChunkedArray]:
        """The keys of the chosen ranges, some MiB at a time."""
        self.set("shop.mask", str(ranges - 1))
        self.set("shop.ranges", ",".join(map(str, chosen)))
        self._cursor.execute(_text(keys_of_ranges(plan)))
        for batch in self._cursor.fetch_record_batch():
            yield pa.chunked_array([batch.column(0)]).cast(pa.string())

    def set(self, setting: str, value: str) -> None:
        """Give a setting of the transaction a value."""
        self._fetch("SELECT set_config($1, $2, true)", (setting, value))

    def _fetch(self, statement: str, bound: tuple[str, ...] | None) -> list[Any]:
        self._cursor.execute(statement, bound)
        rows: list[Any] = self._cursor.fetchall()
        return rows


def _text(statement: Select[Any]) -> str:
    return str(statement.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))
