"""What a table of the lake can hold, and how incoming Arrow data is fitted to it.

Delta Lake knows fewer types than Arrow. `storable` maps every Arrow type to the one it is stored
as; `conform` casts a batch to those types and to the columns that the table already has, and
raises `SchemaDrift` where that would change what a value means.
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from shop_assets.errors import UserError
from shop_assets.transforms.parts import Parts, fitted
from shop_assets.transforms.retyped import variant_name

HOUR = "_hour"
DATE = "_date"
HOUR_TYPE = pa.timestamp("us", "UTC")

_MAX_DECIMAL_DIGITS = 38


class SchemaDrift(UserError):  # noqa: N818 (what happened, as users call it)
    """A column no longer has the type that its table holds; nothing was written."""


def storable(kind: pa.DataType) -> pa.DataType:
    """The type in which a Delta table keeps values of `kind` (`null` stays `null`).

    Raises:
        TypeError: the type has no counterpart, like an interval or a union.
    """
    direct = _storable_scalar(kind)
    if direct is not None:
        return direct
    if pt.is_dictionary(kind) or pt.is_run_end_encoded(kind):
        return storable(kind.value_type)
    if pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind):
        return pa.list_(_inner(kind.value_type))
    if pt.is_struct(kind):
        return pa.struct([pa.field(field.name, _inner(field.type)) for field in kind])
    if pt.is_map(kind):
        return pa.map_(_inner(kind.key_type), _inner(kind.item_type))
    if isinstance(kind, pa.BaseExtensionType):
        return storable(kind.storage_type)
    raise TypeError(f"values of type {kind} cannot be stored in the lake")


def _inner(kind: pa.DataType) -> pa.DataType:
    """The same for a nested type, where "only nulls so far" has to be something: text."""
    return pa.string() if pt.is_null(kind) else storable(kind)


def _storable_scalar(kind: pa.DataType) -> pa.DataType | None:
    stored: pa.DataType | None = None
    if _is_stored_as_it_is(kind):
        stored = kind
    elif pt.is_unsigned_integer(kind):
        stored = {8: pa.int16(), 16: pa.int32(), 32: pa.int64()}.get(
            kind.bit_width, pa.decimal128(20, 0)
        )
    elif pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind):
        stored = pa.string()
    elif pt.is_timestamp(kind):
        stored = pa.timestamp("us") if kind.tz is None else HOUR_TYPE
    elif pt.is_decimal(kind):
        stored = pa.decimal128(min(kind.precision, _MAX_DECIMAL_DIGITS), kind.scale)
    elif pt.is_float16(kind):
        stored = pa.float32()
    elif pt.is_date64(kind):
        stored = pa.date32()
    elif pt.is_time(kind):
        stored = pa.string()
    elif pt.is_duration(kind):
        stored = pa.int64()
    elif _is_binary(kind):
        stored = pa.binary()
    return stored


def _is_stored_as_it_is(kind: pa.DataType) -> bool:
    return bool(
        pt.is_signed_integer(kind)
        or pt.is_float32(kind)
        or pt.is_float64(kind)
        or pt.is_boolean(kind)
        or pt.is_null(kind)
        or pt.is_date32(kind)
    )


def _is_binary(kind: pa.DataType) -> bool:
    return bool(
        pt.is_binary(kind)
        or pt.is_large_binary(kind)
        or pt.is_binary_view(kind)
        or pt.is_fixed_size_binary(kind)
    )


def conform(
    table: str, data: pa.Table, existing: pa.Schema | None, *, keep_retyped: bool = False
) -> pa.Table:
    """`data` with storable types, fitted to the columns that `existing` has.

    A column that holds nothing but nulls of no type takes the type it already has, or is left out
    until it has values. Numbers widen and narrow as long as no value changes. New columns are
    kept as they are. With `keep_retyped`, so is a column whose values do not fit its existing type,
    or whose spelling differs from it only in case: under a name of its own (`variant_name`).

    Raises:
        SchemaDrift: a column's values cannot be held in its existing type unchanged.
    """
    known = {} if existing is None else {field.name: field.type for field in existing}
    if keep_retyped:
        data = _respelled(data, known)
    _check_spelling(table, [*known, *(name for name in data.column_names if name not in known)])
    columns, names = [], []
    for name, column in zip(data.column_names, data.columns, strict=True):
        try:
            target = storable(column.type)
        except TypeError as error:
            raise SchemaDrift(f"Table {table}, column {name}: {error}.") from None
        expected = known.get(name)
        if not pt.is_null(target):
            try:
                columns.append(_fit(table, name, column, target, expected))
                names.append(name)
            except SchemaDrift:
                if not keep_retyped or expected is None or name.startswith("_"):
                    raise
                own = variant_name(name, target, data.column_names)
                columns.append(_fit(table, own, column, target, known.get(own)))
                names.append(own)
        elif expected is not None:
            columns.append(pa.chunked_array([pa.nulls(len(column), expected)]))
            names.append(name)
    return pa.Table.from_arrays(columns, names=names)


def conform_parts(
    table: str, data: Parts, existing: pa.Schema | None, *, keep_retyped: bool = False
) -> Parts:
    """`data` fitted part by part, as `conform` does it; raises `SchemaDrift` as that does.

    A column whose values fit in some parts only is one of two in the result.
    """

    def fit(part: pa.Table) -> pa.Table:
        return conform(table, part, existing, keep_retyped=keep_retyped)

    if not _hangs_on_values(data.schema, existing):
        return data.map(fit)
    schemas = [fit(part).schema for part in data.each()] or [fit(data.schema.empty_table()).schema]
    known = {field.name: field for schema in schemas for field in schema}
    schema = pa.schema(list(known.values()))
    return Parts(schema, lambda: (fitted(fit(part), schema) for part in data.each()))


def _hangs_on_values(schema: pa.Schema, existing: pa.Schema | None) -> bool:
    """Whether it takes a look at the values to know which of the columns fit."""
    if existing is None:
        return False
    known = {field.name: field.type for field in existing}
    return any(
        field.name in known
        and not pt.is_null(field.type)
        and storable(field.type) != known[field.name]
        for field in schema
    )


def _respelled(data: pa.Table, known: Mapping[str, pa.DataType]) -> pa.Table:
    """The data with other names where one differs from a known one only in case."""
    spelled = {name.lower(): name for name in known}
    names = [
        name
        if spelled.get(name.lower(), name) == name
        else variant_name(name, storable(column.type), data.column_names)
        for name, column in zip(data.column_names, data.columns, strict=True)
    ]
    return data.rename_columns(names)


def _check_spelling(table: str, names: Sequence[str]) -> None:
    spelled: dict[str, str] = {}
    for name in names:
        first = spelled.setdefault(name.lower(), name)
        if first != name:
            raise SchemaDrift(
                f"Table {table}, column {name}: found a name that differs from column {first} "
                "only in case, expected the same spelling; nothing was written."
            )


def _fit(
    table: str,
    name: str,
    column: pa.ChunkedArray,
    target: pa.DataType,
    expected: pa.DataType | None,
) -> pa.ChunkedArray:
    found = column.type
    try:
        if pt.is_duration(found):
            stored = column.cast(pa.duration("us"), safe=False).cast(target)
        else:
            # Nanoseconds are cut to the microseconds that PostgreSQL and Delta can hold.
            stored = column.cast(target, safe=not pt.is_timestamp(found))
        if expected is None or stored.type == expected:
            return stored
        if _may_become(stored.type, expected):
            return stored.cast(expected)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass  # a value that does not fit is the same mistake as a type that does not
    kept = target if expected is None else expected
    raise SchemaDrift(
        f"Table {table}, column {name}: found {found}, expected {kept}, the type in which the "
        "lake keeps it; nothing was written."
    )


def _may_become(found: pa.DataType, expected: pa.DataType) -> bool:
    """Whether a cast keeps the meaning: numbers to numbers, never text to numbers or back."""
    if pt.is_nested(found) and pt.is_nested(expected):
        return bool(found.id == expected.id)
    return _is_number(found) and _is_number(expected)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind))


def with_date(data: pa.Table) -> pa.Table:
    """`data` ordered by hour, with the partition column `_date` (UTC day of `_hour`) at its end.

    Ordered rows let readers skip the row groups of other hours inside a day's file.
    """
    if not _is_ordered(data.column(HOUR)):
        data = data.sort_by(HOUR)
    days = data.column(HOUR).cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
    encoded = days.combine_chunks().dictionary_encode()
    names = encoded.dictionary.cast(pa.string())
    dates = pa.DictionaryArray.from_arrays(encoded.indices, names).cast(pa.string())
    return data.append_column(DATE, dates)


def _is_ordered(hours: pa.ChunkedArray) -> bool:
    micros = hours.cast(pa.int64()).combine_chunks()
    return bool(
        len(micros) < 2  # noqa: PLR2004
        or pc.all(pc.greater_equal(micros.slice(1), micros.slice(0, len(micros) - 1))).as_py()
    )


def without_views(data: pa.Table, columns: Sequence[str], schema: pa.Schema) -> pa.Table:
    """`data` with the given columns, in the types of `schema` (the engine yields views)."""
    chosen = data.select(list(columns))
    if not columns:
        return chosen  # a cast would forget how many rows there are
    return chosen.cast(pa.schema([pa.field(name, schema.field(name).type) for name in columns]))
