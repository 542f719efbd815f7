"""Sweeps: once a day, which rows have vanished from a source without saying so?

A sweep looks at the source as it is now, so it has no partitions. It writes down which keys are
gone, and the hour in which it did. That hour's load, which comes when the hour is over, writes
their tombstones to raw with what else the hour brings. So nothing has to be requested, nothing is
lost when a process ends in between, and the load repeated finds the same.
"""

from dagster import (
    AssetCheckEvaluation,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    asset,
)

from shop_assets.assets.raw import raw_key
from shop_assets.assets.steps import RETRIES, step
from shop_assets.assets.sweep import compare
from shop_assets.checks import deletions
from shop_assets.checks.report import report_whole
from shop_assets.dagster_storage import report_check_evaluations
from shop_assets.resources import SourcesResource, WarehouseResource
from shop_assets.settings import ShopSettings
from shop_assets.settings.shop import SqlStream
from shop_assets.sources.sql import SqlConnector
from shop_assets.warehouse import source_keys
from shop_assets.warehouse.connection import Warehouse


def deletions_key(source: str, stream: str) -> AssetKey:
    """The asset of a stream's sweep."""
    return AssetKey(["raw", f"{source}__{stream}__deletions"])


def deletions_assets(settings: ShopSettings) -> list[AssetsDefinition]:
    """One asset for each stream that is swept."""
    return [
        _deletions_asset(settings, source, name, stream)
        for source, declared in settings.sources.items()
        for name, stream in declared.streams.items()
        if isinstance(stream, SqlStream) and stream.sweep is not None
    ]


def _deletions_asset(
    settings: ShopSettings, source: str, name: str, stream: SqlStream
) -> AssetsDefinition:
    key = deletions_key(source, name)

    @asset(
        key=key,
        deps=[raw_key(source, name)],
        retry_policy=RETRIES,
        group_name="raw",
        kinds={"postgres"},
        owners=[settings.shop.owner],
        tags={"layer": "raw", "source": source},
        description=(
            f"Which rows of {name} were loaded and are no longer in {source}, found by comparing "
            "checksums of keys. The load of the hour in which they are found ends them."
        ),
        check_specs=[deletions.spec(key)],
    )
    def sweep(
        context: AssetExecutionContext, sources: SourcesResource, warehouse: WarehouseResource
    ) -> MaterializeResult:  # type: ignore[type-arg]  # Dagster knows it only without
        connector = sources.open(source, name)
        if not isinstance(connector, SqlConnector):
            raise TypeError(f"{source} is read by {type(connector).__name__}, which has no keys")
        return swept(context, connector, warehouse.open())

    @step
    def swept(
        context: AssetExecutionContext, connector: SqlConnector, warehouse: Warehouse
    ) -> MaterializeResult[None]:
        # First what is known, then the source: a row that comes in between is not missed there.
        with (
            source_keys.known(warehouse, source, name) as known,
            connector.keys(name) as there,
        ):
            found = compare(known, there)
        outcome = deletions.judge(len(found.gone), known.count, stream.sweep_limit)
        if not outcome.passed:
            # Dagster would drop the result of a step that fails.
            refused = AssetCheckEvaluation(
                asset_key=key,
                check_name=outcome.check,
                passed=False,
                severity=outcome.severity,
                metadata=dict(outcome.metadata),
            )
            report_check_evaluations(context.instance, context.run, [refused])
            raise deletions.MassDeletionError(
                f"{source}: {len(found.gone)} of {known.count} rows of "
                f"{stream.table or 'its query'} are gone at "
                f"once, expected at most {stream.sweep_limit:.0%} (sweep_limit of stream {name}); "
                "none was taken for deleted"
            )
        marked = 0
        if len(found.gone):
            marked = source_keys.mark_deleted(
                warehouse, source, name, found.gone, gone_at=there.moment, known_at=known.moment
            )
        return MaterializeResult(
            metadata={
                "keys_known": known.count,
                "ranges_compared": found.ranges,
                "ranges_read": found.ranges_read,
                "keys_read": found.keys_read,
                "keys_not_loaded": found.not_loaded,
                "deletions": marked,
            },
            check_results=report_whole(key, outcome),
        )

    return sweep
