"""How PostgreSQL is asked for types, for columns that Arrow can hold, and for hashes of keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Numeric,
    Select,
    Subquery,
    Text,
    case,
    cast,
    extract,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIT, OID, array

from shop_assets.sources.key_text import ESCAPES, NOTHING, SEPARATOR
from shop_assets.sources.sql_plan import KeyPlan, Query, SourceColumn

_AS_THEY_ARE = {"bool", "int2", "int4", "int8", "float4", "float8", "text", "varchar"}


def taken_as_arrow(source: SourceColumn, column: ColumnElement[object]) -> ColumnElement[object]:
    """The column in a type that Arrow has, else as text; infinite times are null."""
    if source.code in _AS_THEY_ARE:
        return column
    if source.kind is not None:
        return case((func.isfinite(column), column))
    if source.code == "money":
        return cast(cast(column, Numeric), Text)
    return cast(column, Text)


def type_numbers(query: Query, names: Sequence[str]) -> Select[Any]:
    """The query for the numbers of its columns' types, joined by commas; it computes no row."""
    source = query.clause(names)
    nothing = select(*(source.c[name] for name in names)).limit(0).subquery("nothing")
    one = select(literal(1)).subquery("one")
    numbers = [cast(cast(func.pg_typeof(nothing.c[name]), OID), Text) for name in names]
    listed = func.array_to_string(array(numbers), ",")
    return select(listed).select_from(one.outerjoin(nothing, true()))


def key_ranges(plan: KeyPlan) -> Select[Any]:
    """The query for `range`, `keys` and `checksum`; the setting `shop.mask` says the ranges."""
    keys = _keys(plan)
    hashed = select(_hash(keys.c.key).label("hash")).subquery()
    number = _range(hashed.c.hash).label("range")
    checksum = cast(func.sum(hashed.c.hash), Text).label("checksum")
    return select().add_columns(number, func.count().label("keys"), checksum).group_by(number)


def keys_of_ranges(plan: KeyPlan) -> Select[Any]:
    """The query for the keys of the ranges that the setting `shop.ranges` lists."""
    keys = _keys(plan)
    listed = func.string_to_array(func.current_setting("shop.ranges"), ",")
    # A subquery is hashed once; an array would be searched from its start for every row.
    chosen = select(func.unnest(cast(listed, _NUMBERS)))
    return select(keys.c.key).where(_range(_hash(keys.c.key)).in_(chosen))


_NUMBERS: ARRAY[int] = ARRAY(BigInteger)


def _keys(plan: KeyPlan) -> Subquery:
    """The same texts as `shop_assets.sources.key_text` makes of what was read."""
    source = plan.relation.clause([c.name for c in plan.columns])
    parts = [_part(column, source.c[column.name]) for column in plan.columns]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.op("||")(SEPARATOR).op("||")(part)
    return select(whole.label("key")).select_from(source).subquery()


def _part(source: SourceColumn, column: ColumnElement[Any]) -> ColumnElement[Any]:
    read = taken_as_arrow(source, column)
    if source.kind == "date":
        text: ColumnElement[Any] = func.to_char(read, "YYYY-MM-DD")
    elif source.kind is not None:
        seconds = cast(extract("epoch", read), Numeric)
        text = cast(cast(seconds * 1_000_000, BigInteger), Text)
    else:
        text = cast(read, Text)
    for found, written in ESCAPES:
        text = func.replace(text, found, written)
    return func.coalesce(text, NOTHING)


def _hash(key: ColumnElement[Any]) -> ColumnElement[int]:
    digits = func.substr(func.md5(func.convert_to(key, "UTF8")), 1, 15)
    return cast(cast(literal("x").op("||")(digits), BIT(60)), BigInteger)


def _range(hashed: ColumnElement[int]) -> ColumnElement[int]:
    return hashed.op("&")(cast(func.current_setting("shop.mask"), BigInteger))
