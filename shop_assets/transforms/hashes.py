"""Hashes of rows by some of their columns, the same on every machine and in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]
_SAMPLE = 2000
_FEW = 256
"""Of how many values the repeated ones are not looked for: to hash each takes less."""


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
    values = _as_bytes(column)
    if len(values) > _FEW and _repeats(values):
        encoded = values.dictionary_encode()
        of_each = np.append(_hash_bytes(encoded.dictionary, name), np.uint64(0))
        codes = encoded.indices.fill_null(len(encoded.dictionary))
        repeated: Hashes = of_each[codes.to_numpy(zero_copy_only=False)]
        return repeated
    if not values.null_count:
        return _hash_bytes(values, name)
    spread: Hashes = np.zeros(len(values), np.uint64)
    spread[values.is_valid().to_numpy(zero_copy_only=False)] = _hash_bytes(values.drop_null(), name)
    return spread


def _repeats(values: pa.Array) -> bool:
    """Whether most values occur more than once, as far as the first ones tell."""
    sample = values[:_SAMPLE].drop_null()
    return 2 * int(pc.count_distinct(sample).as_py()) < len(sample)


def _hash_bytes(values: pa.Array, name: str) -> Hashes:
    found = values.to_numpy(zero_copy_only=False)
    return pd.util.hash_array(found, hash_key=_seed(name), categorize=False)


@cache
def _seed(name: str) -> str:
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:16]


def _as_bytes(column: pa.ChunkedArray) -> pa.Array:
    """A column's bytes, or those of its text: these need not be decoded to be hashed."""
    kind = column.type
    # Before its chunks are joined, which those of a dictionary may not let be.
    if pa.types.is_nested(kind):
        written = [None if value is None else repr(value) for value in column.to_pylist()]
        column = pa.chunked_array([pa.array(written, pa.string())])
    elif pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        column = column.cast(pa.binary())
    elif not pa.types.is_string(kind) and not pa.types.is_binary(kind):
        column = column.cast(pa.string())
    values = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return values.view(pa.binary())
