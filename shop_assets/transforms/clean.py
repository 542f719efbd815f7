"""From raw rows to an entity's rows: mapped, typed, judged by rules, validated, deduplicated.

Every raw row ends as exactly one of: published, quarantined (with rule and reason), deduplicated
(delivered again) or folded (one of several that describe the same entity row). `Cleaned.counts`
says how many of each, per hour, and they always sum to the rows read.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pandera.errors
import pyarrow as pa

from shop_assets.entities import TableSpec
from shop_assets.settings.mapping import EntityMapping
from shop_assets.transforms.deduplicate import newest_attempts, repeated
from shop_assets.transforms.fields import (
    MissingColumnError,
    StreamOrigin,
    constant,
    end_deleted,
    expected,
    map_fields,
    require_columns,
    tombstones,
)
from shop_assets.transforms.parse import LARGEST_MONEY
from shop_assets.transforms.retyped import merged_types
from shop_assets.transforms.rules import matching

__all__ = [
    "COUNTS",
    "QUARANTINE",
    "Cleaned",
    "MissingColumnError",
    "StreamOrigin",
    "clean",
    "combine",
]

QUARANTINE = {
    "_hour": "datetime64[us, UTC]",
    "source": "str",
    "stream": "str",
    "entity": "str",
    "rule": "str",
    "reason": "str",
    "position": "str",
    "delivery": "str",
    "row": "str",
    "change_time": "datetime64[us, UTC]",
    "load_id": "str",
}
"""The quarantine's columns: `row` is the raw row as JSON, or the text that was not decodable."""

COUNTS = [
    "rows_read",
    "rows_published",
    "rows_repaired",
    "rows_quarantined",
    "rows_deduplicated",
    "rows_folded",
]
_OWN = ("_hour", "_change_time", "_position", "_delivery", "_error", "_line")


@dataclass(frozen=True)
class Cleaned:
    """What a stream's rows became.

    `published`: the entity's columns and `_hour`. `quarantined`: `QUARANTINE`. `counts`: hour,
    source, stream, entity and `COUNTS`, one row for each hour that had rows.
    """

    published: pd.DataFrame
    quarantined: pd.DataFrame
    counts: pd.DataFrame


def empty(spec: TableSpec) -> Cleaned:
    """The result for no rows."""
    published = spec.empty()
    published["_hour"] = pd.Series(dtype="datetime64[us, UTC]")
    quarantined = pd.DataFrame({n: pd.Series(dtype=t) for n, t in QUARANTINE.items()})
    counts = pd.DataFrame(
        {
            "hour": pd.Series(dtype="datetime64[us, UTC]"),
            **{n: pd.Series(dtype="str") for n in ("source", "stream", "entity")},
            **{n: pd.Series(dtype="Int64") for n in COUNTS},
        }
    )
    return Cleaned(published, quarantined, counts)


def combine(parts: list[Cleaned], spec: TableSpec) -> Cleaned:
    """The results of several streams that become the same entity.

    Of the same version of the same key in one hour, the last stream's stays.
    """
    parts = [p for p in parts if len(p.counts)]
    if not parts:
        return empty(spec)
    if len(parts) == 1:
        return parts[0]
    published = pd.concat(
        [p.published for p in parts], keys=range(len(parts)), names=["part", "row"]
    )
    again = published.duplicated([*spec.key, "version_at", "_hour"], keep="last")
    return Cleaned(
        published[~again].reset_index(drop=True),
        pd.concat([p.quarantined for p in parts], ignore_index=True),
        pd.concat(
            [
                _recounted(
                    p.counts, published["_hour"][again & (again.index.get_level_values(0) == n)]
                )
                for n, p in enumerate(parts)
            ],
            ignore_index=True,
        ),
    )


def _recounted(counts: pd.DataFrame, hours: pd.Series) -> pd.DataFrame:
    """A stream's counts, after the rows of these hours turned out to be another stream's too."""
    again = counts["hour"].map(hours.value_counts()).fillna(0).astype("Int64")
    published = counts["rows_published"] - again
    return counts.assign(
        rows_published=published,
        rows_repaired=counts["rows_repaired"].where(
            counts["rows_repaired"] <= published, published
        ),
        rows_deduplicated=counts["rows_deduplicated"] + again,
    )


def clean(
    raw: pa.Table,
    spec: TableSpec,
    mapping: EntityMapping,
    origin: StreamOrigin,
    *,
    takes_unreadable: bool = True,
    changed_columns: Collection[str] = (),
) -> Cleaned:
    """Turn raw rows of one stream into rows of one entity.

    `raw`: the source's columns with those of `sources.protocol.PROVENANCE`, `_hour`, `_load_id`,
    `_row_hash` and, where there were several attempts, `_extracted_at`. What becomes of a row hangs
    on the rows of its hour alone.
    `takes_unreadable`: whether rows that could not be decoded are this entity's to account for; a
    stream gives them to one of its entities. `changed_columns`: which may be lacking, or have come
    in another type than at first.
    A tombstone becomes a deleted version of its row. It does not concern an entity of which several
    rows describe the same one, since the others may still be there.
    Raises `MissingColumnError` where the mapping names a column that no row has, or that has
    changed.
    """
    if raw.num_rows == 0:
        return empty(spec)
    raw = merged_types(raw, changed_columns)
    rows = newest_attempts(raw.to_pandas(types_mapper=_types)).reset_index(drop=True)
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
    rows, fields, faults = rows[concerned], fields[concerned], faults[concerned]

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

    good = rule.isna()
    if mapping.grain == "folded":
        _keep_earliest(fields, rows["_hour"], spec, good)
    again = repeated(rows[good], fields[good], spec, mapping)
    outcome = pd.Series("quarantined", index=rows.index, dtype="str")
    outcome.loc[good] = "published"
    outcome.loc[again.index[again]] = "folded" if mapping.grain == "folded" else "deduplicated"
    published = fields[outcome == "published"].copy()
    published["_hour"] = rows.loc[published.index, "_hour"]
    return Cleaned(
        published.reset_index(drop=True),
        _set_aside(rows[~good], rule[~good], reason[~good], spec.name, origin),
        _count(rows["_hour"], outcome, repaired, spec.name, origin),
    )


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
    candidates = fields[rule.isna()]
    try:
        spec.pandera.validate(candidates, lazy=True)
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


def _keep_earliest(fields: pd.DataFrame, hour: pd.Series, spec: TableSpec, good: pd.Series) -> None:
    """Give every row of a key and hour, in place, the earliest of what is to be kept earliest."""
    by = [*(fields.loc[good, k] for k in spec.key), hour[good]]
    for column in spec.columns:
        if column.merge == "earliest":
            grouped = fields.loc[good, column.name].groupby(by, sort=False)
            fields.loc[good, column.name] = grouped.transform("min")


def _set_aside(
    rows: pd.DataFrame, rule: pd.Series, reason: pd.Series, entity: str, origin: StreamOrigin
) -> pd.DataFrame:
    raw = rows[[c for c in rows.columns if not c.startswith("_")]].copy()
    for name in raw.columns:
        if pd.api.types.is_object_dtype(raw[name].dtype):
            raw[name] = raw[name].map(_shown)
    if len(raw):
        lines = raw.to_json(orient="records", lines=True, date_format="iso", date_unit="us")
        text = pd.Series(lines.rstrip("\n").split("\n"), index=rows.index, dtype="str")
    else:
        text = pd.Series(index=rows.index, dtype="str")
    aside = pd.DataFrame(
        {
            "_hour": rows["_hour"],
            "source": origin.source,
            "stream": origin.stream,
            "entity": entity,
            "rule": rule,
            "reason": reason,
            "position": rows["_position"],
            "delivery": rows["_delivery"],
            "row": text.mask(rows["_line"].notna(), rows["_line"].astype("str")),
            "change_time": rows["_change_time"],
            "load_id": rows["_load_id"],
        }
    )
    return aside.astype(QUARANTINE).reset_index(drop=True)


def _shown(value: object) -> object:
    """A value for JSON, which has no bytes, wherever they are in it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {str(name): _shown(part) for name, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_shown(part) for part in value]
    return value


def _count(
    hour: pd.Series,
    outcome: pd.Series,
    repaired: pd.Series,
    entity: str,
    origin: StreamOrigin,
) -> pd.DataFrame:
    published = outcome == "published"
    flags = pd.DataFrame(
        {
            "hour": hour,
            "rows_read": 1,
            "rows_published": published,
            "rows_repaired": published & repaired,
            "rows_quarantined": outcome == "quarantined",
            "rows_deduplicated": outcome == "deduplicated",
            "rows_folded": outcome == "folded",
        }
    )
    counts = flags.groupby("hour", as_index=False)[COUNTS].sum()
    counts[COUNTS] = counts[COUNTS].astype("Int64")
    for position, (name, value) in enumerate(
        (("source", origin.source), ("stream", origin.stream), ("entity", entity)), start=1
    ):
        counts.insert(position, name, pd.Series(value, index=counts.index, dtype="str"))
    return counts
