"""The schema in its newest version: made at once where nothing is, upgraded where an older one is.

All of it is one transaction under one advisory lock. Processes that start together do it once; an
upgrade that fails, or is killed, leaves what was there. The version stands in
`meta.alembic_version`, and `meta.created` says by a fingerprint that all is as declared.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
from psycopg2.errors import DependentObjectsStillExist, InvalidTableDefinition
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError, ProgrammingError

from shop_assets.errors import UserError
from shop_assets.warehouse import ddl

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).with_name("migrations")
PUBLISHED = "0001"
"""The version of a warehouse that was made before versions were noted."""

CREATE_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('shop_assets.create', 0))"

_SCHEMAS = f"ANY ('{{{', '.join(ddl.SCHEMAS)}}}')"
RELATIONS = (
    "(SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE NOT c.relispartition AND c.relkind IN ('r', 'p', 'v', 'i', 'I', 'S') "
    f"AND n.nspname = {_SCHEMAS})"
)
"""How many tables, views, indexes and sequences there are, months apart."""

PATIENCE = "60s"
"""How long an upgrade waits for whoever uses a table. A load that does may itself wait for the
upgrade, to make a month, which PostgreSQL cannot see: without a limit neither would end."""

_ALEMBIC = threading.Lock()
"""Alembic keeps what it works on in the process, not in the thread."""


class UpgradeError(UserError):
    """The warehouse cannot be brought to the version that this release needs."""


def versions() -> list[str]:
    """The numbers of all versions, the newest last."""
    return sorted(path.name[:4] for path in (FOLDER / "versions").glob("[0-9]*_*.py"))


def fingerprint(reader: str | None) -> str:
    """The newest version and what is declared: it changes with either."""
    return f"{versions()[-1]} {ddl.fingerprint(reader)}"


def bring_up_to_date(url: str, *, warehouse: str, reader: str | None) -> None:
    """Make or upgrade everything, and note that it is done.

    `url`: a libpq URI of the role that owns the warehouse. `warehouse`: what errors call it.
    Raises `UpgradeError`, and has changed nothing, where the warehouse is of a newer release or
    the upgrade fails.
    """
    engine = create_engine(
        "postgresql+psycopg2://",
        creator=lambda: psycopg2.connect(url),
        poolclass=NullPool,
        # Who waits for another's upgrade sees afterwards that it is done.
        isolation_level="READ COMMITTED",
    )
    found: str | None = None
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(CREATE_LOCK)
            if _is_made(connection, fingerprint(reader)):
                return
            found = _version(connection)
            _refuse_newer(found, warehouse)
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE}'")
            _make(connection, found, reader)
            _note(connection, fingerprint(reader))
    except DBAPIError as error:
        raise UpgradeError(
            f"warehouse {warehouse}: found version {found or 'none'}, expected {versions()[-1]}; "
            f"making it failed and left nothing half done: {_reason(error)}"
        ) from None


def migrate(connection: Connection, found: str | None, version: str = "head") -> None:
    """Take the steps from the version found (None: an empty database) to another."""
    # Imported here and below alone: a warehouse that is as declared has no need of it.
    from alembic import command

    with _ALEMBIC:
        if found == PUBLISHED:
            command.stamp(_config(connection), PUBLISHED)
        command.upgrade(_config(connection), version)


def _make(connection: Connection, found: str | None, reader: str | None) -> None:
    from alembic import command

    newest = versions()[-1]
    if found is None:
        _declare(connection, reader)
        with _ALEMBIC:
            command.stamp(_config(connection), newest)
    elif found == newest:
        try:
            with connection.begin_nested():
                _declare(connection, reader)
        except ProgrammingError as error:
            if not isinstance(error.orig, InvalidTableDefinition):
                raise
            with _views_made_anew(connection):  # one lost a column, which replacing cannot do
                _declare(connection, reader)
    else:
        with _views_made_anew(connection):
            migrate(connection, found)
            _declare(connection, reader)


def _declare(connection: Connection, reader: str | None) -> None:
    connection.exec_driver_sql(
        ";\n".join(ddl.create_all(reader)), execution_options={"no_parameters": True}
    )


@contextmanager
def _views_made_anew(connection: Connection) -> Iterator[None]:
    """Without the views inside; whoever could read one before can read the new one after."""
    views = connection.exec_driver_sql(
        "SELECT string_agg(format('%I.%I', schemaname, viewname), ', ') FROM pg_views "
        f"WHERE schemaname = {_SCHEMAS}",
        execution_options={"no_parameters": True},
    ).scalar()
    grants = connection.exec_driver_sql(
        "SELECT format('%I.%I', n.nspname, c.relname), format('GRANT %s ON %I.%I TO %s%s', "
        "a.privilege_type, n.nspname, c.relname, "
        "CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, "
        "CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a "
        f"WHERE c.relkind = 'v' AND a.grantee <> c.relowner AND n.nspname = {_SCHEMAS}",
        execution_options={"no_parameters": True},
    ).all()
    if views:
        connection.exec_driver_sql(f"DROP VIEW {views}")
    yield
    for view, grant in grants:
        there = connection.exec_driver_sql("SELECT to_regclass(%s)", (view,)).scalar()
        if there:
            connection.exec_driver_sql(grant)


def _is_made(connection: Connection, expected: str) -> bool:
    if not _stands(connection, "meta.created"):
        return False
    sql = f"SELECT relations <= {RELATIONS} FROM meta.created WHERE fingerprint = %s"
    return bool(connection.exec_driver_sql(sql, (expected,)).scalar())


def _version(connection: Connection) -> str | None:
    """The version that stands there; None where none does."""
    if _stands(connection, "meta.alembic_version"):
        sql = "SELECT version_num FROM meta.alembic_version"
        noted = connection.exec_driver_sql(sql).scalar()
        if noted:
            return str(noted)
    return PUBLISHED if _stands(connection, "meta.loads") else None


def _refuse_newer(found: str | None, warehouse: str) -> None:
    if found is not None and found not in versions():
        raise UpgradeError(
            f"warehouse {warehouse}: found version {found} of its tables, expected at most "
            f"{versions()[-1]}, the newest that this release of shop-assets knows"
        )


def _note(connection: Connection, made: str) -> None:
    connection.exec_driver_sql("DELETE FROM meta.created")
    connection.exec_driver_sql(
        f"INSERT INTO meta.created (fingerprint, relations) VALUES (%s, {RELATIONS})", (made,)
    )


def _stands(connection: Connection, relation: str) -> bool:
    return bool(
        connection.exec_driver_sql("SELECT to_regclass(%s) IS NOT NULL", (relation,)).scalar()
    )


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _reason(error: DBAPIError) -> str:
    """PostgreSQL's own sentence, without the statement and without values of rows."""
    diagnosis = getattr(error.orig, "diag", None)
    # Where the connection failed there is no diagnosis; libpq then names the server alone.
    said = getattr(diagnosis, "message_primary", None) or str(error.orig).partition("\n")[0]
    if isinstance(error.orig, DependentObjectsStillExist):
        said += f" ({diagnosis.message_detail})" if diagnosis else ""
    return " ".join(said.split())
