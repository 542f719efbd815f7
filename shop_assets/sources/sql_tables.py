"""Which tables a database has: their columns, their primary keys, and how it quotes names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine, event, inspect, types
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from shop_assets.settings.shop import SqlSource
from shop_assets.sources import mysql
from shop_assets.sources.addresses import refuse_link_local
from shop_assets.sources.errors import SourceError
from shop_assets.sources.postgres import unreachable

ColumnKind = Literal["time", "date", "bool", "int", "decimal", "float", "text", "other"]

_MOST = 300
_POSTGRES = ("postgresql", "postgres")
_KINDS: tuple[tuple[type[types.TypeEngine[Any]], ColumnKind], ...] = (
    (types.DateTime, "time"),
    (types.Date, "date"),
    (types.Boolean, "bool"),
    (types.Integer, "int"),
    (types.Float, "float"),
    (types.Numeric, "decimal"),
    (types.String, "text"),
    (types.Uuid, "text"),
)


@dataclass(frozen=True)
class TableColumn:
    """A column: its kind, and whether it may have no value."""

    name: str
    kind: ColumnKind
    nullable: bool = True


@dataclass(frozen=True)
class Table:
    """A table or view. `key`: its primary key, if it has one."""

    name: str
    columns: tuple[TableColumn, ...]
    key: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tables:
    """The tables and views of a database's own schema, at most 300; `quoted` quotes a name."""

    tables: tuple[Table, ...]
    quoted: Callable[[str], str]


def tables_of(name: str, source: SqlSource, *, base: Path) -> Tables:
    """Look at a database; nothing of its rows is read.

    Raises `SourceError` where it cannot be reached, without its password.
    """
    url = make_url(source.url)
    refuse_link_local(name, url.host or "")
    at = url.render_as_string() if url.host else str(url.database)
    where = f"{name}: the database at {at.partition('://')[2].rpartition('@')[2] or at}"
    try:
        engine = _engine(where, url, source, base)
        with engine.connect() as connection:
            found = inspect(connection)
            names = [*found.get_table_names(), *found.get_view_names()][:_MOST]
            tables = tuple(_table(found, table) for table in sorted(names))
            return Tables(tables, connection.dialect.identifier_preparer.quote)
    except (NoSuchModuleError, ModuleNotFoundError):
        raise SourceError(f"{where}: its driver {url.drivername} is not installed") from None
    except SQLAlchemyError as error:
        raise _refusal(where, url, source, error) from None


def _refusal(where: str, url: URL, source: SqlSource, error: SQLAlchemyError) -> SourceError:
    """The sentence for what the driver or the server refused, without the password."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if url.get_backend_name() in mysql.BACKENDS and isinstance(error, DBAPIError):
        refused = mysql.refusal(where, url, source, cause)
        return SourceError(_plain(str(refused), url), transient=refused.transient)
    text = _plain((str(cause).splitlines() or [type(error).__name__])[0], url)
    if url.get_backend_name() in _POSTGRES:
        return unreachable(where, url.username, text)
    return SourceError(f"{where}: it cannot be read: {text}", transient=True)


def _plain(text: str, url: URL) -> str:
    for secret in (str(url.password), quote(str(url.password))) if url.password else ():
        text = text.replace(secret, "***")
    return text


def _table(found: Any, name: str) -> Table:
    key = tuple(found.get_pk_constraint(name).get("constrained_columns") or ())
    columns = tuple(
        TableColumn(column["name"], _kind(column["type"]), bool(column.get("nullable", True)))
        for column in found.get_columns(name)
    )
    return Table(name, columns, key)


def _kind(declared: types.TypeEngine[Any]) -> ColumnKind:
    return next((kind for base, kind in _KINDS if isinstance(declared, base)), "other")


def _engine(where: str, url: URL, source: SqlSource, base: Path) -> Engine:
    arguments: dict[str, Any] = {"connect_timeout": source.connect_timeout}
    backend = url.get_backend_name()
    if backend == "sqlite":
        path = (base / str(url.database or "")).resolve()
        if not path.is_file():
            raise SourceError(f"{where}: there is no such file")
        url = url.set(database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"})
        arguments = {"timeout": source.connect_timeout}
    elif backend in mysql.BACKENDS:
        url, arguments = mysql.connection_to(where, url, source, base)
    elif backend in _POSTGRES:
        url = url.set(drivername="postgresql+psycopg2")
    engine = create_engine(url, poolclass=NullPool, connect_args=arguments, hide_parameters=True)
    if backend in _POSTGRES:
        event.listen(engine, "connect", _only_read)
    return engine


def _only_read(connection: Any, _: object) -> None:
    connection.set_session(readonly=True)
