"""Loading a span of hours, from the sources (or a later layer) to the marts, in this process.

The span is cut into chunks; each chunk is one Dagster run over a range of hours, recorded like any
other, so that the UI shows every partition as materialized. Afterwards the daily marts follow, then
whatever marts the loaded rows have touched outside the span, and the analytics.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from dagster import (
    AssetKey,
    AssetSelection,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    EventLogEntry,
    ExecuteInProcessResult,
)

from shop_assets import partitions
from shop_assets.assets.marts import BY_ORDER, ONLY_STALE
from shop_assets.assets.steps import is_users_mistake
from shop_assets.automation.jobs import BACKFILL, PRIORITY
from shop_assets.automation.layers import FROM_LAYER, Layer
from shop_assets.automation.runs import contiguous, day_range_tags, hour_range_tags, joined
from shop_assets.dagster_storage.threads import execute_here
from shop_assets.errors import RunError, UserError
from shop_assets.partitions import DAY, HOUR, Calendar
from shop_assets.signals import beside_signals
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.progress import missing_hours, rows_loaded

CHUNK_HOURS = 31 * 24
FIRST_CHUNK_HOURS = 24
"""Hours of the first run, before it is known how much an hour brings."""
ROWS_A_RUN = 3_000_000
"""How many rows, beside web events, the next run may load, going by the one before: they are in
memory together while they are merged into the warehouse and summed."""

_TOGETHER = 24
"""Marts of which no more slices than these are touched are computed in one run."""

OnProgress = Callable[[str, float, int], None]
"""Called with what is being done, hours done (with a part of those under way), and hours in all."""


@dataclass
class BackfillReport:
    """What a backfill did, how its checks came out, and how long each kind of run took (seconds).

    `warned`: for each check that did not pass, in how many partitions.
    """

    hours: int = 0
    runs: int = 0
    checks_passed: int = 0
    warned: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def add_checks(self, result: ExecuteInProcessResult) -> None:
        """Count the check results of a run."""
        for evaluation in result.get_asset_check_evaluations():
            if evaluation.passed:
                self.checks_passed += 1
                continue
            name = f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}"
            found = evaluation.metadata.get("failed_partitions")
            partitions_failed = int(str(found.value)) if found is not None else 1
            self.warned[name] = self.warned.get(name, 0) + partitions_failed


OnRun = Callable[[str, tuple[dt.datetime, dt.datetime] | None], None]
"""Called with each run that succeeded, and the hours that it loaded, if it was a chunk's."""


@dataclass(frozen=True)
class _Runs:
    """Where the runs of one backfill are told of."""

    report: BackfillReport
    on_progress: OnProgress
    on_run: OnRun | None

    def add(
        self,
        result: ExecuteInProcessResult,
        job: str,
        seconds: float,
        span: tuple[dt.datetime, dt.datetime] | None,
    ) -> None:
        """Count a run that succeeded."""
        self.report.add_checks(result)
        self.report.runs += 1
        self.report.seconds[job] = self.report.seconds.get(job, 0.0) + seconds
        if self.on_run is not None:
            self.on_run(result.run_id, span)


@dataclass(frozen=True)
class Backfill:
    """A shop's definitions with the instance that records their runs."""

    definitions: Definitions
    instance: DagsterInstance
    calendar: Calendar
    warehouse: Warehouse

    def missing(self, now: dt.datetime) -> list[dt.datetime]:
        """The hours up to now that are not loaded whole."""
        keys = self.definitions.resolve_job_def("hourly").asset_layer.executable_asset_keys
        tables = [key.to_user_string() for key in keys if key.path[0] in ("warehouse", "marts")]
        return missing_hours(self.warehouse, tables, *self.calendar.hours_until(now))

    def load(
        self,
        hours: Iterable[dt.datetime],
        on_progress: OnProgress,
        *,
        layer: Layer = "raw",
        loaded: Iterable[dt.datetime] = (),
        chunk_hours: int = CHUNK_HOURS,
        on_run: OnRun | None = None,
    ) -> BackfillReport:
        """Load hours from a layer on, and everything that follows from them.

        From `raw` the sources are asked; from `clean` what raw keeps is cleaned again, and so on.
        `loaded`: hours of an earlier load that was stopped; their days follow with the others.
        Raises `UserError` for what the user can put right, `RunError` where a step failed for
        another reason or a blocking check did not pass. The chunks before it stay loaded; loading
        the same hours again is safe and converges.
        """
        wanted = sorted(set(hours))
        report = BackfillReport()
        runs = _Runs(report, on_progress, on_run)
        self._load(FROM_LAYER[layer], wanted, chunk_hours, None, runs)
        on_progress("daily marts", report.hours, report.hours)
        days = {self.calendar.day_of(hour) for hour in (*wanted, *loaded)}
        midnights = {partitions.day_slice(day) for day in days}
        for first, last in contiguous(midnights, DAY, CHUNK_HOURS // 24):
            self._execute("daily_marts", day_range_tags(first.date(), last.date()), runs)
        self._follow(runs)
        return report

    def load_open(self, hour: dt.datetime) -> BackfillReport:
        """Load an hour that is not over, with the marts of its day and all that it has touched.

        Analytics are left to those who follow the marts. Raises as `load` does.
        """
        report = BackfillReport(hours=1)
        runs = _Runs(report, lambda *_: None, None)
        self._execute(FROM_LAYER["raw"], hour_range_tags(hour, hour), runs)
        day = self.calendar.day_of(hour)
        self._execute("daily_marts", day_range_tags(day, day), runs)
        self._stale("hourly_marts", runs)
        self._stale("daily_marts", runs)
        return report

    def clean_again(
        self, hours: Iterable[dt.datetime], entities: Iterable[str], on_progress: OnProgress
    ) -> BackfillReport:
        """Clean what raw keeps of these hours again, and load everything that follows from it.

        No source is asked. Hours between those given that are near each other are cleaned too
        (see `runs.joined`). Raises as `load` does.
        """
        wanted = sorted(joined(hours, HOUR))
        report = BackfillReport()
        runs = _Runs(report, on_progress, None)
        self._load("from_clean", wanted, CHUNK_HOURS, self._made_of(entities), runs)
        self._follow(runs)
        return report

    def _made_of(self, entities: Iterable[str]) -> list[AssetKey]:
        """The clean assets of these entities, and what the warehouse makes of them."""
        made = AssetSelection.assets(*(["clean", name] for name in entities)).downstream()
        wanted = made & AssetSelection.groups("clean", "warehouse")
        return sorted(wanted.resolve(self.definitions.resolve_asset_graph()))

    def _follow(self, runs: _Runs) -> None:
        """Compute the marts that loaded rows have touched, and the analytics."""
        hours = runs.report.hours
        runs.on_progress("marts touched", hours, hours)
        self._stale("hourly_marts", runs)
        self._stale("daily_marts", runs)
        if self._has("analytics"):
            runs.on_progress("analytics", hours, hours)
            self._execute("analytics", {}, runs)

    def _load(
        self,
        job: str,
        wanted: Sequence[dt.datetime],
        longest: int,
        assets: Sequence[AssetKey] | None,
        runs: _Runs,
    ) -> None:
        """Runs over these hours in order, of all the job's assets or some.

        Each takes up to `longest` neighbouring hours, and no more rows than memory may hold.
        """
        runs.report.hours = len(wanted)
        done, length = 0, min(longest, FIRST_CHUNK_HOURS)
        while done < len(wanted):
            (first, last), *_ = contiguous(wanted[done : done + length], HOUR, length)
            count = int((last - first) / HOUR) + 1

            def show(
                part: float, day: dt.datetime = first, before: int = done, n: int = count
            ) -> None:
                runs.on_progress(f"{day:%Y-%m-%d}", before + part * n, runs.report.hours)

            show(0.0)
            tags = hour_range_tags(first, last)
            self._execute(job, tags, runs, assets, show, (first, last + HOUR))
            done += count
            loaded = rows_loaded(self.warehouse, first, last + HOUR)
            length = max(1, min(longest, count * ROWS_A_RUN // max(1, loaded)))

    def _has(self, group: str) -> bool:
        return any(group in spec.key.path for spec in self.definitions.resolve_all_asset_specs())

    def _stale(self, job: str, runs: _Runs) -> None:
        """Compute the slices that loaded rows have touched, as far as Dagster has partitions.

        A mart whose slices reach far goes by itself, as do those of which only the orders that have
        moved are computed: the others would be computed in all hours between.
        """
        daily = job == "daily_marts"
        keys = self.definitions.resolve_job_def(job).asset_layer.executable_asset_keys
        frame = self.warehouse.read("SELECT DISTINCT mart, slice FROM meta.stale_slices")
        now = dt.datetime.now(dt.UTC)
        span = self.calendar.day_slices_until if daily else self.calendar.hours_until
        first, after = span(now)
        step, longest = (DAY, CHUNK_HOURS // 24) if daily else (HOUR, CHUNK_HOURS)
        of_job = {key.path[-1]: key for key in keys}
        touched = {
            name: joined((s.to_pydatetime() for s in asked if first <= s < after), step)
            for name in of_job
            if len(asked := frame.loc[frame["mart"] == name, "slice"])
        }
        apart = [n for n, wanted in touched.items() if n in BY_ORDER or len(wanted) > _TOGETHER]
        for names in ([n for n in touched if n not in apart], *([n] for n in apart)):
            wanted = set().union(*(touched[name] for name in names))
            for begin, end in contiguous(wanted, step, longest):
                tags = (
                    day_range_tags(begin.date(), end.date())
                    if daily
                    else hour_range_tags(begin, end)
                )
                assets = sorted(of_job[name] for name in names)
                self._execute(job, {ONLY_STALE: "true", **tags}, runs, assets)

    def _execute(
        self,
        job: str,
        tags: dict[str, str],
        runs: _Runs,
        assets: Sequence[AssetKey] | None = None,
        on_part: Callable[[float], None] | None = None,
        span: tuple[dt.datetime, dt.datetime] | None = None,
    ) -> None:
        """Run a job (or some assets of it) in this process.

        `on_part` is told which part of its steps is done; `span`: the hours that it loads.
        """
        began = time.monotonic()
        definition = self.definitions.resolve_job_def(job)
        run_id = str(uuid.uuid4())
        if on_part is not None:
            steps, done = len(assets or definition.graph.nodes), 0

            def count(event: EventLogEntry) -> None:
                nonlocal done
                happened = event.dagster_event
                if happened and happened.event_type == DagsterEventType.STEP_SUCCESS:
                    done += 1
                    on_part(done / steps)

            self.instance.add_event_listener(run_id, count)

        def execute() -> ExecuteInProcessResult:
            return execute_here(
                definition,
                self.instance,
                run_id,
                tags={PRIORITY: BACKFILL, **tags},
                assets=assets or (),
            )

        try:
            result = beside_signals(execute)
        except KeyboardInterrupt:
            if (run := self.instance.get_run_by_id(run_id)) is not None:
                self.instance.report_run_canceled(run)
            raise
        if not result.success:
            raise _error_of(result)
        runs.add(result, job, time.monotonic() - began, span)


def _error_of(result: ExecuteInProcessResult) -> Exception:
    """Why a run failed: the first mistake of the user's, else the first failure of a step."""
    failures = [(e.step_key, e.step_failure_data) for e in result.get_step_failure_events()]
    for _, failure in failures:
        said = failure.user_failure_data
        if said is not None and is_users_mistake(said):
            return UserError(said.description)
    if not failures:
        return RunError(f"run {result.run_id} failed before its first step")
    step, failure = failures[0]
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    lines = error.message.strip().splitlines() if error is not None else []
    sentence = lines[0] if lines else "failed"
    if error is not None and error.cls_name in {cls.__name__ for cls in _kinds(UserError)}:
        # Raised beside the step's own code, where its rows are written.
        return UserError(sentence.split(f"{error.cls_name}: ", 1)[-1])
    return RunError(f"run {result.run_id}, step {step}: {sentence}")


def _kinds(error: type[Exception]) -> Iterator[type[Exception]]:
    yield error
    for kind in error.__subclasses__():
        yield from _kinds(kind)
