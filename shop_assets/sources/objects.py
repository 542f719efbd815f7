"""Objects of an API as rows: declared columns as text, and the whole object beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from shop_assets.sources.encoding import readable
from shop_assets.sources.limits import Limits
from shop_assets.sources.protocol import PROVENANCE

OBJECT = "object"
"""The column with the whole object, as JSON."""

Columns = Mapping[str, str]
"""A column's name, and where its value is in the object: names of keys, parted by dots."""

_LIMITS = Limits()


def table(
    objects: Sequence[Mapping[str, Any]],
    columns: Columns,
    *,
    changed: Sequence[datetime | int],
    positions: Sequence[str],
    delivery: str = "",
) -> pa.Table:
    """A batch of objects: the columns, `object` and `PROVENANCE`; all but the change time text.

    `changed`: of each object, a moment or microseconds since 1970. Numbers are written as the
    source wrote them, truth values as `true` and `false`, what is nested as JSON; null is null, and
    so is what is absent. An object that is longer than `Limits.record` or holds what no database
    keeps becomes a broken row.
    """
    texts = [_text(each) for each in objects]
    wrong = [_fault(text, each) for text, each in zip(texts, objects, strict=True)]
    good = [each if fault is None else {} for each, fault in zip(objects, wrong, strict=True)]
    paths = {name: path.split(".") for name, path in columns.items()}
    data: dict[str, pa.Array] = {
        name: pa.array([_word(_at(each, path)) for each in good], pa.string())
        for name, path in paths.items()
    }
    kept = [text if fault is None else None for text, fault in zip(texts, wrong, strict=True)]
    data[OBJECT] = pa.array(kept, pa.string())
    times = PROVENANCE.field("_change_time").type
    micros = [c if isinstance(c, int) else _micros(c) for c in changed]
    lines = [
        None if fault is None else readable((text or "").encode("utf-8", "replace"), _LIMITS.line)
        for text, fault in zip(texts, wrong, strict=True)
    ]
    data["_change_time"] = pa.array(micros, pa.int64()).cast(pa.timestamp("us")).cast(times)
    data["_position"] = pa.array(map(_kept, positions), pa.string())
    data["_delivery"] = pa.repeat(pa.scalar(delivery), len(objects))
    data["_error"] = pa.array(wrong, pa.string())
    data["_line"] = pa.array(lines, pa.string())
    fields = [
        PROVENANCE.field(name) if name in PROVENANCE.names else pa.field(name, pa.string())
        for name in data
    ]
    return pa.Table.from_arrays(list(data.values()), schema=pa.schema(fields))


def _at(value: Any, path: Sequence[str]) -> Any:
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def _word(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value) if isinstance(value, int) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_number)


def _number(value: object) -> Any:
    """Of what JSON does not know: a decimal, written as a number by `json` only as text."""
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} is no value of JSON")


def _text(value: Any) -> str | None:
    """The object as JSON; None where it is nested more deeply than JSON is written."""
    try:
        return _json(value)
    except RecursionError:
        return None


def _kept(position: str) -> str:
    """A position, made of what may be in a broken row, as any database keeps it."""
    if position.isprintable() and position.isascii():
        return position
    return readable(position.encode("utf-8", "replace"), _LIMITS.line)


def _fault(text: str | None, value: Mapping[str, Any]) -> str | None:
    if text is None:
        return "the object is nested too deeply"
    if len(text) > _LIMITS.record:
        return f"the object is longer than {_LIMITS.record:,} characters"
    if "\\u0000" in text and _holds_nul(value):
        return "a NUL character stands in the object"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "half a surrogate pair stands in the object"
    return None


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        return any(_holds_nul(key) or _holds_nul(part) for key, part in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
