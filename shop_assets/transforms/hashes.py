"""Hashes of rows by some of their columns, the same on every machine and in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]
_SAMPLE = 2000


def hashed(table: pa.Table, columns: Collection[str]) -> Hashes:
    """The hash of each row's values in these columns; uint64.

    By the columns' names, not their order; a null adds nothing, so that a column added later leaves
    the hashes of old rows alone.
    """
    total: Hashes = np.zeros(table.num_rows, dtype="uint64")
    for name in sorted(columns):
        total += _hash_column(table[name], name)
    return total


def _hash_column(column: pa.ChunkedArray, name: str) -> Hashes:
    # Text hashes as the bytes of its UTF-8 do; as bytes it need not be encoded for that.
    values = _comparable(column).cast(pa.binary()).combine_chunks()
    seed = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:16]
    if _repeats(values):
        encoded = values.dictionary_encode()
        of_each = np.append(_hash_bytes(encoded.dictionary, seed), np.uint64(0))
        codes = encoded.indices.fill_null(len(encoded.dictionary))
        repeated: Hashes = of_each[codes.to_numpy(zero_copy_only=False)]
        return repeated
    of_valid = _hash_bytes(values.drop_null(), seed)
    if not values.null_count:
        return of_valid
    spread: Hashes = np.zeros(len(values), np.uint64)
    spread[values.is_valid().to_numpy(zero_copy_only=False)] = of_valid
    return spread


def _repeats(values: pa.Array) -> bool:
    """Whether most values occur more than once, as far as the first ones tell."""
    sample = values[:_SAMPLE].drop_null()
    return 2 * int(pc.count_distinct(sample).as_py()) < len(sample)


def _hash_bytes(values: pa.Array, seed: str) -> Hashes:
    found = values.to_numpy(zero_copy_only=False)
    return pd.util.hash_array(found, hash_key=seed, categorize=False)


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
