"""The home folder of the stack, and what is said of one that cannot be used."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shop_assets.errors import UserError
from shop_assets.stack import embedded, state
from shop_assets.stack.endpoints import resolve_endpoints
from shop_assets.stack.state import StackError, stack_dir

WHOLE = {"redis": "hunter2", "s3_access_key": "", "s3_secret_key": "", "s3_signing_key": ""}
NOTHING_TO_START = {
    "SHOP_POSTGRES_URL": "postgresql://u:p@db/warehouse",
    "SHOP_S3_URL": "s3://bucket",
    "SHOP_REDIS_URL": "redis://:p@cache/0",
}
COMMANDS: dict[str, Callable[[Path], object]] = {
    "start": lambda home: embedded.start(home, environ=NOTHING_TO_START),
    "stop": embedded.stop,
    "status": embedded.status,
    "env": lambda home: resolve_endpoints(home, {}),
}


@contextmanager
def without_rights() -> Iterator[None]:
    """As a user whom file modes concern."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


def sentence(command: str, home: Path) -> str:
    with pytest.raises(UserError) as refusal:
        COMMANDS[command](home)
    said = str(refusal.value)
    assert "\n" not in said
    assert "hunter2" not in said
    assert refusal.value.__cause__ is None
    return said


def write(home: Path, text: str) -> Path:
    folder = state.prepare_home(home)
    (folder / "state.json").write_text(text)
    return folder / "state.json"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_home_of_another_user_is_refused(command: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    path = write(home, "{}")
    home.chmod(0)
    try:
        with without_rights():
            said = sentence(command, home)
    finally:
        home.chmod(0o700)
    assert said.startswith(f"{home}")
    assert "set SHOP_HOME" in said
    assert path.read_text() == "{}"


def test_a_home_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = sentence("start", tmp_path / "file" / "home")
    assert said.startswith(f"{tmp_path}/file/home: the home folder of the stack cannot be made (No")
    assert embedded.stop(tmp_path / "file" / "home") == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_state_of_another_release_is_left_alone(command: str, tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({"version": 2, "secrets": WHOLE}))
    before = path.read_bytes()
    assert sentence(command, tmp_path) == (
        f"{path} has version 2, expected 1: it was written by another release of shop-assets."
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"version": 1, "secrets": "hunter2',
        '["hunter2"]',
        '{"version": 1}',
        '{"version": 1, "secrets": {"hunter2": 1}, "services": {}}',
        json.dumps({"version": 1, "secrets": {**WHOLE, "postgres": {}}, "services": ["x"]}),
    ],
)
def test_a_state_file_that_is_none_is_left_alone(text: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    said = sentence("start", tmp_path)
    assert said.startswith(f"{path} is not a state file of the stack (")
    assert said.endswith("move it away and run `shop-assets stack up` to make new credentials.")
    assert path.read_text() == text


def test_a_start_waits_for_another_and_says_so_when_it_does_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "LOCK_TIMEOUT", 0.2)
    folder = state.prepare_home(tmp_path)
    with (folder / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(StackError, match=r"/lock: another command has been starting or stopp"):
            embedded.start(tmp_path, environ=NOTHING_TO_START)
    assert not (folder / "state.json").exists()


def test_a_home_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    state.prepare_home(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    state.save(home, state.new())
    assert stat.S_IMODE((stack_dir(home) / "state.json").stat().st_mode) == 0o600


def test_a_state_is_read_as_it_was_written_and_each_has_its_own_credentials(
    tmp_path: Path,
) -> None:
    state.prepare_home(tmp_path)
    written, other = state.new(), state.new()
    state.save(tmp_path, written)
    assert state.load(tmp_path) == written
    assert not set(written.secrets.postgres.values()) & set(other.secrets.postgres.values())
    assert written.secrets.redis != other.secrets.redis


def test_a_recycled_process_id_is_not_taken_for_a_server(tmp_path: Path) -> None:
    state.prepare_home(tmp_path)
    current = state.new()
    current.services["redis"] = state.ServiceRecord(
        pid=os.getpid(), program="redis-server", marker="redis.conf", port=1
    )
    state.save(tmp_path, current)
    assert not any(service.running for service in embedded.status(tmp_path))
    assert embedded.stop(tmp_path) == []
