"""Raw: what each source said, as it said it, with where and when it was read."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    asset,
)

from shop_assets.assets.compare import Comparison
from shop_assets.assets.drift import find_drift, note_lacking
from shop_assets.assets.steps import RETRIES, priority, step
from shop_assets.assets.sweep import tombstones, without_row
from shop_assets.checks import arrival, deletions, drift
from shop_assets.checks.report import report
from shop_assets.io_managers.delta import KeyedBy, RawRows, ReadUntil
from shop_assets.io_managers.seen_keys import seen_keys
from shop_assets.partition_span import Span, describe_partitions
from shop_assets.partitions import Calendar, hour_key
from shop_assets.resources import LakeResource, SourcesResource, WarehouseResource
from shop_assets.settings import ShopSettings
from shop_assets.settings.apis import ApiSource
from shop_assets.settings.shop import SqlStream
from shop_assets.sources.protocol import (
    Batch,
    Compared,
    Comparing,
    Connector,
    ReadRequest,
    Window,
)
from shop_assets.sources.reading import Gathered, gather
from shop_assets.spool import Spool
from shop_assets.transforms.extract import placed
from shop_assets.warehouse import checkpoints, source_keys
from shop_assets.warehouse.connection import Warehouse

_LATE = dt.timedelta(minutes=2)
_KINDS = {"sql": "postgres", "files": "file"}
"""What the UI calls a connector, where that is not its name."""


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
    read_as = declared.streams[stream]
    overlap = dt.timedelta(minutes=declared.overlap_minutes)
    remembers = isinstance(declared, ApiSource)
    key = raw_key(source, stream)
    table_name = key.to_user_string()
    swept_by = read_as.key if isinstance(read_as, SqlStream) and read_as.sweep else ()
    whole = [deletions.spec(key, blocking=False)] if stream in declared.whole else []

    @asset(
        key=key,
        partitions_def=calendar.hourly,
        backfill_policy=calendar.backfill_policy,
        io_manager_key="raw_lake",
        retry_policy=RETRIES,
        group_name="raw",
        kinds={_KINDS.get(declared.connector, declared.connector), "deltalake"},
        owners=[settings.shop.owner],
        tags={"layer": "raw", "source": source},
        op_tags=priority(*read_as.entities),
        description=(
            f"What {source} said of {stream}, by the hour in which it changed: every attempt is "
            "kept, columns as the source has them."
        ),
        metadata={"becomes": ", ".join(read_as.entities)},
        check_specs=[*arrival.specs(key), drift.spec(key), *whole],
    )
    @step
    def extract(
        context: AssetExecutionContext,
        sources: SourcesResource,
        warehouse: WarehouseResource,
        lake: LakeResource,
    ) -> MaterializeResult[RawRows]:
        span = Span.of(context)
        store, zone = warehouse.open(), lake.open()
        earlier = checkpoints.before(store, source, stream, span.start) if remembers else None
        window = Window(span.start - overlap, span.end)
        if calendar.now is not None:
            window, earlier = _not_read_yet(
                (store, source, stream), window, span.start, earlier, calendar.now()
            )
        midnight = calendar.last_midnight(span.start, span.end)
        request = ReadRequest(stream, window, earlier, midnight)
        connector = sources.open(source, stream)
        how = _compared(connector, request)
        known = (
            None
            if how is None
            else Comparison(
                store,
                source,
                stream,
                how,
                start=span.start,
                anew=zone.schema(table_name) is None,
            )
        )
        spool, columns = Spool(), set[str]()

        def keep(batch: Batch) -> pa.Table:
            columns.update(batch.rows.column_names)
            return placed(batch.rows, span.start) if known is None else known.changed(batch)

        if calendar.open_hour and how is not None and how.complete:
            # What is read as a whole is read once, when the hour is over.
            read, how, known = Gathered(), None, None
        else:
            read = gather(connector, request, keep, spool)
        unlikely = None if known is None else known.end_missing()
        ended_by = swept_by if how is None else how.key
        came, deleted = spool.num_rows, 0
        if ended_by:
            found = source_keys.found_gone(store, source, stream, span.start, span.end)
            gone = tombstones(zone, table_name, found, ended_by)
            if known is not None:
                known.look_again(without_row(found, gone, ended_by))
            spool.append(placed(gone, span.start))
            deleted = gone.num_rows
        parts = spool.parts()
        stored = zone.schema(table_name)
        changes = find_drift(zone, table_name, stored, parts, columns, read_as, span.start)
        parts = note_lacking(stored, parts, columns, read_as)
        if swept_by and came:
            for part in parts.each():
                source_keys.record(store, source, stream, seen_keys(part, swept_by))
        compared = None if how is None else KeyedBy(source, stream, how.key)
        noted = None
        if read.checkpoint is not None or calendar.open_hour:
            noted = ReadUntil(source, stream, window.end, read.checkpoint)
        rows = {hour_key(hour): count for hour, count in spool.hours.items()}
        return MaterializeResult(
            value=RawRows(parts, tuple(read_as.entities), noted, compared),
            metadata={
                "rows": spool.num_rows,
                **({"deletions": deleted} if ended_by else {}),
                **changes.described(),
                **describe_partitions(context, span, key, rows, None),
            },
            check_results=report(
                context,
                key,
                span,
                arrival.judge(store, source, stream, span, rows, busy=read_as.busy),
                drift.judge(changes, span),
                *([unlikely or deletions.judge(0, 0, 1.0)] if whole else []),
            ),
        )

    return extract


def _not_read_yet(
    stream: tuple[Warehouse, str, str],
    window: Window,
    hour: dt.datetime,
    earlier: Mapping[str, Any] | None,
    now: dt.datetime,
) -> tuple[Window, Mapping[str, Any] | None]:
    """What is left to read of an hour that is not over, and the checkpoint to go on from.

    A little of what was read is read again, for rows that become visible late; those that come
    later still are found when the hour is over, and is read as a whole.
    """
    now = max(window.start, min(now, window.end))
    known = checkpoints.read_until(*stream, hour)
    if known is None:
        return Window(window.start, now), earlier
    until, checkpoint = known
    return Window(min(now, max(window.start, until - _LATE)), now), checkpoint or earlier


def _compared(connector: Connector, request: ReadRequest) -> Compared | None:
    return connector.compared(request) if isinstance(connector, Comparing) else None
