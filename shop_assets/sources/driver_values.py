"""What a driver of Python's gives, row by row, as columns of Arrow; what cannot be kept is said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from shop_assets.sources.decoded import Broken
from shop_assets.sources.encoding import readable
from shop_assets.sources.limits import Limits
from shop_assets.sources.sql_plan import Part, SourceColumn
from shop_assets.sources.storable import unstorable

_LINE = Limits().line
_UNFIT = (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError, OverflowError)
_ARROW = {
    "instant": pa.timestamp("us", "UTC"),
    "local": pa.timestamp("us"),
    "date": pa.date32(),
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
}


def part_of(columns: Sequence[SourceColumn], rows: Sequence[Any]) -> Part:
    """The rows as Arrow, each column as its `code` says; a value that is none breaks its row."""
    values = list(zip(*rows, strict=True))
    arrays: list[pa.Array] = []
    reasons: dict[int, str] = {}
    for source, column in zip(columns, values, strict=True):
        array, wrong = _array(source, column)
        arrays.append(array)
        for index in wrong:
            found = readable(str(column[index]).encode("utf-8", "surrogateescape"), 60)
            reasons.setdefault(
                index, f"{source.name} is {found!r}, which is no {source.type} to keep"
            )
    table = pa.table(arrays, names=[source.name for source in columns])
    broken = [
        Broken(index, reason, _shown(columns, rows[index]))
        for index, reason in sorted(reasons.items())
    ]
    return Part(table, broken)


def _shown(columns: Sequence[SourceColumn], row: Sequence[Any]) -> str:
    named = {source.name: value for source, value in zip(columns, row, strict=True)}
    text = json.dumps(named, default=str, ensure_ascii=False)
    return readable(text.encode("utf-8", "surrogateescape"), _LINE)


def _array(source: SourceColumn, values: Sequence[Any]) -> tuple[pa.Array, list[int]]:
    """The column as Arrow; and the indexes of values that it cannot take, which are null."""
    kind = _ARROW.get(source.code, pa.string())
    given: Sequence[Any] = values
    if kind == pa.string():
        given = [value if value is None or type(value) is str else _word(value) for value in values]
    elif source.code == "instant":
        given = [v.replace(tzinfo=UTC) if v is not None and not v.tzinfo else v for v in values]
    wrong: list[int] = []
    try:
        array = pa.array(given, kind)
    except _UNFIT:
        kept: list[Any] = []
        for index, value in enumerate(given):
            try:
                kept.append(pa.scalar(value, kind).as_py())
            except _UNFIT:
                kept.append(None)
                wrong.append(index)
        array = pa.array(kept, kind)
    if kind == pa.string() and len(bad := unstorable(array)):
        wrong += bad.tolist()
        keep = np.ones(len(array), bool)
        keep[bad] = False
        array = pa.array(
            [v if k else None for v, k in zip(array.to_pylist(), keep, strict=True)], kind
        )
    return array, wrong


def _word(value: Any) -> str:
    """A value of any type as text, exactly."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
