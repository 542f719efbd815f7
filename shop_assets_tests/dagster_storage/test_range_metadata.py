"""A range run says of each partition what it holds, in time that grows with their number."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetRecordsFilter,
    BackfillPolicy,
    DagsterInstance,
    HourlyPartitionsDefinition,
    MaterializeResult,
    TableColumnDep,
    TableColumnLineage,
    asset,
    materialize,
)

from shop_assets.partition_span import Span, describe_partitions
from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.dagster_storage.conftest import OURS, dagster
from shop_assets_tests.dagster_storage.history import TAG_END, TAG_START

HOURS = HourlyPartitionsDefinition("2026-01-01-00:00", end_date="2026-02-01-00:00")
KEYS = HOURS.get_partition_keys()
LINEAGE = TableColumnLineage({"total": [TableColumnDep(AssetKey("orders"), "amount")]})
ROWS = "dagster/partition_row_count"


@asset(partitions_def=HOURS, backfill_policy=BackfillPolicy.single_run())
def sales(context: AssetExecutionContext) -> MaterializeResult[None]:
    """As many rows in each hour as its key's last digits say; none where they are 0."""
    context.add_asset_metadata({"said": "before"}, asset_key="sales", partition_key=KEYS[1])
    span = Span.of(context)
    rows = {key: n for key in span.keys if (n := int(key[-5:-3]))}
    return MaterializeResult(
        metadata=describe_partitions(context, span, AssetKey("sales"), rows, LINEAGE)
    )


@pytest.fixture
def instance(stack: Endpoints, tmp_path: Path) -> Iterator[DagsterInstance]:
    with dagster(stack, tmp_path, OURS, "1000") as made:
        yield made


def test_each_partition_is_told_its_rows_and_the_last_the_lineage(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = []
    list_keys = HourlyPartitionsDefinition.get_partition_keys_in_range

    def listing(self: HourlyPartitionsDefinition, *args: object, **kwargs: object) -> object:
        listed.append(args)
        return list_keys(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(HourlyPartitionsDefinition, "get_partition_keys_in_range", listing)
    tags = {TAG_START: KEYS[0], TAG_END: KEYS[-1]}
    assert materialize([sales], instance=instance, tags=tags).success
    assert len(listed) < 20, "they are listed for the step, and not for each partition"
    records = instance.fetch_materializations(AssetRecordsFilter(AssetKey("sales")), limit=1000)
    found = {
        record.partition_key: record.asset_materialization.metadata
        for record in records.records
        if record.asset_materialization
    }
    assert {key: metadata[ROWS].value for key, metadata in found.items()} == {
        key: int(key[-5:-3]) for key in KEYS
    }
    told = [key for key, metadata in found.items() if "dagster/column_lineage" in metadata]
    assert told == [KEYS[-1]]
    assert found[KEYS[1]]["said"].value == "before"
