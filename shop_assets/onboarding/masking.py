"""Personal data in what is shown to whoever sets a source up: masked, unless asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shop_assets.entities import ENTITIES, TableSpec
from shop_assets.settings.mapping import EntityMapping, FieldMapping

MASK = "•••"
_ADDRESS = re.compile(r"[^\s@=,(:]+@[^\s@=,):]+")


def personal_fields(spec: TableSpec, mappings: Mapping[str, EntityMapping]) -> set[str]:
    """The fields of an entity that hold personal data.

    Those that are declared so, and those made from a column that any entity of the stream takes
    personal data from: an e-mail address may serve as the customer's id.
    """
    declared = {column.name for column in spec.columns if column.pii}
    columns = {
        column
        for name, mapping in mappings.items()
        for field, origin in mapping.fields.items()
        if ENTITIES[name].column(field).pii
        for column in columns_of(origin)
    }
    made = {
        field
        for field, origin in mappings[spec.name].fields.items()
        if columns & set(columns_of(origin)) and not origin.fingerprint
    }
    return declared | made


def columns_of(field: FieldMapping) -> tuple[str, ...]:
    """The source's columns that a field is made from."""
    one = () if field.column is None else (field.column,)
    return (*one, *(field.fingerprint or ()), *(field.concat or ()))


def masked(text: str) -> str:
    """A text in which what looks like an e-mail address is hidden."""
    return _ADDRESS.sub(MASK, text)
