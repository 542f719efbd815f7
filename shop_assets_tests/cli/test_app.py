"""A command imports what it needs, when it is called: to look something up, no Dagster."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shop_assets.cli.app import application
from shop_assets.cli.shop import Shop, shipped
from shop_assets.errors import UserError
from shop_assets.stack.endpoints import Endpoints
from shop_assets.stack.postgres import create_database
from shop_assets_tests.warehouse.databases import OWNER, PASSWORD, admin_url

ALL = {
    *("init", "run", "live", "reprocess", "rename", "changes", "sql", "status", "env", "demo"),
    *("up", "simulate", "sources", "stack", "quarantine"),
}
HEAVY = {
    *("alembic", "boto3", "dagster", "deltalake", "duckdb", "httpx", "numpy", "pandas", "pandera"),
    *("pyarrow", "pydantic", "redis", "sqlalchemy"),
}
"""What takes a tenth of a second or more to import, or brings what does."""
SHOP = "shop: {name: Lamps, timezone: Europe/London, currency: GBP, start: 2026-11-01}\nsources: {}"
_IMPORTED = """
import json, sys
from pathlib import Path
{code}
print(json.dumps(sorted({{name.split(".")[0] for name in sys.modules}})))
"""


def imported(code: str, **environment: str) -> set[str]:
    """The packages that a new process knows after some code."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _IMPORTED.format(code=code)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


def running(commands: list[list[str]]) -> str:
    """Code that runs commands, one after the other, in its own process."""
    return f"""
from typer.testing import CliRunner
from shop_assets.cli.app import application
for words in {commands!r}:
    done = CliRunner().invoke(application(), words)
    assert done.exit_code == 0, (words, done.output, done.exception)
"""


def test_all_commands_are_there() -> None:
    app = application()
    commands, groups = app.registered_commands, app.registered_groups
    assert {str(c.name) for c in commands} | {str(g.name) for g in groups} == ALL


def test_to_say_what_commands_there_are_imports_none_of_their_libraries() -> None:
    known = imported("from shop_assets.cli.app import application\napplication()")
    assert known.isdisjoint(HEAVY)
    assert {"typer", "rich"} <= known


@pytest.fixture
def variables(stack: Endpoints) -> dict[str, str]:
    """Those of a stack whose warehouse is the test's own."""
    name = f"lamps_{uuid.uuid4().hex[:12]}"
    url = create_database(admin_url(stack), name, owner=OWNER, password=PASSWORD)
    own = {"SHOP_POSTGRES_URL": url, "SHOP_POSTGRES_READER_URL": url}
    return stack.environment() | own


def test_to_look_something_up_takes_neither_dagster_nor_what_makes_a_warehouse(
    variables: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP, "utf-8")
    config = ["--config", str(path)]
    own = variables | {"SHOP_HOME": str(tmp_path / "home")}
    asked = [["status", *config], ["sql", "select 1 as one", *config], ["rename", "Lamps", *config]]
    code = running([*asked, ["env"], ["sources", "list"]])
    assert "alembic" in imported(code, **own)  # the first to open a warehouse makes it
    known = imported(code, **own)
    assert known.isdisjoint({"alembic", "boto3", "dagster", "deltalake", "redis"})
    assert "pandas" in known


def test_a_configuration_and_a_stack_take_no_dagster(tmp_path: Path) -> None:
    answers = ["--name", "Lamps", "--timezone", "Europe/London", "--currency", "GBP"]
    path = ["--config", str(tmp_path / "shop.yaml")]
    made = ["init", *path, "--yes", *answers, "--start", "2026-11-01", "--source", "stripe"]
    known = imported(running([made, ["stack", "down"]]), SHOP_HOME=str(tmp_path / "home"))
    assert "dagster" not in known
    assert (tmp_path / "shop.yaml").exists()


@pytest.fixture
def refused(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], str]:
    """What is said where one variable has a wrong password and Dagster's instance is opened."""

    def said(variable: str) -> str:
        path = tmp_path / "shop.yaml"
        path.write_text(SHOP, "utf-8")
        wrong = re.sub(r"(//\w+:)[^@]*@", r"\1hunter2@", variables[variable])
        own = {"SHOP_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path / "dagster")}
        for name, value in {**variables, variable: wrong, **own}.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "dagster").mkdir()
        (tmp_path / "dagster" / "dagster.yaml").write_text(shipped("dagster.yaml"), "utf-8")
        # Dagster waits between its attempts.
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        with pytest.raises(UserError) as refusal:
            Shop.open(path).instance()
        return str(refusal.value)

    return said


@pytest.mark.parametrize(
    ("variable", "begins"),
    [
        ("SHOP_POSTGRES_URL", "warehouse 127.0.0.1:"),
        ("SHOP_DAGSTER_POSTGRES_URL", "Dagster's database: connection to server at "),
    ],
)
def test_a_server_that_does_not_let_runs_in_is_one_sentence(
    variable: str, begins: str, refused: Callable[[str], str]
) -> None:
    said = refused(variable)
    assert said.startswith(begins)
    assert "password authentication failed" in said
    assert f"expected a PostgreSQL server ({variable}" in said
    assert "\n" not in said
    assert "hunter2" not in said


def test_a_command_that_is_not_there_is_refused_with_one_that_is_like_it() -> None:
    done = CliRunner().invoke(application(), ["rnu"])
    assert done.exit_code == 2
    assert "No such command 'rnu'. Did you mean 'run'?" in done.output
