"""From a stream's columns to an entity's fields, as its mapping says."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pandas as pd

from shop_assets.entities import TableSpec
from shop_assets.settings.mapping import EntityMapping, FieldMapping, Scalar
from shop_assets.transforms.extract import DELETED, LACKING, noted_lacking
from shop_assets.transforms.parse import read_field
from shop_assets.transforms.retyped import variants


@dataclass(frozen=True)
class StreamOrigin:
    """Where rows come from, and what holds for them unless they say otherwise."""

    source: str
    stream: str
    timezone: str
    currency: str


class MissingColumnError(KeyError):
    """A mapping names a column that the stream's rows do not have."""


class UnfitValueError(MissingColumnError):
    """A rule sets a field to what it cannot hold."""


def map_fields(
    rows: pd.DataFrame, spec: TableSpec, mapping: EntityMapping, origin: StreamOrigin
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The entity's fields, and which of them could not be read (a column of bools for each)."""
    faults: dict[str, pd.Series] = {}
    currency = pd.Series(origin.currency, index=rows.index, dtype="str")
    data: dict[str, pd.Series] = {"source": pd.Series(origin.source, index=rows.index, dtype="str")}
    # The currency first: the money of a row is read by it.
    names = sorted(mapping.fields, key=lambda name: name != "currency")
    for name in names:
        target = spec.column(name)
        values, bad = read_field(rows, mapping.fields[name], target, currency, origin.timezone)
        data[name] = values.astype(target.pandas)
        if bad.any():
            faults[name] = bad
        if name == "currency":
            currency = data[name].fillna(origin.currency)
    for name, default in (("version_at", rows["_change_time"]), ("deleted", False)):
        if name not in data and name in spec.column_names:
            data[name] = pd.Series(default, index=rows.index).astype(spec.column(name).pandas)
    if "currency" in spec.column_names and "currency" not in data:
        data["currency"] = currency
    fields = spec.conform(pd.DataFrame(data, index=rows.index))
    for name, fallback in _NEUTRAL.items():
        if name in fields.columns and name not in mapping.fields:
            column = spec.column(name)
            if not column.nullable:
                fields[name] = fields[name].fillna(fallback)
    return fields, pd.DataFrame(faults, index=rows.index, dtype=bool)


_WORDS = {
    "text": "text without NUL",
    "int": "a whole number of at most 15 digits",
    "bool": "true or false",
    "timestamp": "a time from 1900 to 2199",
    "date": "a date from 1900 to 2199",
    "float": "a number",
}


def expected(spec: TableSpec, mapping: EntityMapping, name: str) -> str:
    """What a field should have held, in the words of a reason for quarantine."""
    field, target = mapping.fields[name], spec.column(name)
    if field.strict_map:
        return "a word of its map"
    if target.is_money:
        return f"an amount of money in {field.money or 'major'} units"
    if target.kind == "text" and (target.key or name.endswith("_id")):
        return "an id: text without NUL of at most 255 characters"
    return _WORDS[target.kind]


_NEUTRAL: dict[str, Any] = {
    "discount_micros": 0,
    "shipping_micros": 0,
    "tax_micros": 0,
    "fee_micros": 0,
    "committed": 0,
    "unavailable": 0,
    "impressions": 0,
    "clicks": 0,
    "is_test": False,
    "is_bot": False,
    "line_type": "article",
    "status": "open",
}
"""What a field is where its source says nothing of it at all (not: where one row is empty)."""


def tombstones(rows: pd.DataFrame) -> pd.Series:
    """Which rows say that their key is gone from the source."""
    if DELETED not in rows.columns:
        return pd.Series(False, index=rows.index)
    return rows[DELETED].fillna(False).astype(bool)


def end_deleted(rows: pd.DataFrame, fields: pd.DataFrame, faults: pd.DataFrame) -> None:
    """Make tombstones deleted versions from their change time on, whatever the mapping says."""
    gone = tombstones(rows)
    if gone.any():
        fields.loc[gone, "deleted"] = True
        fields.loc[gone, "version_at"] = rows.loc[gone, "_change_time"]
        for name in faults.columns.intersection(["deleted", "version_at"]):
            faults.loc[gone, name] = False


def require_columns(
    rows: pd.DataFrame,
    spec: TableSpec,
    mapping: EntityMapping,
    changed_columns: Collection[str] = (),
) -> pd.DataFrame:
    """The rows, in which every column that the mapping names is to be found as it always was.

    `changed_columns`: those that may be lacking by now, or have another type.
    """
    named = named_columns(spec, mapping)
    for column, where in named.items():
        if column not in changed_columns:
            _refuse_changed(rows, column, where)
    missing = [column for column in named if column not in rows.columns]
    if missing and rows["_error"].notna().all():
        # Where no row could be decoded, nothing is known of the columns.
        return rows.assign(**{c: pd.Series(pd.NA, index=rows.index, dtype="str") for c in missing})
    for column in missing:
        raise MissingColumnError(f"column {column}, which {named[column]} needs, is not there")
    return rows


def named_columns(spec: TableSpec, mapping: EntityMapping) -> dict[str, str]:
    """The source's columns that the mapping names, each with what needs it.

    Raises `MissingColumnError` where a condition names a field that the entity does not have.
    """
    named: dict[str, str] = {}
    for name, field in mapping.fields.items():
        for column in _columns_of(field):
            named[column] = f"{spec.name}.{name}"
    conditions = [(f"rule {rule.name} of {spec.name}", rule.when) for rule in mapping.rules]
    conditions.append((f"only_when of {spec.name}", mapping.only_when or {}))
    for where, when in conditions:
        for column in when:
            if not column.startswith("@"):
                named[column] = where
            elif column[1:] not in spec.column_names:
                raise MissingColumnError(f"field {column[1:]}, which {where} needs, is not there")
    return named


def ungiven_fields(spec: TableSpec, mapping: EntityMapping) -> list[str]:
    """The fields that every row of the entity must have, and that nothing in the mapping gives.

    Without them, each row is set aside.
    """
    given = {"source", "version_at", "deleted", "currency", *_NEUTRAL, *mapping.fields}
    given |= {name for rule in mapping.rules for name in rule.set}
    return [c.name for c in spec.columns if not c.nullable and c.name not in given]


def _refuse_changed(rows: pd.DataFrame, column: str, where: str) -> None:
    """Stop rather than read nulls where the source has dropped or retyped a column."""
    remedy = "change the mapping, or name the column in changed_columns once it takes that"
    if LACKING in rows.columns and column in noted_lacking(rows[LACKING].dropna().unique()):
        raise MissingColumnError(
            f"column {column}, which {where} needs, is no longer there in the source; {remedy}"
        )
    for other in variants(rows.columns, column):
        if rows[other].notna().any():
            kind = other.removeprefix(f"{column}__")
            raise MissingColumnError(
                f"column {column}, which {where} needs, has changed its type in the source and "
                f"is now {kind}; {remedy}"
            )


def _columns_of(field: FieldMapping) -> tuple[str, ...]:
    if field.column is not None:
        return (field.column,)
    return (*(field.fingerprint or ()), *(field.concat or ()))


def constant(spec: TableSpec, name: str, value: Scalar | None, rule: str) -> Any:
    """A rule's value as the field's type has it, read like a mapping's `value`."""
    if value is None:
        return pd.NA
    target = spec.column(name)
    nothing = pd.DataFrame({"currency": pd.Series([pd.NA], dtype="str")})
    unit: Any = "micros" if target.is_money else None
    written = FieldMapping(value=value, money=unit)
    read, bad = read_field(nothing, written, target, nothing["currency"], "UTC")
    if bad.iloc[0]:
        raise UnfitValueError(
            f"{value!r}, to which rule {rule} of {spec.name} sets {name}, is not "
            f"{_WORDS[target.kind]}"
        )
    return read.iloc[0]
