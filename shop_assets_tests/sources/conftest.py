"""Source systems that really run: PostgreSQL, MariaDB and S3."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import psycopg2
import pytest
from psycopg2 import sql

from shop_assets_tests.lake.conftest import BUCKET, seaweedfs
from shop_assets_tests.postgres_servers import socket_server
from shop_assets_tests.sources.mariadb import SERVER, MariaDb, mariadb_server

PASSWORD = "s3cret-canary"


@dataclass
class Postgres:
    """A database of the test's own, its owner's URL, and a role that needs a password."""

    socket: str
    database: str
    connections: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/{self.database}?host={self.socket}"

    def url_of_clerk(self, password: str = PASSWORD) -> str:
        return f"postgresql://clerk:{password}@/{self.database}?host={self.socket}"

    def connect(self) -> Any:
        connection = psycopg2.connect(self.url)
        self.connections.append(connection)
        return connection

    def run(self, *statements: str) -> None:
        with psycopg2.connect(self.url) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The socket folder of a server where `clerk` must give a password."""
    with socket_server() as server:
        folder = str(server.get_postmaster_info().socket_dir)
        rules = server.pgdata / "pg_hba.conf"
        rules.write_text("local all clerk scram-sha-256\n" + rules.read_text())
        connection = psycopg2.connect(host=folder, user="postgres", dbname="postgres")
        connection.autocommit = True
        with connection.cursor() as cursor:
            make = sql.SQL("CREATE ROLE clerk LOGIN PASSWORD {}").format(sql.Literal(PASSWORD))
            cursor.execute(make)
            cursor.execute("SELECT pg_reload_conf()")
        connection.close()
        yield folder


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[Postgres]:
    made = Postgres(postgres_server, f"source_{uuid.uuid4().hex[:12]}")
    admin = psycopg2.connect(host=postgres_server, user="postgres", dbname="postgres")
    admin.autocommit = True
    name = sql.Identifier(made.database)
    with admin.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(name))
    yield made
    for connection in made.connections:
        connection.close()
    with admin.cursor() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
    admin.close()


@dataclass(frozen=True)
class Bucket:
    """A prefix of the test's own on a running S3 server."""

    endpoint: str
    url: str
    client: Any

    def put(self, name: str, content: bytes) -> None:
        prefix = self.url.removeprefix(f"s3://{BUCKET}/")
        self.client.put_object(Bucket=BUCKET, Key=f"{prefix}/{name}", Body=content)


@dataclass(frozen=True)
class S3Server:
    endpoint: str
    keys: tuple[str, str]


@pytest.fixture(scope="session")
def source_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    home: Path = tmp_path_factory.mktemp("source_s3")
    keys = ("source" + secrets.token_hex(6), secrets.token_hex(20))
    with seaweedfs(home, *keys) as endpoint:
        yield S3Server(endpoint, keys)


@pytest.fixture
def bucket(source_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    access, secret = source_s3.keys
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", access)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    client = boto3.client(
        "s3",
        endpoint_url=source_s3.endpoint,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        region_name="us-east-1",
    )
    return Bucket(source_s3.endpoint, f"s3://{BUCKET}/{uuid.uuid4().hex}", client)


@pytest.fixture(scope="session")
def mariadb_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    if SERVER is None:
        pytest.skip("no mariadbd here: apt-get install mariadb-server-core mariadb-client-core")
    with mariadb_server(tmp_path_factory.mktemp("mariadb")) as made:
        yield made


@pytest.fixture
def mariadb(mariadb_running: MariaDb) -> Iterator[MariaDb]:
    """A MariaDB database of the test's own."""
    made = replace(mariadb_running, database=f"source_{uuid.uuid4().hex[:12]}")
    mariadb_running.run(f"CREATE DATABASE {made.database} CHARACTER SET utf8mb4")
    yield made
    mariadb_running.run(f"DROP DATABASE {made.database}")
