"""What is particular to MySQL and MariaDB, which are read through PyMySQL.

A session's time zone is UTC, so that a TIMESTAMP is the instant that it is; a DATETIME is local. A
date without year, month or day (`0000-00-00`) is none, and null.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    CHAR,
    URL,
    ColumnElement,
    Connection,
    DateTime,
    cast,
    func,
    literal,
    select,
    text,
    type_coerce,
)

from shop_assets.settings.shop import SqlSource
from shop_assets.sources.errors import SourceError
from shop_assets.sources.sql_plan import CursorKind, Query, Relation, SourceColumn, TableName

BACKENDS = ("mysql", "mariadb")
EARLIEST = type_coerce(literal(datetime(1, 1, 1)), DateTime())  # noqa: DTZ001
"""Times before it are none."""

_TIMES: dict[str, CursorKind] = {"timestamp": "instant", "datetime": "local", "date": "date"}
_SHAPES = (
    *("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring"),
    *("multipolygon", "geometrycollection", "geomcollection"),
)
_CODES = {
    **_TIMES,
    **dict.fromkeys(_SHAPES, "shape"),
    **{word: word for word in ("bit", "time")},
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year"), "int64"),
    **dict.fromkeys(("float", "double"), "double"),
}
_FIELDS = {
    0: "decimal",
    1: "tinyint",
    2: "smallint",
    3: "int",
    4: "float",
    5: "double",
    7: "timestamp",
    8: "bigint",
    9: "mediumint",
    10: "date",
    11: "time",
    12: "datetime",
    13: "year",
    14: "date",
    16: "bit",
    245: "json",
    246: "decimal",
    255: "geometry",
}
"""The protocol's numbers for the types of a query's columns; others are text or bytes, which the
values themselves tell."""
_UNSIGNED = 32
"""The protocol's flag of such a column."""

_COLUMNS = text(
    "SELECT table_name AS of_table, column_name AS name, data_type AS word, column_type AS type "
    "FROM information_schema.columns WHERE table_schema = coalesce(:schema, database()) "
    "AND table_name = :named ORDER BY ordinal_position"
)
_MODES = {"DISABLED": None, "REQUIRED": False, "VERIFY_CA": False, "VERIFY_IDENTITY": True}
_OPTIONS = ("ssl_mode", "ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_cert", "ssl_verify_identity")
_NO_PASSWORD, _NO_DATABASE, _FORBIDDEN = {1045, 1698}, {1049}, {1044, 1142, 1143, 1370}
_TOO_LONG, _UNREACHABLE = {1969, 3024, 1317}, {2002, 2003, 2005}
_PASSING = {1040, 1158, 1159, 1160, 1161, 1205, 1213, 2006, 2013, 2014}


def connection_to(
    where: str, url: URL, source: SqlSource, base: Path
) -> tuple[URL, dict[str, Any]]:
    """The URL for SQLAlchemy, without secrets, and what the driver is to be given beside it."""
    query = dict(url.query)
    options = {name: str(query.pop(name)) for name in _OPTIONS if name in query}
    arguments: dict[str, Any] = {
        "connect_timeout": source.connect_timeout,
        "read_timeout": source.statement_timeout + source.connect_timeout,
        # As bytes: the driver takes text for Latin-1.
        "password": str(url.password or "").encode(),
        **_tls(where, options, base),
    }
    dressed = URL.create(
        f"{url.get_backend_name()}+pymysql", url.username, None, url.host, url.port, url.database
    )
    return dressed.set(query=query), arguments


def _tls(where: str, options: Mapping[str, str], base: Path) -> dict[str, Any]:
    """How the connection is encrypted: if the server can, where the URL says nothing."""
    if not options:
        return {}
    mode = options.get("ssl_mode", "VERIFY_IDENTITY").upper().replace("-", "_")
    if mode == "PREFERRED":
        return {}
    if mode not in _MODES:
        raise SourceError(
            f"{where}: its URL has ssl_mode={mode}, expected PREFERRED or one of "
            f"{', '.join(_MODES)}"
        )
    if _MODES[mode] is None:
        return {"ssl_disabled": True}
    files = {n: str(base / options[n]) for n in ("ssl_ca", "ssl_cert", "ssl_key") if n in options}
    try:
        context = ssl.create_default_context(cafile=files.get("ssl_ca"))
        if "ssl_cert" in files:
            context.load_cert_chain(files["ssl_cert"], files.get("ssl_key"))
    except (OSError, ssl.SSLError) as error:
        raise SourceError(
            f"{where}: the files of its URL's ssl options cannot be used: "
            f"{error.strerror or error}; expected certificates and keys in PEM"
        ) from None
    context.check_hostname = bool(_MODES[mode]) and _on(options.get("ssl_verify_identity"))
    if mode == "REQUIRED" or not _on(options.get("ssl_verify_cert")):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return {"ssl": context}


def _on(option: str | None) -> bool:
    return option is None or option.lower() not in {"0", "false", "no", "off"}


def begin(connection: Connection, source: SqlSource) -> None:
    """Begin a transaction that only reads, and sees the database as it is now."""
    seconds = source.statement_timeout
    maria = bool(getattr(connection.dialect, "is_mariadb", False))
    limit = f"max_statement_time = {seconds}" if maria else f"max_execution_time = {seconds * 1000}"
    # Rows wait on the server while those before them are worked on.
    patience = f"net_write_timeout = {max(seconds, 60)}"
    connection.exec_driver_sql(f"SET SESSION time_zone = '+00:00', {limit}, {patience}")
    connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")


def columns_of(connection: Connection, relation: Relation) -> list[SourceColumn]:
    """The columns of the table or query; none where there is no such table."""
    if isinstance(relation, Query):
        return _query_columns(connection, relation)
    return _table_columns(connection, relation)


def _table_columns(connection: Connection, named: TableName) -> list[SourceColumn]:
    found = connection.execute(_COLUMNS, {"schema": named.schema, "named": named.name}).all()
    return [
        _column(row.name, row.type, row.word, unsigned="unsigned" in row.type)
        for row in found
        # The server may compare names without regard to case.
        if row.of_table == named.name
    ]


def _query_columns(connection: Connection, query: Query) -> list[SourceColumn]:
    nothing = select(text("*")).select_from(query.clause()).limit(0)
    with connection.execute(nothing) as result:
        # Beside the types, their flags: the cursor's description leaves them out.
        fields = result.cursor._result.fields  # noqa: SLF001
        query.refuse_repeated(list(result.keys()))
    return [
        _column(field.name, word, word, unsigned=bool(field.flags & _UNSIGNED))
        for field in fields
        for word in (_FIELDS.get(field.type_code, "text"),)
    ]


def _column(name: str, declared: str, word: str, *, unsigned: bool) -> SourceColumn:
    code = _CODES.get(word, "string")
    if word == "bigint" and unsigned:
        code = "string"  # a signed one, which Arrow's is here, holds half of it
    return SourceColumn(name, declared, _TIMES.get(word), code)


def taken(source: SourceColumn, column: ColumnElement[object]) -> ColumnElement[object]:
    """The column as the driver gives it whole: shapes, bits and spans of time as text."""
    if source.code == "shape":
        return func.ST_AsText(column)
    if source.code == "bit":
        return cast(column + literal(0), CHAR)
    if source.code == "time":
        return cast(column, CHAR)
    return column


def without_void(columns: Sequence[SourceColumn], rows: Sequence[Any]) -> Sequence[Any]:
    """The rows with null for dates like `0000-00-00`, which the driver gives as text."""
    times = [place for place, column in enumerate(columns) if column.kind is not None]
    if not any(type(row[place]) is str for row in rows for place in times):
        return rows
    return [
        tuple(
            None if place in times and type(value) is str else value
            for place, value in enumerate(row)
        )
        for row in rows
    ]


def refusal(where: str, url: URL, source: SqlSource, error: BaseException | None) -> SourceError:
    """The sentence for what the driver or the server refused."""
    said = getattr(error, "args", ())
    number = said[0] if said and isinstance(said[0], int) else 0
    words = str(said[-1] if said else error).strip().splitlines() or [type(error).__name__]
    text_ = words[0].rstrip(".")
    if number in _NO_PASSWORD:
        return SourceError(
            f"{where}: the password of user {url.username} is not accepted, "
            "expected the one that the server knows"
        )
    if number in _NO_DATABASE:
        return SourceError(f"{where}: there is no such database, expected one that is")
    if number in _FORBIDDEN:
        return SourceError(f"{where}: user {url.username} may not read it: {text_}")
    if number in _TOO_LONG:
        return SourceError(
            f"{where}: it took longer than `statement_timeout`, {source.statement_timeout} s",
            transient=True,
        )
    if number in _UNREACHABLE:
        return SourceError(
            f"{where}: it cannot be reached: {text_}; expected a server that answers",
            transient="CERTIFICATE" not in text_,
        )
    return SourceError(f"{where}: it could not be read: {text_}", transient=number in _PASSING)
