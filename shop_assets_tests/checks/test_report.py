"""What Dagster knows of checks after a run over one partition, and over a range of them."""

import datetime as dt
from typing import Any

from dagster import (
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    BackfillPolicy,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    HourlyPartitionsDefinition,
    MaterializeResult,
    asset,
    define_asset_job,
)

from shop_assets.automation.runs import hour_range_tags
from shop_assets.checks.outcome import Outcome
from shop_assets.checks.report import report, report_whole
from shop_assets.partition_span import Span
from shop_assets.partitions import HOUR, hour_key

START = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
HOURS = [START + n * HOUR for n in range(3)]
KEY = AssetKey(["raw", "x"])
WARN, ERROR = AssetCheckSeverity.WARN, AssetCheckSeverity.ERROR


def evaluations(tags: dict[str, str], *outcomes: Outcome) -> dict[tuple[str, str | None], Any]:
    """Run an asset that reports these outcomes; what is stored, by check and partition."""

    @asset(
        key=KEY,
        partitions_def=HourlyPartitionsDefinition(START, timezone="UTC"),
        backfill_policy=BackfillPolicy.single_run(),
        check_specs=[AssetCheckSpec(outcome.check, asset=KEY) for outcome in outcomes],
    )
    def made(context: AssetExecutionContext) -> MaterializeResult:  # type: ignore[type-arg]
        return MaterializeResult(check_results=report(context, KEY, Span.of(context), *outcomes))

    definitions = Definitions([made], jobs=[define_asset_job("job", [made])])
    with DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_job_def("job")
        result = job.execute_in_process(instance=instance, tags=tags)
        assert result.success
        logs = instance.all_logs(result.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.dagster_event for entry in logs]
    stored = [event.asset_check_evaluation_data for event in found if event is not None]
    return {(e.check_name, e.partition): e for e in stored}


def passed(found: dict[tuple[str, str | None], Any], check: str) -> dict[str | None, bool]:
    return {partition: e.passed for (name, partition), e in found.items() if name == check}


def value(evaluation: Any, name: str) -> Any:
    return evaluation.metadata[name].value


ONE = {"dagster/partition": hour_key(START)}
RANGE = hour_range_tags(HOURS[0], HOURS[-1])
KEYS = [hour_key(hour) for hour in HOURS]


def test_a_single_run_stores_what_was_found_for_its_partition_too() -> None:
    outcome = Outcome("c", ERROR, {KEYS[0]: {"failures": 3}}, {"rows": 7})
    found = evaluations(ONE, outcome)
    assert passed(found, "c") == {None: False, KEYS[0]: False}
    whole = found["c", None]
    assert (value(whole, "failures"), value(whole, "rows")) == (3, 7)
    assert value(found["c", KEYS[0]], "failures") == 3
    assert {stored.severity for stored in found.values()} == {ERROR}


def test_the_result_of_a_step_tells_what_judging_took_and_a_partitions_does_not() -> None:
    found = evaluations(RANGE, Outcome("c", ERROR, {KEYS[0]: {"failures": 3}}, seconds=0.25))
    assert value(found["c", None], "seconds") == 0.25
    assert all("seconds" not in found["c", key].metadata for key in KEYS)
    (whole,) = report_whole(KEY, Outcome("a", WARN, metadata={"rows": 7}, seconds=1.5))
    assert value(whole, "seconds") == 1.5
    assert value(whole, "rows") == 7


def test_a_range_stores_a_result_for_each_partition_and_one_for_all() -> None:
    bad = Outcome("bad", WARN, {KEYS[1]: {"failures": 3}}, {"rows": 7})
    found = evaluations(RANGE, bad, Outcome("good", ERROR, metadata={"rows": 7}))
    assert passed(found, "good") == dict.fromkeys([None, *KEYS], True)
    assert passed(found, "bad") == {None: False, KEYS[0]: True, KEYS[1]: False, KEYS[2]: True}
    assert value(found["bad", KEYS[1]], "failures") == 3
    assert found["bad", KEYS[1]].severity == WARN
    whole = found["bad", None]
    assert (value(whole, "rows"), value(whole, "failed_partitions")) == (7, 1)
    assert value(whole, "first_failed") == KEYS[1]


def test_what_failed_as_a_whole_has_failed_in_every_partition() -> None:
    whole = Outcome("sums", ERROR, metadata={"off_by_EUR": "x"}, whole_failed=True)
    assert passed(evaluations(RANGE, whole), "sums") == dict.fromkeys([None, *KEYS], False)
    assert passed(evaluations(ONE, whole), "sums") == {None: False, KEYS[0]: False}


def test_of_many_failed_partitions_the_first_ten_are_named() -> None:
    many = [hour_key(START + n * HOUR) for n in range(30)]
    outcome = Outcome("c", ERROR, {key: {"failures": 1} for key in many})
    tags = hour_range_tags(START, START + 29 * HOUR)
    whole = evaluations(tags, outcome)["c", None]
    assert value(whole, "failed_partitions") == 30
    assert value(whole, "first_failed") == ", ".join(many[:10])


def test_an_asset_without_partitions_has_one_result_for_each_check() -> None:
    good, bad = report_whole(KEY, Outcome("a", WARN), Outcome("b", ERROR, whole_failed=True))
    assert (good.passed, good.severity, good.asset_key) == (True, WARN, KEY)
    assert (bad.passed, bad.severity, bad.check_name) == (False, ERROR, "b")
