"""Two Dagster instances on the worker's PostgreSQL: with Dagster's event log, and with ours."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterEvent, DagsterInstance, EventLogEntry

from shop_assets.stack.endpoints import Endpoints
from shop_assets.stack.postgres import create_database
from shop_assets_tests.warehouse.databases import PASSWORD, admin_url

STOCK = ("dagster_postgres.event_log", "PostgresEventLogStorage")
OURS = ("shop_assets.dagster_storage", "BatchingPostgresEventLogStorage")
BATCH = "DAGSTER_EVENT_BATCH_SIZE"
RUN = "a-run"


def said(
    message: str, *, step: str | None = "orders", kind: str | None = None, data: Any = None
) -> EventLogEntry:
    """What a step of `RUN` says, or its run, or an event of that kind with its data."""
    made = None
    if kind is not None:
        made = DagsterEvent(
            event_type_value=kind, job_name="hourly", step_key=step, event_specific_data=data
        )
    make: Callable[..., EventLogEntry] = EventLogEntry
    return make(
        error_info=None,
        level=20,
        user_message=message,
        run_id=RUN,
        timestamp=time.time(),
        step_key=step,
        job_name="hourly",
        dagster_event=made,
    )


@contextmanager
def dagster(
    stack: Endpoints, home: Path, storage: tuple[str, str], batch: str
) -> Iterator[DagsterInstance]:
    """An instance with a database of its own."""
    name = f"dagster_{home.name.replace('-', '_')}"
    url = create_database(admin_url(stack), name, owner=name, password=PASSWORD)
    config = {"postgres_url": url.replace("postgresql://", "postgresql+psycopg2://")}
    document = {
        "run_storage": {
            "module": "dagster_postgres.run_storage",
            "class": "PostgresRunStorage",
            "config": config,
        },
        "event_log_storage": {"module": storage[0], "class": storage[1], "config": config},
        "schedule_storage": {
            "module": "dagster_postgres.schedule_storage",
            "class": "PostgresScheduleStorage",
            "config": config,
        },
        "telemetry": {"enabled": False},
    }
    (home / "dagster.yaml").write_text(yaml.safe_dump(document), "utf-8")
    before = os.environ.get(BATCH)
    os.environ[BATCH] = batch
    try:
        with DagsterInstance.from_config(str(home)) as instance:
            yield instance
    finally:
        if before is None:
            del os.environ[BATCH]
        else:
            os.environ[BATCH] = before


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tmp_path_factory.mktemp("stock"), tmp_path_factory.mktemp("ours")
