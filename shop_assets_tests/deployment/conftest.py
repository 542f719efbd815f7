"""A PostgreSQL server with the roles of deploy/postgres."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from shop_assets_tests.deployment.compose_file import ROOT
from shop_assets_tests.deployment.processes import environment
from shop_assets_tests.postgres_servers import socket_server

PASSWORDS = {
    "SHOP_LOADER_PASSWORD": "made-up-loader",
    "SHOP_READER_PASSWORD": "made-up-reader",
    "SHOP_DAGSTER_PASSWORD": "made-up-dagster",
}
_NO_CONNECTION = 2
"""Psql's code for a connection that failed or was lost."""


@dataclass(frozen=True)
class Postgres:
    """A server that has run deploy/postgres/10-roles.sql."""

    socket_folder: str
    data: Path
    binaries: Path

    def run_script(
        self, script: Path, variables: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """The script as the image's entrypoint runs it: by the superuser, with its environment.

        Where the server has gone, its last words are told.
        """
        words = ["psql", "-X", "-q", "-h", self.socket_folder, "-U", "postgres", "-d", "postgres"]
        done = subprocess.run(
            [*words, "-f", str(script)],
            executable=self.binaries / "psql",
            env=environment(**variables),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == _NO_CONNECTION:
            log = (self.data / "log").read_text("utf-8", "replace")
            raise AssertionError(f"{done.stderr}its log ends: {log[-2000:]}")
        return done

    def url(self, role: str, database: str, scheme: str = "postgresql") -> str:
        return f"{scheme}://{role}:made-up@/{database}?host={self.socket_folder}"


@pytest.fixture(scope="session", name="postgres")
def _postgres() -> Iterator[Postgres]:
    with socket_server() as server:
        socket_folder = str(server.get_postmaster_info().socket_dir)
        postgres = Postgres(socket_folder, server.pgdata, server.bin_path)
        made = postgres.run_script(ROOT / "deploy" / "postgres" / "10-roles.sql", PASSWORDS)
        assert made.returncode == 0, made.stderr
        yield postgres
