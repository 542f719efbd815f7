"""A step is told which versions of its inputs it read, and nothing is looked up beside them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    DataVersion,
    Definitions,
    ExecuteInProcessResult,
    HourlyPartitionsDefinition,
    MaterializeResult,
    TimeWindowPartitionMapping,
    asset,
    define_asset_job,
)
from dagster import AssetDep as Dep

from shop_assets.dagster_storage.threads import execute_here, threads
from shop_assets_tests.dagster_storage.test_threads import QUIET

HOURS = HourlyPartitionsDefinition("2026-01-01-00:00", end_offset=1)


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(overrides=QUIET) as made:
        yield made


@pytest.fixture
def asked(instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The assets whose newest materialization was looked for."""
    found: list[str] = []
    usual = instance.get_asset_records

    def noted(keys: Sequence[AssetKey] | None = None) -> Sequence[Any]:
        found.extend(key.to_user_string() for key in keys or ())
        return usual(keys)

    monkeypatch.setattr(instance, "get_asset_records", noted)
    return found


@asset(check_specs=[AssetCheckSpec("is_whole", asset="orders")])
def orders():  # type: ignore[no-untyped-def] # Dagster takes an annotation for one output
    judged = AssetCheckResult(check_name="is_whole", passed=True)
    return MaterializeResult(check_results=[judged], data_version=DataVersion("of orders"))


@asset(deps=["orders"])
def sales() -> None:
    pass


def run(
    instance: DagsterInstance, *made: Callable[..., Any], **tags: str
) -> ExecuteInProcessResult:
    job = define_asset_job("all_of_them", "*")
    declared = Definitions(assets=list(made), jobs=[job], executor=threads)  # type: ignore[arg-type]
    result = execute_here(
        declared.resolve_job_def("all_of_them"), instance, str(uuid.uuid4()), tags=tags
    )
    recorded = instance.get_run_by_id(result.run_id)
    assert recorded is not None
    assert recorded.status == DagsterRunStatus.SUCCESS
    return result


def versions(result: ExecuteInProcessResult, name: str) -> dict[str, str]:
    """The versions that a materialization says its inputs had."""
    (made,) = result.asset_materializations_for_node(name)
    prefix = "dagster/input_data_version/"
    return {k.removeprefix(prefix): v for k, v in (made.tags or {}).items() if prefix in k}


def test_a_step_says_which_version_of_its_input_it_read(instance: DagsterInstance) -> None:
    assert versions(run(instance, orders, sales), "sales") == {"orders": "of orders"}


def test_what_a_step_only_makes_is_not_looked_up(
    instance: DagsterInstance, asked: list[str]
) -> None:
    run(instance, orders, sales)
    asked.clear()
    again = run(instance, orders, sales)
    assert asked == ["orders"], "by the step that reads it"
    (judged,) = again.get_asset_check_evaluations()
    assert (judged.passed, judged.target_materialization_data) == (True, None)


def test_an_asset_that_reads_itself_has_its_own_version_before(instance: DagsterInstance) -> None:
    back = TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)

    @asset(partitions_def=HOURS, deps=[Dep("total", partition_mapping=back)])
    def total():  # type: ignore[no-untyped-def]
        return MaterializeResult(data_version=DataVersion("sum"))

    first = run(instance, total, **{"dagster/partition": "2026-01-01-01:00"})
    assert versions(first, "total") == {"total": "INITIAL"}
    second = run(instance, total, **{"dagster/partition": "2026-01-01-02:00"})
    assert versions(second, "total")["total"] not in ("INITIAL", "sum")
