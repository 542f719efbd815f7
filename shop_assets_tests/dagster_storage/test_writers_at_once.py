"""Two that write events of the same assets at once: neither is in the other's way for good."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from dagster import AssetKey, AssetMaterialization, DagsterEvent, DagsterInstance, EventLogEntry
from dagster._core.events import StepMaterializationData
from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, written small

from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.dagster_storage.conftest import OURS, dagster

A, B = (AssetKey(name).to_string() for name in ("a", "b"))
_ROW = "SELECT last_run_id FROM asset_keys WHERE asset_key = %s FOR UPDATE"


def made(asset: str) -> EventLogEntry:
    """An asset's materialization."""
    data: Any = StepMaterializationData(AssetMaterialization(asset))
    make: Callable[..., EventLogEntry] = EventLogEntry
    return make(
        error_info=None,
        level=20,
        user_message="",
        run_id="a-run",
        timestamp=time.time(),
        step_key=asset,
        job_name="hourly",
        dagster_event=DagsterEvent(
            event_type_value="ASSET_MATERIALIZATION",
            job_name="hourly",
            step_key=asset,
            event_specific_data=data,
        ),
    )


@pytest.fixture
def instance(
    stack: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DagsterInstance]:
    """An instance that knows two assets, on a server whose transactions see one state alone."""
    monkeypatch.setenv("PGOPTIONS", r"-c default_transaction_isolation=repeatable\ read")
    with dagster(stack, tmp_path, OURS, "1000") as made_here:
        made_here.event_log_storage.store_event_batch([made("a"), made("b")])
        yield made_here


@pytest.fixture
def others(instance: DagsterInstance) -> Iterator[tuple[Connection, Connection]]:
    """Two sessions of others."""
    url = instance.event_log_storage.postgres_url.replace("+psycopg2", "")  # type: ignore[attr-defined]
    sessions = psycopg2.connect(url), psycopg2.connect(url)
    yield sessions
    for session in sessions:
        session.close()


def waits(session: Connection) -> bool:
    """Whether somebody comes to wait for a lock, within a minute."""
    deadline = time.monotonic() + 60
    with session.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            (row,) = cursor.fetchall()
            session.rollback()
            if row[0]:
                return True
            time.sleep(0.02)
    return False


def test_assets_are_written_in_one_order_whatever_the_order_of_their_events(
    instance: DagsterInstance, others: tuple[Connection, Connection]
) -> None:
    holder, looker = others
    with ThreadPoolExecutor(1) as pool:
        with holder.cursor() as cursor:
            cursor.execute(_ROW, (B,))
        events = [made("b"), made("a")]
        writing = pool.submit(instance.event_log_storage.store_event_batch, events)
        try:
            assert waits(looker)
            # It waits for b, and has a: whoever else begins with a waits for it, and has nothing.
            with pytest.raises(LockNotAvailable), looker.cursor() as cursor:
                cursor.execute(f"{_ROW} NOWAIT", (A,))
        finally:
            for session in others:
                session.rollback()
        writing.result(timeout=60)


def test_an_asset_that_was_written_meanwhile_is_written_after_it(
    instance: DagsterInstance, others: tuple[Connection, Connection]
) -> None:
    holder, looker = others
    with ThreadPoolExecutor(1) as pool:
        with holder.cursor() as cursor:
            cursor.execute("UPDATE asset_keys SET last_run_id = 'other' WHERE asset_key = %s", (A,))
        writing = pool.submit(instance.event_log_storage.store_event_batch, [made("a")])
        try:
            assert waits(looker)
        finally:
            holder.commit()
        writing.result(timeout=60)
    with looker.cursor() as cursor:
        cursor.execute(_ROW, (A,))
        assert cursor.fetchall() == [("a-run",)]
