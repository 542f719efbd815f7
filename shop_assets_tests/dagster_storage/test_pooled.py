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


def served(stack: Endpoints, told: str = "pid") -> set[int]:
    """What is told of each server process that serves this database; also of those that just end.

    A connection that was given back is seen for a moment longer: compare for what is new.
    """
    connection = psycopg2.connect(admin_url(stack))
    connection.autocommit = True
    with connection, connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {told} FROM pg_stat_activity "
            "WHERE datname = %s AND backend_type = 'client backend'",
            (NAME,),
        )
        found = {int(row[0]) for row in cursor.fetchall()}
    connection.close()
    return found


def work(instance: DagsterInstance, count: int) -> None:
    for number in range(count):
        instance.report_runless_asset_event(AssetMaterialization("orders", str(number)))
        instance.get_runs(limit=1)


def test_many_questions_are_asked_through_the_same_few_connections(
    instance: DagsterInstance, stack: Endpoints
) -> None:
    work(instance, 1)
    before = served(stack)
    work(instance, 25)
    after = served(stack)
    assert 1 <= len(after) <= 6
    assert after <= before


def test_connections_that_the_server_has_ended_are_replaced(
    instance: DagsterInstance, stack: Endpoints
) -> None:
    work(instance, 1)
    assert served(stack, "pg_terminate_backend(pid)::int") == {1}
    work(instance, 2)


def test_nothing_is_left_open_once_the_instance_is_given_back(
    instance: DagsterInstance, stack: Endpoints
) -> None:
    work(instance, 1)
    instance.dispose()
    deadline = time.monotonic() + 10
    while served(stack) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not served(stack)


def test_a_forked_process_opens_connections_of_its_own(
    instance: DagsterInstance, stack: Endpoints
) -> None:
    work(instance, 1)
    before = served(stack)
    child = os.fork()
    if not child:
        try:
            instance.get_runs(limit=1)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    work(instance, 1)
    after = served(stack)
    assert after
    assert after <= before
