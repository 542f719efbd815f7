"""Raw: what each source said, as it said it, with where and when it was read."""

import datetime as dt

import pyarrow as pa
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    asset,
)

from shop_assets.assets.steps import RETRIES, step
from shop_assets.checks import arrival
from shop_assets.checks.report import report
from shop_assets.partition_span import Span, describe_partitions, rows_by_hour
from shop_assets.partitions import Calendar
from shop_assets.resources import SourcesResource, WarehouseResource
from shop_assets.settings import ShopSettings
from shop_assets.sources.protocol import ReadRequest, Window
from shop_assets.transforms.extract import assemble


def raw_key(source: str, stream: str) -> AssetKey:
    """The asset of a stream's raw rows."""
    return AssetKey(["raw", f"{source}__{stream}"])


def raw_assets(settings: ShopSettings, calendar: Calendar) -> list[AssetsDefinition]:
    """One asset for each stream of each source."""
    return [
        _raw_asset(settings, calendar, source, stream)
        for source, declared in settings.sources.items()
        for stream in declared.streams
    ]


def _raw_asset(
    settings: ShopSettings, calendar: Calendar, source: str, stream: str
) -> AssetsDefinition:
    declared = settings.sources[source]
    busy = declared.streams[stream].busy
    overlap = dt.timedelta(minutes=declared.overlap_minutes)
    key = raw_key(source, stream)

    @asset(
        key=key,
        partitions_def=calendar.hourly,
        backfill_policy=calendar.backfill_policy,
        io_manager_key="raw_lake",
        retry_policy=RETRIES,
        group_name="raw",
        kinds={"postgres" if declared.connector == "sql" else "file", "deltalake"},
        owners=[settings.shop.owner],
        tags={"layer": "raw", "source": source},
        description=(
            f"What {source} said of {stream}, by the hour in which it changed: every attempt is "
            "kept, columns as the source has them."
        ),
        metadata={"becomes": ", ".join(declared.streams[stream].entities)},
        check_specs=arrival.specs(key),
    )
    @step
    def extract(
        context: AssetExecutionContext, sources: SourcesResource, warehouse: WarehouseResource
    ) -> MaterializeResult[pa.Table]:
        span = Span.of(context)
        request = ReadRequest(stream, Window(span.start - overlap, span.end))
        batches = (batch.rows for batch in sources.open(source).read(request))
        table = assemble(batches, span.start)
        rows = rows_by_hour(table["_hour"].to_pandas()) if table.num_rows else {}
        outcome = arrival.judge(warehouse.open(), source, stream, span, rows, busy=busy)
        return MaterializeResult(
            value=table,
            metadata={
                "rows": table.num_rows,
                **describe_partitions(context, span, key, rows, None),
            },
            check_results=report(context, key, span, outcome),
        )

    return extract
