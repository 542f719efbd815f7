"""Every test that asks for `at` is made for each stream of each subject that has what it needs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql

from shop_assets.sources import http
from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.acceptance.subject import SUBJECTS, At, Servers, load_subjects, opened
from shop_assets_tests.sources.mariadb import mariadb_server

load_subjects()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make the test once for each subject and stream."""
    if "at" not in metafunc.fixturenames:
        return
    needed: frozenset[str] = getattr(metafunc.function, "needs", frozenset())
    thinned = getattr(metafunc.function, "representative", False)
    chosen = [
        pytest.param(
            (subject, stream),
            id=f"{subject.name}-{stream}",
            marks=[pytest.mark.soak] if thinned and (number or subject.like) else [],
        )
        for subject in SUBJECTS.values()
        if needed <= subject.features
        for number, stream in enumerate(subject.streams)
    ]
    metafunc.parametrize("at", chosen, indirect=True)


@pytest.fixture(scope="session")
def accepted_database(stack: Endpoints) -> str:
    """A database for the sources of one test after the other."""
    admin, name = str(stack.postgres_admin_url), f"accepted_{uuid.uuid4().hex[:12]}"
    connection = psycopg2.connect(admin)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    connection.close()
    return f"{admin.rpartition('/')[0]}/{name}"


@pytest.fixture(scope="session")
def mariadb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database of a server for the sources of one test after the other."""
    with mariadb_server(tmp_path_factory.mktemp("accepted")) as made:
        yield made.url


@pytest.fixture
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Servers:
    """What sources of a test stand on."""
    return Servers(
        tmp_path,
        lambda: str(request.getfixturevalue("accepted_database")),
        lambda: str(request.getfixturevalue("mariadb_url")),
    )


@pytest.fixture
def at(
    request: pytest.FixtureRequest, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> Iterator[At]:
    """A stream of a source that runs for this test alone."""
    subject, stream = request.param
    # Waits are for people's servers; those that are tested themselves are in test_http.
    monkeypatch.setattr(http, "_FIRST_WAIT", 0.02)
    with opened(subject, stream, servers) as found:
        yield found
