"""Values of parameters as they are written in SQL."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

from shop_assets.warehouse.ddl import literal

Value = str | int | bool | dt.datetime | dt.date | None
"""What a parameter may be."""

_PLACE = re.compile(r"\$([1-9]\d*)")


def written_out(sql: str, parameters: Sequence[Value]) -> str:
    """A statement with its parameters (`$1` and so on) in their places, of the types they have.

    Raises:
        TypeError: a value is of no type that a parameter may be.
        IndexError: the statement names a parameter that is not given.
    """
    if not parameters:
        return sql
    texts = [_written(value) for value in parameters]
    return _PLACE.sub(lambda place: texts[int(place[1]) - 1], sql)


def _written(value: Value) -> str:
    # A moment is a date, too, and a bool is an int.
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return f"({value})::bigint"
        case str():
            return f"{literal(value)}::text"
        case dt.datetime():
            return f"{literal(value.isoformat())}::timestamptz"
        case dt.date():
            return f"{literal(value.isoformat())}::date"
        case _:
            raise TypeError(
                f"a parameter of SQL: found {type(value).__name__}, expected a text, "
                "a whole number, a truth value, a moment, a day or None"
            )
