"""The production dagster.yaml, loaded by Dagster on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import AssetKey, AssetMaterialization, DagsterInstance, RunsFilter
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.errors import DagsterInvalidConfigError
from dagster._core.instance.config import dagster_instance_config
from dagster._core.scheduler.instigation import TickStatus

from shop_assets_tests.deployment.compose_file import ROOT
from shop_assets_tests.deployment.conftest import Postgres


def settings() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "dagster.yaml").read_text("utf-8"))
    return loaded


def write(home: Path, document: dict[str, Any]) -> str:
    (home / "dagster.yaml").write_text(yaml.safe_dump(document), "utf-8")
    return str(home)


@pytest.fixture(scope="module", name="database")
def _database(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database like that of Dagster's own storage, which no daemon of another test uses."""
    script = tmp_path_factory.mktemp("sql") / "database.sql"
    script.write_text("CREATE DATABASE settings OWNER shop_dagster;", "utf-8")
    assert postgres.run_script(script, {}).returncode == 0
    return "settings"


@pytest.fixture(autouse=True)
def _environment(
    monkeypatch: pytest.MonkeyPatch, postgres: Postgres, database: str, tmp_path: Path
) -> None:
    url = postgres.url("shop_dagster", database, "postgresql+psycopg2")
    monkeypatch.setenv("SHOP_DAGSTER_POSTGRES_URL", url)
    monkeypatch.setenv("SHOP_MAX_CONCURRENT_RUNS", "3")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))


@pytest.fixture(name="instance")
def _instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    (tmp_path / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def test_runs_events_and_ticks_are_kept_in_postgresql(instance: DagsterInstance) -> None:
    assert type(instance.run_storage).__name__ == "PooledPostgresRunStorage"
    assert type(instance.event_log_storage).__name__ == "BatchingPostgresEventLogStorage"
    assert instance.schedule_storage is not None
    assert type(instance.schedule_storage).__name__ == "PostgresScheduleStorage"
    assert instance.get_runs(RunsFilter(tags={"nobody": "has"})) == []
    key = AssetKey(["deployment", "kept"])
    instance.report_runless_asset_event(AssetMaterialization(key))
    assert key in instance.all_asset_keys()
    assert list(instance.all_instigator_state()) == []


def test_the_number_of_runs_comes_from_the_environment_and_backfills_leave_room(
    instance: DagsterInstance,
) -> None:
    queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.max_concurrent_runs == 3
    assert queue.tag_concurrency_limits == [{"key": "dagster/backfill", "limit": 1}]


def test_a_run_whose_worker_died_is_failed_and_retried_and_a_failed_step_is_not(
    instance: DagsterInstance,
) -> None:
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_start_timeout_seconds == 180
    assert instance.get_settings("run_monitoring")["max_runtime_seconds"] == 3600
    assert instance.run_retries_enabled
    assert instance.run_retries_max_retries == 2
    assert instance.run_retries_retry_on_asset_or_op_failure is False


def test_a_week_of_missed_hours_is_caught_up(instance: DagsterInstance) -> None:
    scheduler: Any = instance.scheduler
    assert scheduler.max_catchup_runs == 168
    assert scheduler.max_tick_retries == 3


def test_ticks_do_not_pile_up(instance: DagsterInstance) -> None:
    for kind in (InstigatorType.SCHEDULE, InstigatorType.SENSOR, InstigatorType.AUTO_MATERIALIZE):
        days = instance.get_tick_retention_settings(kind)
        assert set(days) == set(TickStatus)
        assert all(0 < number <= 90 for number in days.values())


def test_schedules_sensors_and_backfills_work_side_by_side(instance: DagsterInstance) -> None:
    for name in ("schedules", "sensors", "backfills"):
        assert instance.get_settings(name)["use_threads"] is True
        assert instance.get_settings(name)["num_workers"] >= 2


def test_nothing_is_reported_to_anyone(instance: DagsterInstance) -> None:
    assert instance.telemetry_enabled is False
    assert instance.nux_enabled is False


def test_the_platforms_own_log_lines_reach_the_ui(instance: DagsterInstance) -> None:
    assert instance.managed_python_loggers == ["shop_assets"]
    assert instance.python_log_level == "INFO"


def test_printed_output_stays_below_dagster_home(instance: DagsterInstance, tmp_path: Path) -> None:
    manager: Any = instance.compute_log_manager
    path = Path(manager.get_captured_local_path(["run", "compute_logs", "step"], "out"))
    assert path.is_relative_to(tmp_path / "storage")


def test_the_alternative_of_printed_output_in_s3_is_valid_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = (ROOT / "dagster.yaml").read_text("utf-8").splitlines()
    first = lines.index("# compute_logs:")
    block = lines[first : lines.index("", first)]
    assert len(block) > 5
    alternative = yaml.safe_load("\n".join(line.removeprefix("# ") for line in block))
    monkeypatch.setenv("SHOP_COMPUTE_LOGS_BUCKET", "logs")
    monkeypatch.setenv("SHOP_S3_ENDPOINT", "http://127.0.0.1:1")
    with DagsterInstance.from_config(write(tmp_path, {**settings(), **alternative})) as instance:
        manager: Any = instance.compute_log_manager
        assert type(manager).__name__ == "S3ComputeLogManager"


@pytest.mark.parametrize("name", sorted(settings()))
def test_a_misspelt_setting_would_be_refused(name: str, tmp_path: Path) -> None:
    document = settings()
    document[f"{name}_"] = document.pop(name)
    with pytest.raises(DagsterInvalidConfigError):
        dagster_instance_config(write(tmp_path, document))


def test_a_missing_address_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SHOP_DAGSTER_POSTGRES_URL")
    with pytest.raises(Exception, match='"SHOP_DAGSTER_POSTGRES_URL" which is not set'):
        DagsterInstance.from_config(write(tmp_path, settings()))
