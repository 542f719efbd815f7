"""After a run over many hours, each hour's blocking check counts for what is built on that hour."""

import datetime as dt
from collections.abc import Iterator

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckSeverity,
    AssetMaterialization,
    DagsterInstance,
    evaluate_automation_conditions,
    materialize,
)
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus as Status,
)

from shop_assets.dagster_storage import report_check_evaluations
from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.dagster_storage.conftest import OURS, dagster
from shop_assets_tests.dagster_storage.history import (
    KEYS,
    LOADED,
    ORDERS,
    SALES,
    TAG_END,
    TAG_START,
    WRONG,
    definitions,
    orders,
)

NOON = dt.datetime(2026, 1, 31, 12, 30, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def fresh(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterInstance]:
    with dagster(stack, tmp_path_factory.mktemp("checks"), OURS, "1000") as instance:
        yield instance


@pytest.fixture(scope="module")
def loaded(fresh: DagsterInstance) -> DagsterInstance:
    """Seven hours of orders in one run; those of one hour are wrong."""
    tags = {TAG_START: KEYS[0], TAG_END: KEYS[6]}
    materialize([orders], instance=fresh, tags=tags, raise_on_error=False)
    return fresh


def test_only_hours_whose_blocking_check_passed_are_built_on(loaded: DagsterInstance) -> None:
    found = evaluate_automation_conditions(definitions(), loaded, evaluation_time=NOON)
    assert found.get_requested_partitions(SALES) == set(KEYS[:7]) - {WRONG}


def test_every_hour_has_the_result_of_its_own_check(loaded: DagsterInstance) -> None:
    info = loaded.event_log_storage.get_asset_check_partition_info([LOADED], partition_keys=KEYS)
    found = {str(i.partition_key): i.latest_execution_status for i in info}
    assert found == dict.fromkeys(KEYS[:7], Status.SUCCEEDED) | {WRONG: Status.FAILED}


def test_a_result_counts_until_its_hour_is_loaded_again(loaded: DagsterInstance) -> None:
    info = loaded.event_log_storage.get_asset_check_partition_info([LOADED], partition_keys=KEYS)
    assert all(each.is_current for each in info if each.partition_key in KEYS[:7])
    loaded.report_runless_asset_event(AssetMaterialization(ORDERS, partition=KEYS[0]))
    found = evaluate_automation_conditions(definitions(), loaded, evaluation_time=NOON)
    assert found.get_requested_partitions(SALES) == set(KEYS[1:7]) - {WRONG}


def test_a_result_has_its_own_partition_severity_and_metadata(loaded: DagsterInstance) -> None:
    history = loaded.event_log_storage.get_asset_check_execution_history(LOADED, limit=100)
    results = {}
    for record in history:
        assert record.event is not None
        evaluation = record.event.get_dagster_event().event_specific_data
        assert isinstance(evaluation, AssetCheckEvaluation)
        assert evaluation.partition == record.partition
        if record.partition is not None:
            results[record.partition] = evaluation
    assert sorted(results) == KEYS[:7]
    wrong = results[WRONG]
    assert (wrong.passed, wrong.metadata["missing"].value) == (False, 3)
    assert wrong.severity == AssetCheckSeverity.ERROR
    assert not results[KEYS[0]].metadata


def test_a_hundred_thousand_hours_are_within_reach(loaded: DagsterInstance) -> None:
    """5,000 results take some statements, not 5,000 times some statements."""
    run = loaded.get_runs()[0]
    many = [
        AssetCheckEvaluation(
            asset_key=ORDERS,
            check_name="bulk",
            passed=True,
            severity=AssetCheckSeverity.WARN,
            metadata={},
            partition=f"p{n}",
        )
        for n in range(5000)
    ]
    before = dt.datetime.now(dt.UTC)
    report_check_evaluations(loaded, run, many)
    assert dt.datetime.now(dt.UTC) - before < dt.timedelta(seconds=10)
    key = many[0].asset_check_key
    info = loaded.event_log_storage.get_asset_check_partition_info([key])
    assert {i.partition_key for i in info} == {e.partition for e in many}


def test_no_results_are_no_rows(loaded: DagsterInstance) -> None:
    before = loaded.event_log_storage.get_maximum_record_id()
    report_check_evaluations(loaded, loaded.get_runs()[0], [])
    loaded.event_log_storage.store_event_batch([])
    assert loaded.event_log_storage.get_maximum_record_id() == before


def test_reporting_again_replaces_the_result_of_the_run(loaded: DagsterInstance) -> None:
    run = loaded.get_runs()[0]
    check = AssetCheckKey(ORDERS, "again")
    for passed in (False, True):
        evaluation = AssetCheckEvaluation(
            asset_key=ORDERS,
            check_name=check.name,
            passed=passed,
            severity=AssetCheckSeverity.ERROR,
            metadata={},
            partition=KEYS[0],
        )
        report_check_evaluations(loaded, run, [evaluation])
    history = loaded.event_log_storage.get_asset_check_execution_history(check, limit=10)
    assert [r.status for r in history] == [Status.SUCCEEDED]
