"""A server that does not come up says why; one that does not end is ended."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from shop_assets.stack import embedded, process
from shop_assets.stack.state import StackError, prepare_home
from shop_assets_tests.stack.servers import pids, processes

POSTGRES_ONLY = {"SHOP_S3_URL": "s3://bucket", "SHOP_REDIS_URL": "redis://:p@cache/0"}
REDIS_ONLY = {
    "SHOP_S3_URL": "s3://bucket",
    "SHOP_POSTGRES_URL": "postgresql://u:p@db/warehouse",
}


def test_a_server_that_ends_while_starting_is_named_with_its_last_words(tmp_path: Path) -> None:
    data = prepare_home(tmp_path) / "postgres"
    data.mkdir()
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(StackError) as refusal:
        embedded.start(tmp_path, environ=POSTGRES_ONLY, durable=False)
    said = str(refusal.value)
    assert said.startswith("PostgreSQL ended with code ")
    assert f"its log {tmp_path}/stack/postgres.log ends with: " in said
    assert "\n" not in said
    assert not processes(tmp_path)


def test_a_folder_that_holds_other_things_is_no_database(tmp_path: Path) -> None:
    data = prepare_home(tmp_path) / "postgres"
    data.mkdir()
    (data / "thesis.doc").touch()
    with pytest.raises(StackError, match=r"/postgres: PostgreSQL's data folder cannot be made: .+"):
        embedded.start(tmp_path, environ=POSTGRES_ONLY, durable=False)
    assert [p.name for p in data.iterdir()] == ["thesis.doc"]


def test_where_one_server_fails_the_others_are_ended_again(tmp_path: Path) -> None:
    data = prepare_home(tmp_path) / "postgres"
    data.mkdir()
    (data / "thesis.doc").touch()
    only_s3 = {"SHOP_S3_URL": "s3://bucket"}
    with (
        pytest.raises(StackError, match="data folder cannot be made"),
        embedded.running(tmp_path, environ=only_s3, durable=False),
    ):
        pass
    assert (tmp_path / "stack" / "redis.log").exists(), "Redis did run"
    assert not processes(tmp_path)


def test_a_stack_that_ran_before_runs_on(tmp_path: Path) -> None:
    with embedded.running(tmp_path, environ=REDIS_ONLY):
        before = pids(tmp_path)
        with embedded.running(tmp_path, environ=REDIS_ONLY):
            pass
        assert pids(tmp_path) == before
        assert before["redis"]
    assert not processes(tmp_path)


def test_a_log_is_closed_to_others_and_does_not_grow_for_ever(tmp_path: Path) -> None:
    log = prepare_home(tmp_path) / "redis.log"
    log.write_bytes(b"x" * (process.LOG_LIMIT + 1))
    with embedded.running(tmp_path, environ=REDIS_ONLY):
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert 0 < log.stat().st_size < 100_000
    assert log.with_suffix(".log.1").stat().st_size == process.LOG_LIMIT + 1


def test_a_process_that_does_not_heed_a_signal_gets_the_next() -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True);"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        process.end(child.pid, [(signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0)])
        assert not psutil.pid_exists(child.pid)
    process.end(child.pid, [(signal.SIGKILL, 5.0)])


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"^/none/weed cannot be started \(No such file"):
        process.spawn(["/none/weed"], log=tmp_path / "weed.log", cwd=tmp_path)


def test_a_server_that_never_answers_is_named_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "mute.log"
    words = [sys.executable, "-c", "import time; print('waiting', flush=True); time.sleep(60)"]
    mute = process.spawn(words, log=log, cwd=tmp_path)
    try:
        with pytest.raises(StackError) as refusal:
            process.wait_until(lambda: False, mute, name="Mute", log=log, log_start=0, timeout=0.5)
    finally:
        process.end(mute.pid, [(signal.SIGKILL, 5.0)])
    assert str(refusal.value).startswith(f"Mute was not ready after 0 seconds; its log {log} ends")


def test_free_ports_are_different_and_below_those_that_connections_take() -> None:
    ports = process.free_ports(20)
    assert len(set(ports)) == 20
    assert all(20_000 <= port < 32_000 for port in ports)
