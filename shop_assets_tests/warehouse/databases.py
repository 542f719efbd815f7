"""Warehouses of a test's own on the worker's server: copies of one made once, or older ones."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql
from sqlalchemy import create_engine

from shop_assets.stack.endpoints import Endpoints
from shop_assets.stack.postgres import create_database
from shop_assets.warehouse import upgrade
from shop_assets.warehouse.connection import Warehouse

OWNER = "test_loader"
PASSWORD = "made-up"


def admin_url(stack: Endpoints) -> str:
    assert stack.postgres_admin_url is not None
    return stack.postgres_admin_url


def make_template(stack: Endpoints) -> str:
    """A database with every table of a warehouse and no rows; returns its owner's URL."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    url = create_database(admin_url(stack), name, owner=OWNER, password=PASSWORD)
    Warehouse(url, reader="reader").create()
    return url


def emptied(url: str) -> None:
    """Take all rows out of a warehouse, and let its numbers begin anew."""
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables "
            "WHERE schemaname IN ('meta', 'warehouse', 'marts_base', 'analytics_base') "
            "AND tablename NOT IN ('created', 'alembic_version')"
        )
        (tables,) = cursor.fetchone() or ("",)
        cursor.execute(
            f"TRUNCATE {tables}; ALTER SEQUENCE meta.epochs RESTART; "
            "ALTER SEQUENCE meta.generations RESTART"
        )
    connection.close()


@contextmanager
def copied(stack: Endpoints, template: str) -> Iterator[str]:
    """The owner's URL of a fresh copy of a template, dropped afterwards."""
    parts = urlsplit(template)
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = psycopg2.connect(admin_url(stack))
    admin.autocommit = True
    try:
        with admin.cursor() as cursor:
            cursor.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(parts.path[1:])
                )
            )
            yield urlunsplit((parts.scheme, parts.netloc, f"/{name}", "", ""))
            cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    finally:
        admin.close()


def new_database(stack: Endpoints) -> str:
    """The owner's URL of an empty database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    return create_database(admin_url(stack), name, owner=OWNER, password=PASSWORD)


def migrated(url: str, version: str) -> None:
    """Take the steps alone, from an empty database."""
    engine = create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(url))
    with engine.begin() as connection:
        upgrade.migrate(connection, None, version)
    engine.dispose()


@contextmanager
def session(url: str) -> Iterator[psycopg2.extensions.cursor]:
    """A cursor of a transaction that commits at the end."""
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        yield cursor
    connection.close()


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """What a query finds."""
    with session(url) as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def of_version(stack: Endpoints, version: str) -> str:
    """The owner's URL of a database that the steps up to a version have made."""
    url = new_database(stack)
    migrated(url, version)
    return url
