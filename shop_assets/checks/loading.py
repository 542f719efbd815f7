"""Checks of warehouse entities: what clean published is what is loaded."""

from __future__ import annotations

from collections.abc import Mapping

from dagster import AssetCheckSeverity, AssetCheckSpec, AssetKey

from shop_assets import partitions
from shop_assets.checks.outcome import Outcome, timed
from shop_assets.partition_span import Span
from shop_assets.warehouse.connection import Warehouse

LOADED = "all_published_rows_loaded"


def specs(asset: AssetKey) -> list[AssetCheckSpec]:
    """The checks of a warehouse entity."""
    return [
        AssetCheckSpec(
            LOADED,
            asset=asset,
            blocking=True,
            description="The rows to load are as many as the ledger of rows says were published.",
        )
    ]


@timed
def judge(warehouse: Warehouse, entity: str, span: Span, rows: Mapping[str, int]) -> Outcome:
    """Whether each hour's rows are as many as were published for it."""
    published = warehouse.read(
        "SELECT hour, sum(rows_published)::bigint AS n FROM meta.row_ledger "
        "WHERE entity = $1 AND hour >= $2 AND hour < $3 GROUP BY hour",
        (entity, span.start, span.end),
    )
    expected = {
        partitions.hour_key(hour.to_pydatetime()): int(n)
        for hour, n in zip(published["hour"], published["n"], strict=True)
    }
    failed = {
        key: {"published": expected.get(key, 0), "to_load": rows.get(key, 0)}
        for key in {**expected, **rows}
        if expected.get(key, 0) != rows.get(key, 0)
    }
    return Outcome(LOADED, AssetCheckSeverity.ERROR, failed, {"rows": sum(rows.values())})
