"""Connections to Dagster's database are kept, and replaced when they break."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import yaml
from dagster import AssetMaterialization, DagsterInstance

from shop_assets.stack.endpoints import Endpoints
from shop_assets.stack.postgres import create_database
from shop_assets_tests.warehouse.databases import PASSWORD, admin_url

NAME = "dagster_pooled"


@pytest.fixture
def instance(stack: Endpoints, tmp_path: Path) -> Iterator[DagsterInstance]:
    url = create_database(admin_url(stack), NAME, owner=NAME, password=PASSWORD)
    config = {"postgres_url": url.replace("postgresql://", "postgresql+psycopg2://")}
    ours, theirs = "shop_assets.dagster_storage", "dagster_postgres"
    kinds = {
        "run_storage": (ours, "PooledPostgresRunStorage"),
        "event_log_storage": (ours, "BatchingPostgresEventLogStorage"),
        "schedule_storage": (theirs, "PostgresScheduleStorage"),
    }
    document = {
        part: {"module": module, "class": name, "config": config}
        for part, (module, name) in kinds.items()
    }
    text = yaml.safe_dump({**document, "telemetry": {"enabled": False}})
    (tmp_path / "dagster.yaml").write_text(text, "utf-8")
    with DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


def asked(stack: Endpoints, query: str) -> int:
    connection = psycopg2.connect(admin_url(stack))
    connection.autocommit = True
    with connection, connection.cursor() as cursor:
        cursor.execute(query, (NAME,))
        row = cursor.fetchone()
    connection.close()
    assert row is not None
    return int(row[0])


CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
TERMINATE = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s"
PIDS = "SELECT coalesce(sum(pid), 0) FROM pg_stat_activity WHERE datname = %s"


def work(instance: DagsterInstance, count: int) -> None:
    for number in range(count):
        instance.report_runless_asset_event(AssetMaterialization("orders", str(number)))
        instance.get_runs(limit=1)


def test_many_questions_are_asked_through_the_same_few_connections(
    instance: DagsterInstance, stack: Endpoints
) -> None:
    work(instance, 1)
    before = asked(stack, PIDS)
    work(instance, 25)
    assert asked(stack, PIDS) == before
    assert 1 <= asked(stack, CONNECTIONS) <= 6


def test_connections_that_the_server_has_ended_are_replaced(
    instance: DagsterInstance, stack: Endpoints
) -> None:
    work(instance, 1)
    assert asked(stack, TERMINATE) > 0
    work(instance, 2)


def test_nothing_is_left_open_once_the_instance_is_given_back(
    instance: DagsterInstance, stack: Endpoints
) -> None:
    work(instance, 1)
    instance.dispose()
    deadline = time.monotonic() + 10
    while asked(stack, CONNECTIONS) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert asked(stack, CONNECTIONS) == 0


def test_a_forked_process_opens_connections_of_its_own(
    instance: DagsterInstance, stack: Endpoints
) -> None:
    work(instance, 1)
    before = asked(stack, PIDS)
    child = os.fork()
    if not child:
        try:
            instance.get_runs(limit=1)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    work(instance, 1)
    assert asked(stack, PIDS) == before
