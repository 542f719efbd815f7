"""An executor that runs the steps of a run in one process, some of them at a time, in threads.

Dagster's own either run one step after another, and let every other core wait for it, or start a
process for each, which costs seconds before any work. Most of a step is work of Arrow's, the
servers' or the disk's, for which Python's lock is free: what does not depend on each other, such as
orders and web events, is loaded side by side.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from dagster import (
    AssetKey,
    DagsterEvent,
    DagsterInstance,
    ExecuteInProcessResult,
    Executor,
    Field,
    InitExecutorContext,
    JobDefinition,
    executor,
)
from dagster import _check as check
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.errors import raise_execution_interrupts
from dagster._core.events import EngineEventData
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.context.system import (
    PlanExecutionContext,
    PlanOrchestrationContext,
    StepExecutionContext,
)
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.execute_in_process import core_execute_in_process
from dagster._core.execution.plan.execute_plan import dagster_event_sequence_for_step
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._utils.error import serializable_error_info_from_exc_info

AT_ONCE = 3
"""Steps at a time: two compute while one waits for a server, most of the time. A fourth takes more
memory and no less time."""
_MOMENT = 0.01


@dataclass(frozen=True)
class _Ended:
    """A step that says no more. `error`: what it raised instead of telling of it as an event."""

    step: str
    error: BaseException | None


class ThreadsExecutor(Executor):
    """Runs up to `at_once` steps of a run at the same time, each in a thread.

    Retries and pools are as with Dagster's own executors; hooks are not called.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once

    @property
    def retries(self) -> RetryMode:
        """Steps that ask for it are tried again within the run."""
        return RetryMode.ENABLED

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Run the plan; yields what happens, as it does."""
        yield DagsterEvent.engine_event(
            plan_context,
            f"Executing steps in process (pid: {os.getpid()}), up to {self._at_once} at a time",
            EngineEventData.in_process(os.getpid(), execution_plan.step_keys_to_execute),
        )
        yield from ExecuteRunWithPlanIterable(
            execution_plan=execution_plan,
            iterator=self._run,
            execution_context_manager=PlanExecutionContextManager(
                job=plan_context.job,
                retry_mode=plan_context.retry_mode,
                execution_plan=execution_plan,
                run_config=plan_context.run_config,
                dagster_run=plan_context.dagster_run,
                instance=plan_context.instance,
                raise_on_error=plan_context.raise_on_error,
                output_capture=plan_context.output_capture,
            ),
        )

    def _run(
        self, job_context: PlanExecutionContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        with ExitStack() as captured:
            yield from _capture(captured, job_context, execution_plan)
            yield from self._run_steps(job_context, execution_plan)

    def _run_steps(
        self, context: PlanExecutionContext, plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        told: SimpleQueue[DagsterEvent | _Ended] = SimpleQueue()
        with (
            InstanceConcurrencyContext(context.instance, context.dagster_run) as pools,
            plan.start(context.retry_mode, None, self._at_once, None, pools) as active,
        ):
            running = 0
            while not active.is_complete:
                for step in active.get_steps_to_execute():
                    _start(context.for_step(step, active.get_known_state()), told)
                    running += 1
                yield from active.concurrency_event_iterator(context)
                # Until something happens, or a step is to be tried again.
                wait = float(active.sleep_interval())  # type: ignore[no-untyped-call]
                heard = _next(told, max(wait, _MOMENT) if wait > 0 or not running else None)
                if heard is None:
                    continue
                if isinstance(heard, DagsterEvent):
                    yield heard
                    active.handle_event(heard)
                    continue
                running -= 1
                if heard.error is not None:
                    # What else is under way goes on, and is fenced like any load that was broken.
                    raise heard.error
                active.verify_complete(context, heard.step)
                yield from active.plan_events_iterator(context)


def _capture(
    until: ExitStack, context: PlanExecutionContext, plan: ExecutionPlan
) -> Iterator[DagsterEvent]:
    """Keep what the process prints, as the instance wants it; a run does not fail for that."""
    manager = context.instance.compute_log_manager
    try:
        key = manager.build_log_key_for_run(context.run_id, "steps")
        kept = until.enter_context(manager.capture_logs(key))
        yield DagsterEvent.capture_logs(context, plan.step_keys_to_execute, key, kept)
    except Exception:  # noqa: BLE001 - whatever a log manager may raise
        error = serializable_error_info_from_exc_info(sys.exc_info())
        said = "What the run prints is not kept"
        yield DagsterEvent.engine_event(context, said, EngineEventData(error=error))


def _next(
    told: SimpleQueue[DagsterEvent | _Ended], seconds: float | None
) -> DagsterEvent | _Ended | None:
    """What is told next, in so many seconds; interrupts reach the main thread alone, here."""
    with raise_execution_interrupts(), suppress(Empty):
        return told.get(timeout=seconds)
    return None


def _start(step: StepExecutionContext, told: SimpleQueue[DagsterEvent | _Ended]) -> None:
    """Run a step in a thread, which does not keep the process from ending."""

    def run() -> None:
        error = None
        try:
            for event in dagster_event_sequence_for_step(step):
                told.put(event)
        except BaseException as raised:  # noqa: BLE001 - it is raised where the run is
            error = raised
        told.put(_Ended(step.step.key, error))

    threading.Thread(target=run, name=step.step.key, daemon=True).start()


@executor(name="threads", config_schema={"at_once": Field(int, default_value=AT_ONCE)})
def threads(context: InitExecutorContext) -> Executor:
    """Some steps at a time, in threads of the run's process. `at_once`: how many."""
    return ThreadsExecutor(check.int_elem(context.executor_config, "at_once"))


def execute_here(
    job: JobDefinition,
    instance: DagsterInstance,
    run_id: str,
    *,
    tags: Mapping[str, str],
    assets: Sequence[AssetKey] = (),
) -> ExecuteInProcessResult:
    """Run a job (or some assets of it) in this process, by the executor that it declares.

    Dagster's `execute_in_process` takes an executor of its own instead, and holds the outputs of
    all steps until the run's end.
    """
    chosen = frozenset(assets)
    return core_execute_in_process(
        job=InMemoryJob(job.get_subset(asset_selection=chosen) if chosen else job),
        run_config={},
        instance=instance,
        output_capturing_enabled=False,
        raise_on_error=False,
        run_tags=tags,
        run_id=run_id,
        asset_selection=chosen,
    )
