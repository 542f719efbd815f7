"""Steps that do not depend on each other run side by side, and as one process's otherwise."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dagster import (
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    Definitions,
    ExecuteInProcessResult,
    RetryRequested,
    asset,
    define_asset_job,
)
from dagster._core.execution.plan.active import ActiveExecution

from shop_assets.dagster_storage.threads import AT_ONCE, execute_here, threads

QUIET = {
    "telemetry": {"enabled": False},
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    },
}


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(overrides=QUIET) as made:
        yield made


def run(
    instance: DagsterInstance, *made: Callable[[], Any], only: tuple[str, ...] = ()
) -> ExecuteInProcessResult:
    job = define_asset_job("all_of_them", "*")
    declared = Definitions(assets=list(made), jobs=[job], executor=threads)  # type: ignore[arg-type]
    return execute_here(
        declared.resolve_job_def("all_of_them"),
        instance,
        str(uuid.uuid4()),
        tags={"asked": "by a test"},
        assets=[AssetKey(name) for name in only],
    )


def happened(result: ExecuteInProcessResult, kind: DagsterEventType) -> list[str | None]:
    return [event.step_key for event in result.all_events if event.event_type == kind]


def join(step: str) -> None:
    """Wait for a step that was left behind."""
    for thread in threading.enumerate():
        if thread.name == step:
            thread.join(60)


def test_steps_that_wait_for_each_other_meet(instance: DagsterInstance) -> None:
    meeting = threading.Barrier(2, timeout=60)

    @asset
    def orders() -> None:
        meeting.wait()

    @asset
    def web_events() -> None:
        meeting.wait()

    assert run(instance, orders, web_events).success


def test_no_more_than_declared_run_at_once_and_all_in_this_process(
    instance: DagsterInstance,
) -> None:
    changing = threading.Lock()
    meeting = threading.Barrier(AT_ONCE, timeout=60)
    running, most, processes = 0, 0, set()

    def work() -> None:
        nonlocal running, most
        with changing:
            running += 1
            most = max(most, running)
            processes.add(os.getpid())
        meeting.wait()
        time.sleep(0.05)
        with changing:
            running -= 1

    made = [asset(name=f"asset_{n}")(work) for n in range(2 * AT_ONCE)]
    assert run(instance, *made).success
    assert most == AT_ONCE
    assert processes == {os.getpid()}


def test_a_step_begins_after_those_that_it_reads(instance: DagsterInstance) -> None:
    order: list[str] = []
    alongside = threading.Event()

    @asset
    def raw() -> None:
        alongside.wait(60)
        order.append("raw")

    @asset(deps=[raw])
    def clean() -> None:
        order.append("clean")

    @asset
    def other() -> None:
        order.append("other")
        alongside.set()

    assert run(instance, raw, clean, other).success
    assert order == ["other", "raw", "clean"]


def test_of_steps_that_are_ready_the_more_urgent_begins_first(instance: DagsterInstance) -> None:
    begun: list[str] = []

    def named(name: str, **more: Any) -> Any:
        return asset(name=name, **more)(lambda: begun.append(name))

    made = [named(f"a{n}") for n in range(5)]
    assert run(instance, *made, named("z", op_tags={"dagster/priority": "1"})).success
    assert begun.index("z") < AT_ONCE


def test_what_a_failed_step_feeds_is_left_out_and_the_rest_is_done(
    instance: DagsterInstance,
) -> None:
    @asset
    def raw() -> None:
        raise ValueError("the source is gone")

    @asset(deps=[raw])
    def clean() -> None: ...

    @asset
    def other() -> None:
        time.sleep(0.1)

    result = run(instance, raw, clean, other)
    assert not result.success
    assert happened(result, DagsterEventType.STEP_FAILURE) == ["raw"]
    assert happened(result, DagsterEventType.STEP_SUCCESS) == ["other"]
    assert happened(result, DagsterEventType.STEP_START).count("clean") == 0


def test_a_step_that_asks_for_it_is_tried_again_while_others_run(
    instance: DagsterInstance,
) -> None:
    tries: list[float] = []

    @asset
    def flaky() -> None:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise RetryRequested(max_retries=2, seconds_to_wait=0.2)

    @asset
    def other() -> None:
        time.sleep(0.1)

    result = run(instance, flaky, other)
    assert result.success
    assert len(tries) == 3
    assert tries[1] - tries[0] >= 0.2
    assert happened(result, DagsterEventType.STEP_UP_FOR_RETRY) == ["flaky", "flaky"]


def test_a_step_is_tried_again_when_it_is_due_although_nothing_else_happens(
    instance: DagsterInstance,
) -> None:
    again = threading.Event()

    @asset
    def flaky() -> None:
        if not again.is_set():
            again.set()
            raise RetryRequested(max_retries=1, seconds_to_wait=0.1)
        succeeded.set()

    succeeded = threading.Event()

    @asset
    def silent() -> None:
        assert succeeded.wait(60), "the other one waits until this one is done"

    assert run(instance, flaky, silent).success


def test_a_run_that_is_to_end_does_not_wait_for_a_step_to_be_tried_again(
    instance: DagsterInstance,
) -> None:
    tried: list[float] = []

    @asset
    def flaky() -> None:
        tried.append(time.monotonic())
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        raise RetryRequested(max_retries=1, seconds_to_wait=20)

    assert not run(instance, flaky).success
    assert len(tried) == 1
    assert time.monotonic() - tried[0] < 15


def test_an_interrupted_step_ends_the_run_at_once(instance: DagsterInstance) -> None:
    released = threading.Event()

    @asset
    def interrupted() -> None:
        raise KeyboardInterrupt

    @asset
    def waits() -> None:
        released.wait(60)

    try:
        assert not run(instance, interrupted, waits).success
        assert not released.is_set(), "it waits for no other step"
    finally:
        released.set()
        join("waits")
    (record,) = instance.get_run_records()
    assert record.dagster_run.status == DagsterRunStatus.FAILURE


def test_a_run_that_is_to_end_ends_at_once(instance: DagsterInstance) -> None:
    """As Dagster's daemon ends one that a user terminates: by a signal to its process."""
    begun, released = threading.Event(), threading.Event()

    @asset
    def waits() -> None:
        begun.set()
        released.wait(60)

    def end() -> None:
        begun.wait(60)
        (record,) = instance.get_run_records()
        instance.report_run_canceling(record.dagster_run)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=end, daemon=True).start()
    before = time.monotonic()
    try:
        assert not run(instance, waits).success
        assert time.monotonic() - before < 15, "it does not wait for the step"
    finally:
        released.set()
        join("waits")
    (record,) = instance.get_run_records()
    assert record.dagster_run.status == DagsterRunStatus.CANCELED


def test_a_run_has_its_tags_its_assets_and_its_events(instance: DagsterInstance) -> None:
    @asset
    def wanted() -> int:
        return 1

    @asset
    def left_out() -> None: ...

    result = run(instance, wanted, left_out, only=("wanted",))
    assert happened(result, DagsterEventType.STEP_SUCCESS) == ["wanted"]
    kept = instance.get_run_by_id(result.run_id)
    assert kept is not None
    assert kept.tags["asked"] == "by a test"
    assert kept.asset_selection == {AssetKey("wanted")}
    (made,) = instance.fetch_materializations(AssetKey("wanted"), limit=5).records
    assert made.run_id == result.run_id


def test_it_does_not_look_for_work_over_and_over_while_steps_run(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = 0
    look = ActiveExecution.get_steps_to_execute

    def counted(self: ActiveExecution, *given: Any) -> Any:
        nonlocal looked
        looked += 1
        return look(self, *given)

    monkeypatch.setattr(ActiveExecution, "get_steps_to_execute", counted)

    @asset
    def slow() -> None:
        time.sleep(0.5)

    assert run(instance, slow).success
    assert looked < 30


PRINTS = """
import os, uuid
from dagster import DagsterInstance, Definitions, asset, define_asset_job
from shop_assets.dagster_storage import execute_here, threads

@asset
def speaks():
    os.write(1, b"said by a step")

made = Definitions([speaks], jobs=[define_asset_job("all", "*")], executor=threads)
with DagsterInstance.local_temp(overrides={"telemetry": {"enabled": False}}) as instance:
    result = execute_here(made.resolve_job_def("all"), instance, str(uuid.uuid4()), tags={})
    (kept,) = [
        e.logs_captured_data for e in result.all_events if e.event_type_value == "LOGS_CAPTURED"
    ]
    assert kept.step_keys == ["speaks"]
    key = instance.compute_log_manager.build_log_key_for_run(result.run_id, kept.file_key)
    assert b"said by a step" in instance.compute_log_manager.get_log_data(key).stdout
"""


def test_what_steps_print_is_kept_where_the_instance_wants_it() -> None:
    """In a process of its own: Dagster's that mirror its output end with it."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRINTS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
