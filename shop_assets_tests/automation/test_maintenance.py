"""Nightly maintenance: small files merged, old events let go of, and nothing else changed."""

import datetime as dt
from typing import Any

import pytest
from dagster import AssetKey, DagsterEventType, DagsterInstance
from dagster._core.event_api import PartitionKeyFilter

from shop_assets.automation import schedules
from shop_assets.dagster_storage import BatchingPostgresEventLogStorage
from shop_assets.dagster_storage.purge import purge
from shop_assets.io_managers.delta_store import DeltaStore
from shop_assets.partitions import HOUR, hour_key
from shop_assets.resources import LakeResource
from shop_assets_tests.automation.tiny_shop import TinyShop

FIRST = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
RAW = AssetKey(["raw", "till__lines"])


@pytest.fixture
def loaded(shop: TinyShop) -> TinyShop:
    for hour in range(3):
        at = FIRST + hour * HOUR
        shop.deliver(f"{hour}", f"o{hour},1,{at.isoformat()},sku,1,2.50,{at.isoformat()}")
        assert shop.load(at)
    return shop


@pytest.fixture
def lake() -> DeltaStore:
    return LakeResource().open()


def rows(lake: DeltaStore) -> list[dict[str, Any]]:
    found = lake.read("raw/till__lines", FIRST, FIRST + 3 * HOUR, ["order", "_hour"])
    assert found is not None
    return sorted(found.to_pylist(), key=lambda row: str(row["order"]))


def metadata(shop: TinyShop, name: str) -> dict[str, Any]:
    event = shop.instance.get_latest_materialization_event(AssetKey(["maintenance", name]))
    assert event is not None
    assert event.asset_materialization is not None
    return {k: v.value for k, v in event.asset_materialization.metadata.items()}


@pytest.mark.no_cover
def test_days_past_become_one_file_and_keep_their_rows(loaded: TinyShop, lake: DeltaStore) -> None:
    before = rows(lake)
    assert len(before) == 3
    assert loaded.execute("maintenance", {})
    told = metadata(loaded, "lake")
    assert told["files_before"] > told["files_after"]
    assert rows(lake) == before
    assert loaded.execute("maintenance", {})
    again = metadata(loaded, "lake")
    assert again["files_before"] == again["files_after"] == told["files_after"]


def test_hours_can_be_loaded_again_after_their_files_were_merged(
    loaded: TinyShop, lake: DeltaStore
) -> None:
    assert loaded.execute("maintenance", {})
    assert loaded.load(FIRST, FIRST + 2 * HOUR)
    assert {row["order"] for row in rows(lake)} == {"o0", "o1", "o2"}
    frame = loaded.warehouse.read("SELECT sum(units_sold) AS n FROM marts.sales_hourly")
    assert int(frame["n"].iloc[0]) == 3


def test_the_planner_learns_of_tables_with_months(loaded: TinyShop) -> None:
    query = (
        "SELECT count(*) AS n FROM pg_stats WHERE schemaname = 'warehouse' AND inherited "
        "AND tablename = 'sales_ledger'"
    )
    assert int(loaded.warehouse.read(query)["n"].iloc[0]) == 0
    assert loaded.execute("maintenance", {})
    assert int(loaded.warehouse.read(query)["n"].iloc[0]) > 0


def state(instance: DagsterInstance) -> tuple[set[str], str]:
    """What the UI goes by: materialized partitions, and the newest check results."""
    storage = instance.event_log_storage
    checks = storage.get_latest_asset_check_execution_by_key(
        [c.asset_check_key for c in instance_checks(instance)],
        partition_filter=PartitionKeyFilter(key=hour_key(FIRST)),
    )
    shown = {str(key): (record.status, record.run_id) for key, record in checks.items()}
    return set(instance.get_materialized_partitions(RAW)), repr(sorted(shown.items()))


def instance_checks(instance: DagsterInstance) -> list[Any]:
    record = instance.get_asset_records([RAW])[0]
    assert record.asset_entry.last_materialization_record is not None
    events = instance.all_logs(
        record.asset_entry.last_materialization_record.run_id,
        of_type=DagsterEventType.ASSET_CHECK_EVALUATION,
    )
    found = [e.dagster_event.asset_check_evaluation_data for e in events if e.dagster_event]
    return [data for data in found if data.asset_key == RAW]


def test_old_events_go_and_every_partition_keeps_its_newest_state(loaded: TinyShop) -> None:
    storage = loaded.instance.event_log_storage
    assert isinstance(storage, BatchingPostgresEventLogStorage)
    assert loaded.load(FIRST, FIRST + 2 * HOUR)
    before = state(loaded.instance)
    runs = len(loaded.instance.get_runs())
    untouched = purge(storage, dt.datetime.now(dt.UTC) - dt.timedelta(days=30))
    assert (untouched.words, untouched.materializations, untouched.checks) == (0, 0, 0)
    done = purge(storage, dt.datetime.now(dt.UTC))
    assert done.words > 100
    # The first of two loads of three hours, of each table that an hour writes.
    assert done.materializations > 3
    assert done.checks > 3
    assert state(loaded.instance) == before
    assert len(loaded.instance.get_runs()) == runs
    assert loaded.load(FIRST)


def test_it_is_asked_for_every_night(watched: TinyShop) -> None:
    schedule = watched.repository.get_schedule_def("every_night")
    assert schedule.cron_schedule == schedules.MAINTENANCE_AT
    assert schedule.job_name == "maintenance"
