"""The embedded stack: closed to others, and healthy again after whatever happens to it."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis
from botocore.exceptions import ClientError

from shop_assets.stack import embedded, postgres, s3, state
from shop_assets.stack.endpoints import Endpoints, resolve_endpoints
from shop_assets.stack.process import is_free
from shop_assets.stack.state import stack_dir
from shop_assets_tests.stack.servers import (
    NAMES,
    bucket,
    cache,
    get,
    kill,
    pids,
    processes,
    put,
    query,
    remember,
    remembered,
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose path has all that paths may have: spaces, quotes, umlauts, and length."""
    folder = tmp_path_factory.mktemp("stack") / 'My "böse" $HOME' / ("long" * 30)
    try:
        yield folder
    finally:
        embedded.stop(folder)
        assert not processes(folder)


@pytest.fixture
def where(home: Path) -> Endpoints:
    """The stack of this module, healthy."""
    return embedded.start(home, environ={}, durable=False)


def test_folders_and_credentials_are_closed_to_other_users(home: Path, where: Endpoints) -> None:
    folder = stack_dir(home)
    for closed in (home, folder, folder / "postgres", folder / "s3", folder / "redis"):
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700, closed
    secrets = {where.s3_secret_key, psycopg2.extensions.parse_dsn(where.postgres_url)["password"]}
    holding = set()
    for path in [p for p in folder.rglob("*") if p.is_file()]:
        content = path.read_bytes()
        if any(secret and secret.encode() in content for secret in secrets):
            holding.add(path.name)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert holding == {"state.json", "identities.json"}
    assert stat.S_IMODE((folder / "redis" / "redis.conf").stat().st_mode) == 0o600


def test_no_credential_stands_on_a_command_line_or_in_an_environment(
    home: Path, where: Endpoints
) -> None:
    current = state.load(home)
    assert current is not None
    secrets = current.secrets
    private = [
        *secrets.postgres.values(),
        secrets.s3_secret_key,
        secrets.s3_signing_key,
        secrets.redis,
    ]
    for process in processes(home):
        seen = " ".join([*process.cmdline(), *process.environ().values()])
        assert not [secret for secret in private if secret in seen]


def test_every_port_is_on_loopback_only(home: Path, where: Endpoints) -> None:
    listening = [
        connection.laddr
        for process in processes(home)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN or connection.type == socket.SOCK_DGRAM
    ]
    assert len({address.port for address in listening}) == 10
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_without_the_right_password_each_server_refuses(where: Endpoints) -> None:
    wrong = where.postgres_url.replace("loader:", "loader:x")
    for url in (wrong, wrong.replace("loader:", "shop_admin:")):
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            query(url, "SELECT 1")
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        query(where.postgres_reader_url.replace("/warehouse", "/dagster"), "SELECT 1")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        bucket(where, secret="wrong").list_objects_v2(Bucket="shop")  # type: ignore[attr-defined]
    with pytest.raises(redis.AuthenticationError):
        cache(
            replace(where, redis_url=str(where.redis_url).replace("redis://:", "redis://:x"))
        ).ping()


def test_a_second_start_starts_nothing(home: Path, where: Endpoints) -> None:
    before = pids(home)
    said: list[str] = []
    assert embedded.start(home, environ={}, durable=False, progress=said.append) == where
    assert (pids(home), said) == (before, [])
    assert all(service.running and service.healthy for service in embedded.status(home))


def test_an_s3_server_of_other_keys_or_without_the_bucket_is_not_healthy(
    home: Path, where: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = state.load(home)
    assert current is not None
    record, secrets = current.services[s3.NAME], current.secrets
    assert s3.is_healthy(record, secrets)
    assert not s3.is_healthy(record, replace(secrets, s3_secret_key="wrong"))
    assert not s3.is_healthy(replace(record, port=1), secrets)
    monkeypatch.setattr(s3, "BUCKET", "another")
    assert not s3.is_healthy(record, secrets)


PROXIED = """
import json, sys
from pathlib import Path
from deltalake import DeltaTable
from shop_assets.stack import embedded
from shop_assets.stack.endpoints import resolve_endpoints
home = Path(sys.argv[1])
where = resolve_endpoints(home, {})
found = DeltaTable.is_deltatable(f"{where.s3_url}/lake/none", where.storage_options())
print(json.dumps([found, *(service.healthy for service in embedded.status(home))]))
"""


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_what_is_on_this_machine_is_asked_without_a_proxy_of_the_environment(
    home: Path, where: Endpoints, variable: str
) -> None:
    # In a process of its own: Rust's clients read the environment once.
    known = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROXIED, str(home)],
        env=known | {variable: "http://127.0.0.1:1"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == [False, True, True, True]


def test_the_variables_of_a_stack_name_the_stack_itself(home: Path, where: Endpoints) -> None:
    assert resolve_endpoints(home, where.environment()) == where
    assert resolve_endpoints(home / "elsewhere", where.environment()) == where
    old = {
        **where.environment(),
        "SHOP_POSTGRES_URL": where.postgres_url.replace("@127.0.0.1:", "@127.0.0.1:1"),
        "SHOP_S3_ENDPOINT": "http://127.0.0.1:1",
        "SHOP_REDIS_URL": str(where.redis_url).replace("@127.0.0.1:", "@127.0.0.1:1"),
    }
    assert resolve_endpoints(home, old) == where, "a port that has changed since is no other server"


def test_what_is_printed_of_endpoints_holds_no_credential(where: Endpoints) -> None:
    assert repr(where) == (
        f"Endpoints(s3_url='s3://shop', s3_endpoint='{where.s3_endpoint}', s3_region='us-east-1')"
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_server_that_was_killed_comes_back_where_it_was_with_its_data(
    name: str, home: Path, where: Endpoints
) -> None:
    remember(where, name)
    before = pids(home)
    kill(before[name])
    dead = {s.name: (s.running, s.healthy) for s in embedded.status(home)}
    assert dead == {n: (n != name, n != name) for n in NAMES}
    assert embedded.start(home, environ={}, durable=False) == where
    after = pids(home)
    assert {n for n in NAMES if after[n] != before[n]} == {name}
    assert remembered(where) == (name, name.encode())
    assert cache(where).ping()


def test_after_a_crash_of_all_at_once_everything_is_there_again(
    home: Path, where: Endpoints
) -> None:
    remember(where, "all")
    for process in processes(home):
        process.kill()
    psutil.wait_procs(processes(home), timeout=10)
    assert embedded.start(home, environ={}, durable=False) == where
    assert remembered(where) == ("all", b"all")


def test_a_busy_child_of_a_killed_postgresql_does_not_keep_the_next_from_starting(
    home: Path, where: Endpoints
) -> None:
    remember(where, "busy")
    thread = threading.Thread(target=_work_until_cut_off, args=(where.postgres_url,))
    thread.start()
    active = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%generate_series(1,%'"
    while query(str(where.postgres_admin_url), active) == 1:
        time.sleep(0.02)
    kill(pids(home)["postgres"])
    assert embedded.start(home, environ={}, durable=False) == where
    thread.join(10)
    assert not thread.is_alive()
    assert remembered(where)[0] == "busy"


def _work_until_cut_off(url: str) -> None:
    with pytest.raises((psycopg2.OperationalError, psycopg2.InterfaceError)):
        query(url, "SELECT count(*) FROM generate_series(1, 10000000000) AS n WHERE n % 7 = 3")


def test_servers_whose_state_file_was_lost_are_ended_and_their_data_kept(
    home: Path, where: Endpoints
) -> None:
    remember(where, "orphan")
    before = pids(home)
    (stack_dir(home) / "state.json").unlink()
    assert embedded.status(home)[0].running is False
    again = embedded.start(home, environ={}, durable=False)
    assert not [pid for pid in before.values() if pid and psutil.pid_exists(pid)]
    assert remembered(again) == ("orphan", b"orphan")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        query(again.postgres_url.replace(_password(again), _password(where)), "SELECT 1")


def _password(where: Endpoints) -> str:
    return str(psycopg2.extensions.parse_dsn(where.postgres_url)["password"])


def test_a_clean_stop_leaves_no_process_and_a_database_that_needs_no_recovery(
    home: Path, where: Endpoints
) -> None:
    put(where, "last", b"written just before")
    remember(where, "stopped")
    known = state.load(home)
    assert known is not None
    of_s3 = [f"-{port}.sock" for port in known.services["s3"].other_ports]
    began = time.monotonic()
    assert embedded.stop(home) == list(NAMES)
    left = [path.name for path in Path("/tmp").glob("*.sock")]  # noqa: S108
    assert not [name for name in left if name.endswith(tuple(of_s3))]
    assert time.monotonic() - began < 5
    assert not processes(home)
    assert not any(service.running or service.pid for service in embedded.status(home))
    control = subprocess.run(
        [postgres._BIN / "pg_controldata", stack_dir(home) / "postgres"],
        capture_output=True, text=True, check=True, env={"LC_ALL": "C"},
    )  # fmt: skip
    assert "Database cluster state:               shut down\n" in control.stdout
    assert embedded.stop(home) == []
    # Another test's server may have got a port within these seconds; then its server has others.
    free = {
        name: each
        for name, each in known.services.items()
        if all(map(is_free, (each.port, *each.other_ports)))
    }
    again = embedded.start(home, environ={}, durable=False)
    now = state.load(home)
    assert now is not None
    for name, each in free.items():
        assert (now.services[name].port, now.services[name].other_ports) == (
            each.port,
            each.other_ports,
        )
    assert again == where or len(free) < len(NAMES)
    assert remembered(again) == ("stopped", b"stopped")
    assert get(again, "last") == b"written just before"


def test_a_server_whose_port_was_taken_meanwhile_moves_to_another(
    home: Path, where: Endpoints
) -> None:
    remember(where, "moved")
    port = int(psycopg2.extensions.parse_dsn(where.postgres_url)["port"])
    kill(pids(home)["postgres"])
    with socket.create_server(("127.0.0.1", port)):
        moved = embedded.start(home, environ={}, durable=False)
        assert f":{port}/" not in moved.postgres_url
        assert remembered(moved) == ("moved", b"moved")
        assert resolve_endpoints(home, where.environment()).postgres_url == moved.postgres_url


def test_of_two_commands_that_start_at_once_one_starts_and_the_other_finds_it(
    home: Path, where: Endpoints
) -> None:
    kill(pids(home)["redis"])
    kill(pids(home)["postgres"])
    program = (
        "import sys, pathlib; from shop_assets.stack import embedded\n"
        "home = pathlib.Path(sys.argv[1])\n"
        "embedded.start(home, environ={}, durable=False)\n"
        "print([s.pid for s in embedded.status(home) if s.healthy])\n"
    )
    commands = [
        subprocess.Popen([sys.executable, "-c", program, home], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [command.communicate(timeout=60)[0] for command in commands]
    assert [command.returncode for command in commands] == [0, 0]
    assert said[0] == said[1] == f"{list(pids(home).values())}\n"
    parents = [p for p in processes(home) if not p.cmdline()[0].startswith("postgres: ")]
    assert sorted(p.pid for p in parents) == sorted(filter(None, pids(home).values()))
