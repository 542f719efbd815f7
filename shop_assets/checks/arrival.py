"""Checks of raw assets: did rows arrive where there always were some?"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from dagster import AssetCheckSeverity, AssetCheckSpec, AssetKey

from shop_assets import partitions
from shop_assets.checks.outcome import Outcome, timed
from shop_assets.partition_span import Span
from shop_assets.warehouse.connection import Warehouse

ARRIVED = "rows_arrived"
_LOOK_BACK = dt.timedelta(hours=24)


def specs(asset: AssetKey) -> list[AssetCheckSpec]:
    """The checks of a raw asset."""
    return [
        AssetCheckSpec(
            ARRIVED,
            asset=asset,
            description=(
                "An hour without rows is suspect where the stream is declared busy, or where each "
                "of the 24 hours before had some."
            ),
        )
    ]


@timed
def judge(
    warehouse: Warehouse,
    source: str,
    stream: str,
    span: Span,
    rows: Mapping[str, int],
    *,
    busy: bool,
) -> Outcome:
    """Which hours of the span are suspiciously empty."""
    empty = [key for key in span.keys if rows.get(key, 0) == 0]
    failed: dict[str, dict[str, object]] = {}
    if empty:
        filled = _filled_before(warehouse, source, stream, span)
        filled |= {partitions.parse_hour_key(key) for key, n in rows.items() if n}
        for key in empty:
            hour = partitions.parse_hour_key(key)
            before = sum(hour - back * partitions.HOUR in filled for back in range(1, 25))
            if busy or before == _LOOK_BACK // partitions.HOUR:
                failed[key] = {"rows": 0, "filled_hours_of_24_before": before}
    return Outcome(
        ARRIVED, AssetCheckSeverity.WARN, failed, {"rows": sum(rows.values()), "empty": len(empty)}
    )


def _filled_before(warehouse: Warehouse, source: str, stream: str, span: Span) -> set[dt.datetime]:
    frame = warehouse.read(
        "SELECT DISTINCT hour FROM meta.row_ledger WHERE source = $1 AND stream = $2 "
        "AND hour >= $3 AND hour < $4 AND rows_read > 0",
        (source, stream, span.start - _LOOK_BACK, span.start),
    )
    return {moment.to_pydatetime() for moment in frame["hour"]}
