"""The ledger of rows: what became of every row that was read, and the marts that show it."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pyarrow as pa

from shop_assets.transforms.clean import COUNTS
from shop_assets.warehouse import slices
from shop_assets.warehouse.connection import Cursor, Readable

_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("stream", pa.string()),
        ("entity", pa.string()),
        ("hour", pa.timestamp("us", "UTC")),
        *((name, pa.int64()) for name in COUNTS),
    ]
)


def record_counts(
    cursor: Cursor,
    entity: str,
    counts: pd.DataFrame,
    start: dt.datetime,
    end: dt.datetime,
    load_id: str,
) -> None:
    """Replace what is known of an entity's hours `[start, end)` by `counts` (see `clean`).

    The caller holds the lock on the hours.
    """
    staged = pa.Table.from_pandas(counts, schema=_SCHEMA, preserve_index=False)
    names = ", ".join(_SCHEMA.names)
    slices.stage(cursor, "counts", staged)
    cursor.execute(
        "CREATE TEMP TABLE recounted ON COMMIT DROP AS WITH gone AS ("
        "DELETE FROM meta.row_ledger WHERE entity = $1 AND hour >= $2 AND hour < $3 "
        "RETURNING hour) SELECT DISTINCT hour FROM gone",
        parameters=(entity, start, end),
    )
    cursor.execute(
        f"INSERT INTO meta.row_ledger ({names}, load_id) SELECT {names}, $1 FROM pg_temp.counts",
        parameters=(load_id,),
    )
    slices.mark_stale(
        cursor,
        "data_quality_hourly",
        "SELECT hour FROM pg_temp.recounted UNION SELECT hour FROM pg_temp.counts",
    )


def read_counts(warehouse: Readable, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """The counts of the hours `[start, end)`: `_SCHEMA`'s columns."""
    names = ", ".join(_SCHEMA.names)
    return warehouse.read(
        f"SELECT {names} FROM meta.row_ledger WHERE hour >= $1 AND hour < $2", (start, end)
    )
