"""Two that write events of the same assets at once: neither is in the other's way for good."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from dagster import AssetKey, AssetMaterialization, DagsterInstance, EventLogEntry
from dagster._core.events import StepMaterializationData
from psycopg2.errors import LockNotAvailable

from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.dagster_storage.conftest import OURS, RUN, dagster, said
from shop_assets_tests.warehouse.loads import wait_for_waiter

A, B = (AssetKey(name).to_string() for name in ("a", "b"))
_ROW = "SELECT last_run_id FROM asset_keys WHERE asset_key = %s FOR UPDATE"


def made(asset: str) -> EventLogEntry:
    """An asset's materialization."""
    data: Any = StepMaterializationData(AssetMaterialization(asset))
    return said("", step=asset, kind="ASSET_MATERIALIZATION", data=data)


@pytest.fixture
def instance(
    stack: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DagsterInstance]:
    """An instance that knows two assets, on a server whose transactions see one state alone."""
    monkeypatch.setenv("PGOPTIONS", r"-c default_transaction_isolation=repeatable\ read")
    with dagster(stack, tmp_path, OURS, "1000") as found:
        found.event_log_storage.store_event_batch([made("a"), made("b")])
        yield found


@contextmanager
def in_the_way(
    instance: DagsterInstance, statement: str, asset: str, *written: str
) -> Iterator[Any]:
    """What another has done to an asset, while ours writes and waits for it; a session beside."""
    url = instance.event_log_storage.postgres_url.replace("+psycopg2", "")  # type: ignore[attr-defined]
    holder, looker = psycopg2.connect(url), psycopg2.connect(url)
    with ThreadPoolExecutor(1) as pool:
        try:
            holder.cursor().execute(statement, (asset,))
            events = [made(name) for name in written]
            writing = pool.submit(instance.event_log_storage.store_event_batch, events)
            wait_for_waiter(Warehouse(url))
            yield looker.cursor()
        finally:
            holder.commit()
            holder.close()
            looker.close()
        writing.result(timeout=60)


def test_assets_are_written_in_one_order_whatever_the_order_of_their_events(
    instance: DagsterInstance,
) -> None:
    # It waits for b, and has a: whoever else begins with a waits for it, and has nothing.
    with (
        in_the_way(instance, _ROW, B, "b", "a") as looker,
        pytest.raises(LockNotAvailable),
    ):
        looker.execute(f"{_ROW} NOWAIT", (A,))


def test_an_asset_that_was_written_meanwhile_is_written_after_it(
    instance: DagsterInstance,
) -> None:
    change = "UPDATE asset_keys SET last_run_id = 'other' WHERE asset_key = %s"
    with in_the_way(instance, change, A, "a"):
        pass
    (record,) = instance.get_asset_records([AssetKey("a")])
    assert record.asset_entry.last_run_id == RUN
