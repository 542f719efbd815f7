"""What each raw row is: mapped to an entity's fields, typed, judged by rules, validated."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pandera.errors
import pyarrow as pa

from shop_assets.entities import TableSpec
from shop_assets.entities.meeting import meets
from shop_assets.settings.mapping import EntityMapping
from shop_assets.transforms.deduplicate import newest_attempts
from shop_assets.transforms.fields import (
    StreamOrigin,
    constant,
    end_deleted,
    expected,
    map_fields,
    named_columns,
    require_columns,
    tombstones,
)
from shop_assets.transforms.parse import LARGEST_MONEY
from shop_assets.transforms.retyped import merged_types, variants
from shop_assets.transforms.rules import matching

_TIME = pa.timestamp("us", "UTC")
_KEPT = {
    "_hour": _TIME,
    "_change_time": _TIME,
    "_extracted_at": _TIME,
    "_position": pa.string(),
    "_delivery": pa.string(),
    "_load_id": pa.string(),
    "_row_hash": pa.int64(),
}
_OUTCOME = {
    "_rule": pa.string(),
    "_reason": pa.string(),
    "_row": pa.string(),
    "_repaired": pa.bool_(),
}


def judged_schema(spec: TableSpec) -> pa.Schema:
    """The columns of judged rows: the entity's, of which any may be null, and those of `judge`."""
    fields = [field.with_nullable(True) for field in spec.arrow_schema]
    return pa.schema([*fields, *(pa.field(n, t) for n, t in {**_KEPT, **_OUTCOME}.items())])


def numbers_repeats(mapping: EntityMapping) -> bool:
    """Whether equal rows are numbered, so that a delivery's rows can only be judged together."""
    return any(field.repeats == "keep" for field in mapping.fields.values())


@dataclass(frozen=True)
class Mapped:
    """Raw rows of one stream that concern one entity, read as its fields; `judge` uses them up.

    `raw`: all raw rows, columns as they first came. `rows`: those that concern the entity; of them
    `fields` are the entity's, and `faults` tells which of these could not be read.
    """

    raw: pa.Table
    rows: pd.DataFrame
    fields: pd.DataFrame
    faults: pd.DataFrame


def map_rows(
    raw: pa.Table,
    spec: TableSpec,
    mapping: EntityMapping,
    origin: StreamOrigin,
    *,
    takes_unreadable: bool = True,
    changed_columns: Collection[str] = (),
) -> Mapped:
    """Read raw rows of one stream as an entity's fields, those rows that concern it.

    `raw`: the source's columns with those of `sources.protocol.PROVENANCE`, `_hour`, `_load_id`,
    `_row_hash` and, where there were several attempts, `_extracted_at`.
    `takes_unreadable`: whether rows that could not be decoded are this entity's to account for; a
    stream gives them to one of its entities. `changed_columns`: which may be lacking, or have come
    in another type than at first.
    A tombstone does not concern an entity of which several rows describe the same one, since the
    others may still be there.

    Raises `MissingColumnError` where the mapping names a column that no row has, or that has
    changed.
    """
    raw = merged_types(raw, changed_columns)
    rows = raw.select(_needed(raw, spec, mapping)).to_pandas(types_mapper=_types)
    if numbers_repeats(mapping):
        rows = newest_attempts(rows)
    unreadable = rows["_error"].notna()
    rows = require_columns(rows, spec, mapping, changed_columns)
    fields, faults = map_fields(rows, spec, mapping, origin)
    concerned = (
        matching(rows, fields, mapping.only_when)
        if mapping.only_when is not None
        else pd.Series(True, index=rows.index)
    ) & ~unreadable
    if takes_unreadable:
        concerned |= unreadable
    if mapping.grain == "folded":
        concerned &= ~tombstones(rows)
    if not concerned.all():
        rows, fields, faults = rows[concerned], fields[concerned], faults[concerned]
    return Mapped(raw, rows, fields, faults)


def judge(mapped: Mapped, spec: TableSpec, mapping: EntityMapping) -> pd.DataFrame:
    """Rows of one entity, each with what is wrong with it. Changes what was mapped.

    A tombstone becomes a deleted version of its row.

    Returns the entity's columns; what raw says of where the rows stood; `_rule` and `_reason` (null
    where a row is good), `_row` (of others: the raw row as JSON, or the text that was not
    decodable) and `_repaired`.
    Raises `UnfitValueError` where a rule sets a field to what cannot be its value.
    """
    rows, fields, faults = mapped.rows, mapped.fields, mapped.faults
    reason = rows["_error"].astype("str")
    rule = pd.Series(pd.NA, index=rows.index, dtype="str").mask(reason.notna(), "unreadable")
    repaired = _apply_rules(rows, fields, faults, spec, mapping, rule, reason)
    end_deleted(rows, fields, faults)
    for name in faults.columns:
        misread = rule.isna() & faults[name]
        rule = rule.mask(misread, "unreadable_value")
        reason = reason.mask(misread, f"{name} cannot be read as {expected(spec, mapping, name)}")
    too_large = rule.isna() & _too_large(fields)
    rule = rule.mask(too_large, "too_large")
    reason = reason.mask(too_large, "quantity times price is beyond 10^11 of the currency")
    _validate(fields, spec, rule, reason)
    kept = {name: rows[name] for name in _KEPT if name in rows.columns}
    kept.setdefault("_extracted_at", pd.Series(pd.NaT, index=rows.index).dt.tz_localize("UTC"))
    outcome = {"_rule": rule, "_reason": reason, "_row": _texts(mapped.raw, rows, rule)}
    return fields.assign(**kept, **outcome, _repaired=repaired)


def _needed(raw: pa.Table, spec: TableSpec, mapping: EntityMapping) -> list[str]:
    """The columns that judging looks at: rows of others are only taken where they are set aside."""
    named = named_columns(spec, mapping)
    wanted = {*named, *(v for name in named for v in variants(raw.column_names, name))}
    return [n for n in raw.column_names if n in wanted or n.startswith("_")]


def _types(arrow: pa.DataType) -> object:
    if pa.types.is_integer(arrow):
        return pd.Int64Dtype()
    if pa.types.is_boolean(arrow):
        return pd.BooleanDtype()
    if pa.types.is_date(arrow):
        return pd.ArrowDtype(arrow)
    return None


def _apply_rules(
    rows: pd.DataFrame,
    fields: pd.DataFrame,
    faults: pd.DataFrame,
    spec: TableSpec,
    mapping: EntityMapping,
    rule: pd.Series,
    reason: pd.Series,
) -> pd.Series:
    """Apply the rules to `fields`, `rule` and `reason` in place; give back which were repaired.

    A field that a rule sets is no longer one that could not be read.
    """
    repaired = pd.Series(False, index=rows.index)
    decided: dict[str, pd.Series] = {}
    for declared in mapping.rules:
        meets = matching(rows, fields, declared.when)
        if declared.quarantine is not None:
            fresh = meets & rule.isna()
            rule[fresh], reason[fresh] = declared.name, declared.quarantine
            continue
        for name, value in declared.set.items():
            already = decided.setdefault(name, pd.Series(False, index=rows.index))
            fresh = meets & ~already
            fields[name] = fields[name].mask(fresh, constant(spec, name, value, declared.name))
            if name in faults.columns:
                faults[name] &= ~fresh
            decided[name] = already | fresh
        if declared.repair:
            repaired |= meets
    return repaired


def _too_large(fields: pd.DataFrame) -> pd.Series:
    """Lines whose amount would not fit, or whose sums with others would not."""
    if not {"quantity", "unit_price_micros"} <= set(fields.columns):
        return pd.Series(False, index=fields.index)
    amount = fields["quantity"].astype("Float64") * fields["unit_price_micros"].astype("Float64")
    return (amount.abs() > LARGEST_MONEY).fillna(False).astype(bool)


def _validate(fields: pd.DataFrame, spec: TableSpec, rule: pd.Series, reason: pd.Series) -> None:
    """Mark in place each row that the entity's Pandera model refuses."""
    good = rule.isna()
    if meets(fields, spec.pandera, good):
        return
    try:
        spec.pandera.validate(fields[good], lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
        of_rows = cases[cases["index"].notna()]
        if len(of_rows) < len(cases):
            # Not a fault of rows, but of the frame: a mistake of this code, not of the data.
            raise
        cause = of_rows["column"].astype("str") + " fails " + of_rows["check"].astype("str")
        first = pd.Series(cause.to_numpy(), index=of_rows["index"].astype("int64").to_numpy())
        first = first[~first.index.duplicated()]
        rule.loc[first.index] = "contract"
        reason.loc[first.index] = first


def _texts(raw: pa.Table, rows: pd.DataFrame, rule: pd.Series) -> pd.Series:
    """The text of each row that is set aside, null for others."""
    texts = pd.Series(pd.NA, index=rows.index, dtype="str")
    bad = rule.notna()
    undecoded = bad & rows["_line"].notna()
    texts = texts.mask(undecoded, rows["_line"].astype("str"))
    decoded = rule.index[bad & ~undecoded]
    own = [name for name in raw.column_names if not name.startswith("_")]
    if len(decoded) and own:
        taken = raw.select(own).take(pa.array(decoded)).to_pandas(types_mapper=_types)
        for name in taken.columns:
            if pd.api.types.is_object_dtype(taken[name].dtype):
                taken[name] = taken[name].map(_shown)
        lines = taken.to_json(orient="records", lines=True, date_format="iso", date_unit="us")
        texts.loc[decoded] = lines.rstrip("\n").split("\n")
    return texts


def _shown(value: object) -> object:
    """A value for JSON, which has no bytes, wherever they are in it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {str(name): _shown(part) for name, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_shown(part) for part in value]
    return value
