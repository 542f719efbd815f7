"""Where each read of a source ended, kept with the load that brought its rows to raw."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from shop_assets.warehouse.connection import Warehouse


def record(
    warehouse: Warehouse,
    source: str,
    stream: str,
    window: tuple[dt.datetime, dt.datetime],
    checkpoint: Mapping[str, Any] | None,
    load_id: str,
) -> None:
    """Keep the checkpoint of a window whose rows are in raw, in the place of those inside of it."""
    with warehouse.transaction() as cursor:
        cursor.execute(
            "DELETE FROM meta.source_checkpoints WHERE source = $1 AND stream = $2 "
            "AND window_start >= $3 AND window_end <= $4",
            parameters=(source, stream, *window),
        )
        cursor.execute(
            "INSERT INTO meta.source_checkpoints "
            "(source, stream, window_start, window_end, checkpoint, load_id) "
            "VALUES ($1, $2, $3, $4, $5::jsonb, $6)",
            parameters=(source, stream, *window, json.dumps(checkpoint), load_id),
        )


def before(
    warehouse: Warehouse, source: str, stream: str, start: dt.datetime
) -> Mapping[str, Any] | None:
    """The checkpoint of the newest window that ended when `start` is, or before; None at first."""
    with warehouse.transaction() as cursor:
        cursor.execute(
            "SELECT checkpoint::text FROM meta.source_checkpoints "
            "WHERE source = $1 AND stream = $2 AND window_end <= $3 "
            "ORDER BY window_end DESC, window_start DESC LIMIT 1",
            parameters=(source, stream, start),
        )
        row = cursor.fetchone()
    found: Mapping[str, Any] | None = None if row is None else json.loads(row[0])
    return found


def read_until(
    warehouse: Warehouse, source: str, stream: str, hour: dt.datetime
) -> tuple[dt.datetime, Mapping[str, Any] | None] | None:
    """How far an hour that is not over was read, and that read's checkpoint; None if not at all."""
    with warehouse.transaction() as cursor:
        cursor.execute(
            "SELECT window_end, checkpoint::text FROM meta.source_checkpoints "
            "WHERE source = $1 AND stream = $2 AND window_start >= $3 "
            "AND window_end < $3 + interval '1 hour' ORDER BY window_end DESC LIMIT 1",
            parameters=(source, stream, hour),
        )
        row = cursor.fetchone()
    return None if row is None else (row[0], json.loads(row[1]))
