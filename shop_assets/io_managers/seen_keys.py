"""The keys of rows that were read, as the warehouse is to know them."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.sources.key_text import key_text
from shop_assets.transforms.extract import DELETED, ROW_HASH
from shop_assets.transforms.retyped import merged_types


def is_row(rows: pa.Table, *, broken: bool = False) -> pa.ChunkedArray:
    """Which are a source's rows that could be read (or are broken), and not tombstones."""
    wanted = pc.is_null(rows["_error"])
    if broken:
        wanted = pc.or_(wanted, pc.invert(wanted))
    if DELETED not in rows.column_names:
        return wanted
    return pc.and_(wanted, pc.invert(pc.fill_null(rows[DELETED], False)))


def seen_keys(rows: pa.Table, key: Collection[str], *, broken: bool = False) -> pa.Table:
    """The keys of rows that were read: key, hour, changed_at and row_hash.

    `broken`: those of rows that could not be read whole too, as far as they say their key.
    """
    if not rows.num_rows:
        return pa.table({})
    rows = merged_types(rows.filter(is_row(rows, broken=broken)), tuple(key))
    if broken:
        for name in key:
            rows = rows.filter(pc.or_(pc.is_null(rows["_error"]), pc.is_valid(rows[name])))
    return pa.table(
        {
            "key": key_text(rows, tuple(key)),
            "hour": rows["_hour"],
            "changed_at": rows["_change_time"],
            "row_hash": rows[ROW_HASH],
        }
    )
