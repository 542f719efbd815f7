"""What steps say is written together, soon, in its order, and missed by nobody."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import pytest
from dagster import DagsterEventType, DagsterInstance

from shop_assets.dagster_storage import waiting
from shop_assets.dagster_storage.event_log import BatchingPostgresEventLogStorage
from shop_assets.dagster_storage.rows import Stored
from shop_assets.dagster_storage.waiting import WaitingRows
from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.dagster_storage.conftest import OURS, RUN, dagster, said

SAYING = """
import atexit, sys, threading
from dagster import DagsterInstance
from shop_assets_tests.dagster_storage.conftest import said
storage = DagsterInstance.from_config(sys.argv[1]).event_log_storage
step = threading.Thread(target=lambda: storage.store_event(said("last words")), daemon=True)
step.start()
step.join()
atexit.register(lambda: storage.store_event(said("and one more")))
"""


def row(number: int) -> Stored:
    return Stored(said(str(number)), {"number": number})


def numbers(rows: Sequence[Stored]) -> list[int]:
    return [each.row["number"] for each in rows]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written before it is asked for."""
    monkeypatch.setattr(waiting, "MOMENT", 3600.0)


@pytest.fixture
def instance(stack: Endpoints, tmp_path: Path) -> Iterator[DagsterInstance]:
    with dagster(stack, tmp_path, OURS, "1000") as made:
        yield made
        made.event_log_storage.delete_events(RUN)


@pytest.fixture
def elsewhere(instance: DagsterInstance, tmp_path: Path) -> Iterator[DagsterInstance]:
    """The same instance, as another process has it."""
    with DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


def messages(instance: DagsterInstance) -> list[str]:
    return [entry.user_message for entry in instance.all_logs(RUN)]


def test_what_is_said_within_a_moment_is_written_at_once_in_its_order() -> None:
    written: list[list[int]] = []
    done = threading.Event()

    def write(rows: Sequence[Stored]) -> None:
        written.append(numbers(rows))
        done.set()

    rows = WaitingRows(write)
    for number in range(100):
        rows.add([row(number)])
    assert done.wait(60)
    rows.settle()
    assert list(chain.from_iterable(written)) == list(range(100))
    assert len(written) < 10


@pytest.mark.usefixtures("patient")
def test_from_a_thousand_rows_on_nobody_waits() -> None:
    written: list[list[int]] = []
    rows = WaitingRows(lambda given: written.append(numbers(given)))
    rows.add([row(number) for number in range(999)])
    assert not written
    rows.add([row(999)])
    assert written == [list(range(1000))]


@pytest.mark.usefixtures("patient")
def test_what_could_not_be_written_waits_on_and_whoever_asks_is_told() -> None:
    written: list[list[int]] = []
    fails = True

    def write(given: Sequence[Stored]) -> None:
        if fails:
            raise ConnectionError("the server is away")
        written.append(numbers(given))

    rows = WaitingRows(write)
    rows.add([row(1), row(2)])
    for _ in range(2):
        with pytest.raises(ConnectionError, match="is away"):
            rows.settle()
    rows.add([row(3)])
    fails = False
    rows.settle()
    rows.settle()
    assert written == [[1, 2, 3]]


@pytest.mark.usefixtures("patient")
def test_what_nobody_asks_for_is_written_without_patience() -> None:
    written: list[str] = []
    rows = WaitingRows(lambda _: written.append("patiently"), lambda _: written.append("at once"))
    rows.add([row(1)])
    rows.settle_unasked()
    rows.add([row(2)])
    rows.settle()
    assert written == ["at once", "patiently"]


@pytest.mark.usefixtures("patient")
def test_a_process_that_ends_does_not_wait_for_a_writer_who_waits_for_a_server() -> None:
    begun, released = threading.Event(), threading.Event()
    written: list[list[int]] = []

    def write(given: Sequence[Stored]) -> None:
        begun.set()
        released.wait(60)
        written.append(numbers(given))

    rows = WaitingRows(write)
    rows.add([row(1)])
    writer = threading.Thread(target=rows.settle)
    writer.start()
    assert begun.wait(60)
    rows.add([row(2)])
    rows.settle_unasked(0.1)
    assert not written
    released.set()
    writer.join()
    rows.settle()
    assert written == [[1], [2]]


def test_a_moment_that_fails_ends_nobody_and_is_tried_again() -> None:
    tried = threading.Event()
    written: list[list[int]] = []
    fails = True

    def write(given: Sequence[Stored]) -> None:
        if fails:
            tried.set()
            raise ConnectionError("the server is away")
        written.append(numbers(given))

    rows = WaitingRows(write)
    rows.add([row(1)])
    assert tried.wait(60)
    fails = False
    rows.add([row(2)])
    rows.settle()
    assert written == [[1, 2]]


def test_where_nobody_asks_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "AGAIN", 0.01)
    written: list[list[int]] = []
    done = threading.Event()
    attempts = iter([True, True, False])

    def write(given: Sequence[Stored]) -> None:
        if next(attempts):
            raise ConnectionError("the server is away")
        written.append(numbers(given))
        done.set()

    WaitingRows(write).add([row(1)])
    assert done.wait(60)
    assert written == [[1]]


@pytest.mark.usefixtures("patient")
def test_a_row_that_cannot_be_stored_is_refused_alone_and_who_writes_next_is_told() -> None:
    written: list[list[int]] = []

    def write(given: Sequence[Stored]) -> None:
        if 2 in numbers(given):
            raise ValueError("no such text")
        written.append(numbers(given))

    rows = WaitingRows(write)
    rows.add([row(1), row(2), row(3)])
    rows.settle()
    assert written == [[1], [3]]
    with pytest.raises(ValueError, match="no such text"):
        rows.write_now(lambda: written.append([4]))
    rows.write_now(lambda: written.append([5]))
    assert written == [[1], [3], [5]]


@pytest.mark.usefixtures("patient")
def test_a_server_that_goes_away_between_single_rows_leaves_the_rest_waiting() -> None:
    written: list[list[int]] = []
    away = True

    def write(given: Sequence[Stored]) -> None:
        if len(given) > 1 and away:
            raise ValueError("no such text")
        if numbers(given) == [2] and away:
            raise ConnectionError("the server is away")
        written.append(numbers(given))

    rows = WaitingRows(write)
    rows.add([row(1), row(2), row(3)])
    with pytest.raises(ConnectionError):
        rows.settle()
    away = False
    rows.settle()
    assert written == [[1], [2, 3]]


@pytest.mark.usefixtures("patient")
def test_what_is_written_at_once_stands_before_what_is_added_meanwhile() -> None:
    written: list[list[int]] = []
    rows = WaitingRows(lambda given: written.append(numbers(given)))

    def write() -> None:
        rows.add([row(2)])
        other = threading.Thread(target=rows.settle)
        other.start()
        other.join(0.2)
        written.append([1])

    rows.add([row(0)])
    rows.write_now(write)
    rows.settle()
    assert written == [[0], [1], [2]]


@pytest.mark.usefixtures("patient")
def test_a_forked_process_writes_nothing_of_its_parents() -> None:
    written: list[list[int]] = []
    rows = WaitingRows(lambda given: written.append(numbers(given)))
    rows.add([row(1)])
    child = os.fork()
    if not child:
        rows.settle()
        rows.add([row(2)])
        rows.settle()
        os._exit(0 if written == [[2]] else 1)
    assert os.waitpid(child, 0)[1] == 0
    rows.settle()
    assert written == [[1]]


@pytest.mark.usefixtures("patient")
def test_whoever_asks_the_storage_misses_nothing(
    instance: DagsterInstance, elsewhere: DagsterInstance
) -> None:
    instance.event_log_storage.store_event(said("first"))
    instance.event_log_storage.store_event(said("second"))
    assert messages(elsewhere) == []
    assert messages(instance) == ["first", "second"]
    assert messages(elsewhere) == ["first", "second"]


@pytest.mark.usefixtures("patient")
def test_the_runs_own_events_are_stored_at_once_after_what_its_steps_have_said(
    instance: DagsterInstance, elsewhere: DagsterInstance
) -> None:
    instance.event_log_storage.store_event(said("first"))
    ended = said("ended", step=None, kind=DagsterEventType.RUN_SUCCESS.value)
    instance.event_log_storage.store_event(ended)
    assert messages(elsewhere) == ["first", "ended"]


def test_others_see_it_soon(instance: DagsterInstance, elsewhere: DagsterInstance) -> None:
    instance.event_log_storage.store_event(said("first"))
    deadline = time.monotonic() + 60
    while not messages(elsewhere) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert messages(elsewhere) == ["first"]


@pytest.mark.usefixtures("patient")
def test_an_instance_that_is_given_back_has_written_everything(
    instance: DagsterInstance, elsewhere: DagsterInstance
) -> None:
    elsewhere.event_log_storage.store_event(said("first"))
    elsewhere.dispose()
    assert messages(instance) == ["first"]


def test_a_process_that_ends_has_written_everything(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SAYING, str(tmp_path)], check=True, timeout=600
    )
    assert messages(instance) == ["last words", "and one more"]


def test_an_event_that_no_server_takes_hides_no_other(instance: DagsterInstance) -> None:
    storage = instance.event_log_storage
    storage.store_event(said("first"))
    storage.store_event(said("broken", step="a\x00b"))
    storage.store_event(said("last"))
    assert messages(instance) == ["first", "last"]
    ended = said("ended", step=None, kind=DagsterEventType.RUN_SUCCESS.value)
    with pytest.raises(ValueError, match="NUL"):
        storage.store_event(ended)
    storage.store_event(ended)
    assert messages(instance) == ["first", "last", "ended"]


@pytest.mark.usefixtures("patient")
def test_rows_and_what_is_kept_of_them_are_stored_together_or_not_at_all(
    instance: DagsterInstance, elsewhere: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, BatchingPostgresEventLogStorage)
    storage.store_event(said("first"))
    with monkeypatch.context() as broken:
        broken.setattr(storage, "_aim_checks", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            messages(instance)
        assert messages(elsewhere) == []
    assert messages(instance) == messages(elsewhere) == ["first"]
