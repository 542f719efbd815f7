"""Columns whose type a source has changed: what raw calls them, and how they are read again.

Raw keeps a column in the type in which it first came. Values of another type, which would have to
be bent to fit, are kept as they came in a column beside it: `price` in `price__string`. Which rows
came before the change and which after can thus always be told.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

_KIND = (
    r"(string|binary|bool|float|double|u?int\d+|decimal\d+_\w+|date\d+_\w+|timestamp_\w+|"
    r"(list|struct|map)_\w+)_*"
)
_A_KIND = re.compile(_KIND)


def variant_name(name: str, kind: pa.DataType, taken: Collection[str] = ()) -> str:
    """The column for values of a column that come as another type; a name that is not `taken`."""
    word = re.sub(r"\W+", "_", str(kind)).strip("_")
    found = f"{name}__{word}"
    while found in taken:
        found += "_"
    return found


def variants(columns: Iterable[str], name: str) -> list[str]:
    """Which of the columns hold values of `name` in other types."""
    begins = f"{name}__"
    return [c for c in columns if c.startswith(begins) and _A_KIND.fullmatch(c, len(begins))]


def original_name(column: str, columns: Collection[str]) -> str | None:
    """The column whose values in another type this one holds; None where it is one of its own."""
    found = re.fullmatch(r"(.+?)__" + _KIND, column)
    return found[1] if found is not None and found[1] in columns else None


def merged_types(rows: pa.Table, names: Iterable[str]) -> pa.Table:
    """The rows with each named column made whole: as text, where it came in several types."""
    for name in names:
        others = variants(rows.column_names, name)
        if not others:
            continue
        texts = [rows[column].cast(pa.string()) for column in (name, *others)]
        place = rows.column_names.index(name)
        rows = rows.set_column(place, name, pc.coalesce(*texts)).drop_columns(others)
    return rows


def unified(schemas: Sequence[pa.Schema]) -> tuple[list[list[str]], pa.Schema]:
    """One schema for tables with these, and the names that the columns of each have in it.

    A column that does not fit those before has a name of its own.
    """
    names = [schema.names for schema in schemas]
    distinct = list(dict.fromkeys(schema.remove_metadata() for schema in schemas))
    try:
        return names, pa.unify_schemas(distinct, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        fields: dict[str, pa.Field] = {}
        names = [_placed(schema, fields) for schema in schemas]
        return names, pa.schema(list(fields.values()))


def _placed(schema: pa.Schema, fields: dict[str, pa.Field]) -> list[str]:
    """The names of a schema's columns among `fields`, to which they are added in place."""
    names = []
    for field in schema:
        before = fields.get(field.name)
        fitting = field if before is None else _common(before, field)
        if fitting is None:
            named = field.with_name(variant_name(field.name, field.type))
            there = fields.get(named.name)
            fitting = named if there is None else _common(there, named) or named
        fields[fitting.name] = fitting
        names.append(fitting.name)
    return names


def _common(one: pa.Field, other: pa.Field) -> pa.Field | None:
    try:
        both = pa.unify_schemas(
            [pa.schema([one]), pa.schema([other])], promote_options="permissive"
        )
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return None
    return both.field(0)
