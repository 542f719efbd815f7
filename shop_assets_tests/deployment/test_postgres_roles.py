"""The roles that a fresh production PostgreSQL gets: each may do its own work and no more."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest

from shop_assets_tests.deployment.compose_file import ROOT, services
from shop_assets_tests.deployment.conftest import Postgres
from shop_assets_tests.deployment.test_compose import filled


@contextmanager
def connected(postgres: Postgres, role: str, database: str) -> Iterator[Any]:
    connection = psycopg2.connect(postgres.url(role, database))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("role", "database"),
    [("shop_loader", "dagster"), ("shop_reader", "dagster"), ("shop_dagster", "warehouse")],
)
def test_no_role_may_even_connect_to_the_database_of_another(
    postgres: Postgres, role: str, database: str
) -> None:
    with (
        pytest.raises(psycopg2.OperationalError, match="permission denied for database"),
        connected(postgres, role, database),
    ):
        pass


def test_the_loader_makes_schemas_and_lets_the_reader_read_what_it_names(
    postgres: Postgres,
) -> None:
    with connected(postgres, "shop_loader", "warehouse") as loader:
        loader.execute("CREATE SCHEMA roles_marts; CREATE TABLE roles_marts.sales AS SELECT 1 AS n")
        loader.execute("CREATE SCHEMA roles_pii; CREATE TABLE roles_pii.people AS SELECT 1 AS n")
        loader.execute("GRANT USAGE ON SCHEMA roles_marts TO shop_reader")
        loader.execute("GRANT SELECT ON roles_marts.sales TO shop_reader")
    with connected(postgres, "shop_reader", "warehouse") as reader:
        reader.execute("SELECT n FROM roles_marts.sales")
        assert reader.fetchall() == [(1,)]
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            reader.execute("SELECT n FROM roles_pii.people")


def test_the_reader_cannot_write_even_where_it_takes_itself_out_of_read_only(
    postgres: Postgres,
) -> None:
    with connected(postgres, "shop_reader", "warehouse") as reader:
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            reader.execute("CREATE TABLE public.mine (n int)")
        reader.execute("SET default_transaction_read_only = off")
        for statement in ("CREATE TABLE public.mine (n int)", "CREATE SCHEMA mine"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                reader.execute(statement)


def test_dagster_has_a_connection_budget_of_its_own_and_all_fit_into_the_server(
    postgres: Postgres,
) -> None:
    command = services(filled())["postgres"].command
    (limit,) = [word for word in command if word.startswith("max_connections=")]
    with connected(postgres, "postgres", "postgres") as admin:
        admin.execute("SELECT rolname, rolconnlimit FROM pg_roles WHERE rolname LIKE 'shop\\_%'")
        budgets = dict(admin.fetchall())
    assert set(budgets) == {"shop_loader", "shop_reader", "shop_dagster"}
    assert all(budget > 0 for budget in budgets.values())
    assert sum(budgets.values()) + 10 <= int(limit.partition("=")[2])


def test_passwords_are_stored_as_scram_and_no_role_has_an_administrators_rights(
    postgres: Postgres,
) -> None:
    with connected(postgres, "postgres", "postgres") as admin:
        admin.execute(
            "SELECT count(*) FROM pg_authid WHERE rolname LIKE 'shop\\_%' AND rolpassword LIKE "
            "'SCRAM-SHA-256$%' AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication)"
        )
        assert admin.fetchall() == [(3,)]


def test_the_script_stops_where_a_password_is_not_set(postgres: Postgres) -> None:
    done = postgres.run_script(ROOT / "deploy" / "postgres" / "10-roles.sql", {})
    assert done.returncode == 3
    assert 'syntax error at or near ":"' in done.stderr


def test_postgres_accepts_the_settings_of_its_command(postgres: Postgres) -> None:
    service = services(filled())["postgres"]
    settings = [word for word in service.command[1:] if word != "-c"]
    assert settings
    for setting in settings:
        name = setting.partition("=")[0]
        binary, *arguments = service.command
        done = subprocess.run(
            [str(postgres.binaries / binary), "-C", name, "-D", str(postgres.data), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) > 0


def test_the_server_of_these_tests_stands_where_no_other_run_of_pytest_closes_the_way(
    postgres: Postgres,
) -> None:
    assert postgres.data.is_dir()
    assert not [p.name for p in postgres.data.parents if p.name.startswith("pytest-")]
