"""Clean: each entity's rows, typed, judged and deduplicated; the rest set aside with a reason."""

import pyarrow as pa
from dagster import (
    AssetExecutionContext,
    AssetIn,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    asset,
)

from shop_assets.assets.columns import mapped_columns, table_metadata
from shop_assets.assets.raw import raw_key
from shop_assets.assets.steps import RETRIES, step
from shop_assets.checks import cleaning
from shop_assets.checks.report import report
from shop_assets.entities import ENTITIES, TableSpec
from shop_assets.errors import UserError
from shop_assets.io_managers.delta import CleanedRows, epoch_of
from shop_assets.partition_span import Span, describe_partitions, rows_by_hour
from shop_assets.partitions import Calendar
from shop_assets.settings import ShopSettings
from shop_assets.settings.mapping import accountable
from shop_assets.transforms.clean import Cleaned, MissingColumnError, StreamOrigin, clean, combine


def clean_key(entity: str) -> AssetKey:
    """The asset of an entity's cleaned rows."""
    return AssetKey(["clean", entity])


def clean_assets(settings: ShopSettings, calendar: Calendar) -> list[AssetsDefinition]:
    """One asset for each entity that any stream becomes."""
    return [_clean_asset(settings, calendar, ENTITIES[name]) for name in settings.entities]


def _clean_asset(settings: ShopSettings, calendar: Calendar, spec: TableSpec) -> AssetsDefinition:
    key = clean_key(spec.name)
    origins = settings.entities[spec.name]
    inputs = {f"{source}__{stream}": (source, stream) for source, stream in origins}
    mappings = {
        name: settings.stream(source, stream).entities[spec.name]
        for name, (source, stream) in inputs.items()
    }
    lineage = mapped_columns(
        {raw_key(*inputs[name]): mapping for name, mapping in mappings.items()}
    )

    @asset(
        key=key,
        ins={name: AssetIn(key=raw_key(*origin)) for name, origin in inputs.items()},
        partitions_def=calendar.hourly,
        backfill_policy=calendar.backfill_policy,
        io_manager_key="clean_lake",
        retry_policy=RETRIES,
        group_name="clean",
        kinds={"pandas", "pandera", "deltalake"},
        owners=[settings.shop.owner],
        tags={"layer": "clean", "entity": spec.name},
        description=f"{spec.description} Cleaned; what failed is in quarantine/{spec.name}.",
        metadata=table_metadata(spec, f"clean/{spec.name}"),
        check_specs=cleaning.specs(key),
    )
    @step
    def clean_entity(
        context: AssetExecutionContext, **raw: pa.Table
    ) -> MaterializeResult[CleanedRows]:
        span = Span.of(context)
        parts = [_clean_stream(settings, spec, raw[name], *inputs[name]) for name in inputs]
        cleaned = combine(parts, spec)
        rows = rows_by_hour(cleaned.published["_hour"])
        counts = cleaned.counts
        return MaterializeResult(
            value=CleanedRows(cleaned, epoch_of(*raw.values())),
            metadata={
                "rows_read": int(counts["rows_read"].sum()),
                "rows_published": int(counts["rows_published"].sum()),
                "rows_quarantined": int(counts["rows_quarantined"].sum()),
                "rows_deduplicated": int(counts["rows_deduplicated"].sum()),
                **describe_partitions(context, span, key, rows, lineage),
            },
            check_results=report(context, key, span, *cleaning.judge(cleaned, spec)),
        )

    return clean_entity


def _clean_stream(
    settings: ShopSettings,
    spec: TableSpec,
    raw: pa.Table,
    source: str,
    stream: str,
) -> Cleaned:
    declared = settings.sources[source]
    mappings = declared.streams[stream].entities
    origin = StreamOrigin(source, stream, declared.timezone, settings.shop.currency)
    try:
        return clean(
            raw,
            spec,
            mappings[spec.name],
            origin,
            takes_unreadable=spec.name == accountable(mappings),
            changed_columns=declared.streams[stream].changed_columns,
        )
    except MissingColumnError as missing:
        raise UserError(
            f"{settings.path}: sources.{source}.streams.{stream}: {missing.args[0]}; "
            f"found {', '.join(n for n in raw.column_names if not n.startswith('_'))}"
        ) from None
