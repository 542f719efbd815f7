"""What a connector read, made ready for the raw zone: hours, content hashes, one table."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

PROVENANCE = ("_change_time", "_position", "_delivery", "_error", "_line")
HOUR_TYPE = pa.timestamp("us", "UTC")


def assemble(batches: Iterable[pa.Table], start: dt.datetime) -> pa.Table:
    """One table of all batches, with `_hour` and `_row_hash`; none where nothing came.

    `start`: the first hour that is loaded; rows that changed before it (an overlapping window)
    belong to it. `_row_hash`: int64, of a row's own columns.
    """
    tables = [b for b in batches if b.num_rows]
    if not tables:
        return pa.table({})
    table = pa.concat_tables(tables, promote_options="permissive")
    first = pa.scalar(start, HOUR_TYPE)
    moments = table["_change_time"].cast(HOUR_TYPE)
    moments = pc.if_else(pc.less(moments, first), first, moments)
    table = table.append_column("_hour", pc.floor_temporal(moments, unit="hour").cast(HOUR_TYPE))
    return table.append_column("_row_hash", _hash(table))


def _hash(table: pa.Table) -> pa.Array:
    own = [n for n in table.column_names if n not in PROVENANCE and n != "_hour"]
    total = np.zeros(table.num_rows, dtype="uint64")
    # By name, and without nulls, so that a column added later leaves old rows' hashes alone.
    for name in sorted([*own, "_line"]):
        total += _hash_column(table[name], name)
    return pa.array(total.view("int64"))


def _hash_column(column: pa.ChunkedArray, name: str) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    encoded = _comparable(column).combine_chunks().dictionary_encode()
    distinct = encoded.dictionary.to_numpy(zero_copy_only=False)
    seed = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:16]
    hashed = np.append(
        pd.util.hash_array(distinct.astype(object), hash_key=seed, categorize=False), np.uint64(0)
    )
    codes = encoded.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)
    spread: np.ndarray[tuple[int], np.dtype[np.uint64]] = hashed[codes].astype("uint64")
    return spread


def _comparable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as text, or as the bytes that it has."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return column
    if pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return column.cast(pa.binary())
    if pa.types.is_nested(kind):
        written = [None if value is None else repr(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(written, pa.string())])
    return column.cast(pa.string())
