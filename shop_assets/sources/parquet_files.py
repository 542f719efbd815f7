"""Parquet, typed as the file says, with bounded memory; what would unpack to too much is refused.

Decimals become text (exact), times microseconds, nested values JSON text. A footer's
sizes can lie: the pages' own are looked at, and text is read as dictionary and indexes, so that its
real size is known before it is unfolded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shop_assets.settings.file_streams import FileStream
from shop_assets.sources.decoded import Broken, Decoded, Lines, column_names
from shop_assets.sources.errors import SourceError
from shop_assets.sources.limits import Limits
from shop_assets.sources.parquet_pages import MalformedPageError, unpacked_size
from shop_assets.sources.storable import readable_value, unstorable

_LEAST_ROWS = 1024


def read_parquet(raw: Any, stream: FileStream, where: str, limits: Limits) -> Iterator[Decoded]:
    """Yield the file's rows in order. `SourceError` where it is no Parquet, damaged or a bomb."""
    packed = raw.size()
    if packed <= limits.held:
        raw = pa.BufferReader(raw.read_buffer(packed))  # one request instead of one for each page
    try:
        file = pq.ParquetFile(raw)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise SourceError(f"{where} is not a Parquet file: {_reason(error)}") from error
    metadata = file.metadata
    declared = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    _refuse_bomb(declared, packed, where, limits)
    try:
        real = unpacked_size(raw, metadata, max(limits.expanded, limits.expansion * packed))
    except MalformedPageError as error:
        raise SourceError(f"{where} is damaged: {error}") from error
    _refuse_bomb(real, packed, where, limits)
    schema = file.schema_arrow
    names = column_names(schema.names, stream.rename, where, limits.columns)
    texts = [field.name for field in schema if _is_text(field.type)]
    file = pq.ParquetFile(raw, read_dictionary=texts)
    first, total = 1, 0
    try:
        for batch in file.iter_batches(batch_size=_rows_per_batch(limits, len(names))):
            table = pa.Table.from_batches([batch])
            size = _unfolded(table)
            total += size
            _refuse_bomb(total, packed, where, limits)
            step = max(1, table.num_rows // (size // limits.batch + 1))
            for at in range(0, table.num_rows, step):
                yield _decoded(table.slice(at, step), names, first + at, limits)
            first += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{where} is damaged: {_reason(error)}") from error


def _rows_per_batch(limits: Limits, columns: int) -> int:
    return max(_LEAST_ROWS, min(limits.batch_rows, limits.batch_rows * 16 // max(1, columns)))


def _decoded(table: pa.Table, names: list[str], first: int, limits: Limits) -> Decoded:
    lines = np.arange(first, first + table.num_rows)
    reasons: dict[int, str] = {}
    columns: list[pa.Array] = []
    for name, column in zip(names, table.columns, strict=True):
        kept, long = _without_long(column.combine_chunks(), limits.record)
        reasons |= {int(i): f"{name} is longer than {limits.record:,} bytes" for i in long}
        columns.append(_plain(kept))
    for place, (name, column) in enumerate(zip(names, columns, strict=True)):
        if pa.types.is_string(column.type):
            bad = unstorable(column)
            reasons |= {int(i): f"{name} holds NUL or is not valid UTF-8" for i in bad}
            if len(bad):
                readable = [readable_value(value) for value in column.cast(pa.binary()).to_pylist()]
                columns[place] = pa.array(readable, pa.string())
    rows = pa.table(columns, names=names)

    def text_of_all(table: pa.Table, indexes: Lines) -> list[str]:
        records = table.take(pa.array(indexes)).to_pylist()
        return [
            json.dumps(record, default=str, ensure_ascii=False)[: limits.line] for record in records
        ]

    good = np.setdiff1d(np.arange(len(lines)), np.array(list(reasons), np.int64))
    bad = np.array(sorted(reasons), np.int64)
    broken = [
        Broken(int(lines[index]), reasons[int(index)], text)
        for index, text in zip(bad, text_of_all(rows, bad), strict=True)
    ]
    chosen = rows.take(pa.array(good)) if broken else rows
    return Decoded(chosen, lines[good], lambda indexes: text_of_all(chosen, indexes), broken)


def _without_long(
    column: pa.Array | pa.ChunkedArray, longest: int
) -> tuple[pa.Array | pa.ChunkedArray, Lines]:
    """The column with null for texts that are too long, and their indexes."""
    kind = column.type
    nothing = np.array([], np.int64)
    if not pa.types.is_dictionary(kind) or not _is_text(kind.value_type):
        return column, nothing
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.unify_dictionaries().chunks)
    too_long = pc.greater(pc.binary_length(array.dictionary), longest)
    if not pc.any(too_long).as_py():
        return array, nothing
    long = pc.fill_null(too_long.take(array.indices), False)
    indices = pc.if_else(long, pa.scalar(None, array.indices.type), array.indices)
    kept = pa.DictionaryArray.from_arrays(indices, array.dictionary)
    return kept, np.flatnonzero(long.to_numpy(zero_copy_only=False))


def _refuse_bomb(size: int, packed: int, where: str, limits: Limits) -> None:
    if size > limits.expanded and size > limits.expansion * packed:
        raise SourceError(
            f"{where} unpacks to more than {limits.expansion} times its size; "
            f"a file of a shop's rows is expected"
        )


def _unfolded(table: pa.Table) -> int:
    """The bytes that the table takes once its dictionaries are unfolded."""
    size = 0
    for column in table.columns:
        for chunk in column.chunks:
            if pa.types.is_dictionary(chunk.type) and _is_text(chunk.type.value_type):
                lengths = pc.binary_length(chunk.dictionary)
                size += pc.sum(lengths.cast(pa.int64()).take(chunk.indices)).as_py() or 0
            else:
                size += chunk.nbytes
    return size


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The column in types that every later layer knows."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _plain(array.dictionary_decode())
    if pa.types.is_timestamp(kind):
        return array.cast(pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_decimal(kind) or pa.types.is_time(kind) or _is_text(kind):
        return array.cast(pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.array([None if v is None else "\\x" + v.hex() for v in array.to_pylist()])
    if pa.types.is_nested(kind):
        values = array.to_pylist()
        texts = [None if v is None else json.dumps(v, default=str) for v in values]
        return pa.array(texts, pa.string())
    return array


def _reason(error: Exception) -> str:
    return str(error).split("\n")[0].rsplit(": ", maxsplit=1)[-1].strip().rstrip(".")
