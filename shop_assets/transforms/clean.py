"""From raw rows to an entity's rows: judged one by one, then settled among each other.

Every raw row ends as exactly one of: published, quarantined (with rule and reason), deduplicated
(delivered again, or told anew within the hour) or folded (one of several that describe the same
entity row). `Cleaned.counts` says how many of each, per hour, and they always sum to the rows read.

What a row is (`map_rows`, `judge`) hangs on the row alone, so that rows can be judged in parts.
Which of several rows stays (`settle`) hangs on all rows with the same key, so those must be
together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from shop_assets.entities import TableSpec
from shop_assets.settings.mapping import EntityMapping
from shop_assets.transforms.deduplicate import attempted_again, repeated
from shop_assets.transforms.fields import MissingColumnError, StreamOrigin
from shop_assets.transforms.judge import judge, map_rows

__all__ = [
    "COUNTS",
    "QUARANTINE",
    "Cleaned",
    "MissingColumnError",
    "StreamOrigin",
    "clean",
    "combine",
    "settle",
    "summed",
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

_NONE_ASIDE = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in QUARANTINE.items()})
_HOUR = pa.field("_hour", pa.timestamp("us", "UTC"))
_QUARANTINED = pa.schema(
    [
        (name, _HOUR.type if kind.startswith("datetime") else pa.string())
        for name, kind in QUARANTINE.items()
    ]
)
COUNTS = [
    "rows_read",
    "rows_published",
    "rows_repaired",
    "rows_quarantined",
    "rows_deduplicated",
    "rows_folded",
]


@dataclass(frozen=True)
class Cleaned:
    """What a stream's rows became.

    `published`: the entity's columns and `_hour`. `quarantined`: `QUARANTINE`. `counts`: hour,
    source, stream, entity and `COUNTS`, one row for each hour that had rows. `repaired`: of each
    published row whether a rule has mended it; None where none is.
    """

    published: pd.DataFrame
    quarantined: pd.DataFrame
    counts: pd.DataFrame
    repaired: pd.Series | None = None

    def tables(self, spec: TableSpec) -> tuple[pa.Table, pa.Table]:
        """What is published and what is quarantined, as the lake keeps them."""
        return (
            pa.Table.from_pandas(self.published, schema=cleaned_schema(spec), preserve_index=False),
            pa.Table.from_pandas(self.quarantined, schema=_QUARANTINED, preserve_index=False),
        )


def cleaned_schema(spec: TableSpec) -> pa.Schema:
    """The columns of an entity's cleaned rows in the lake."""
    return spec.arrow_schema.append(_HOUR)


def empty(spec: TableSpec) -> Cleaned:
    """The result for no rows."""
    published = spec.empty()
    published["_hour"] = pd.Series(dtype="datetime64[us, UTC]")
    counts = pd.DataFrame(
        {
            "hour": pd.Series(dtype="datetime64[us, UTC]"),
            **{n: pd.Series(dtype="str") for n in ("source", "stream", "entity")},
            **{n: pd.Series(dtype="Int64") for n in COUNTS},
        }
    )
    return Cleaned(published, _NONE_ASIDE.copy(), counts)


def combine(parts: list[Cleaned], spec: TableSpec) -> Cleaned:
    """The results of several streams that become the same entity.

    Of the same version of the same key in one hour, the last stream's stays; of what has no
    versions, the newest.
    """
    parts = [p for p in parts if len(p.counts)]
    if not parts:
        return empty(spec)
    if len(parts) == 1:
        return parts[0]
    published = pd.concat([p.published for p in parts], ignore_index=True)
    mended = [p.repaired if p.repaired is not None else _none(p.published) for p in parts]
    repaired = pd.concat(mended, ignore_index=True)
    in_order = published if spec.versioned else published.sort_values("version_at", kind="stable")
    again = in_order.duplicated([*spec.told_by, "_hour"], keep="last").sort_index()
    owner = np.repeat(np.arange(len(parts)), [len(p.published) for p in parts])
    counts = []
    for number, part in enumerate(parts):
        lost = again & (owner == number)
        hours, mended_hours = published.loc[lost, "_hour"], published.loc[lost & repaired, "_hour"]
        counts.append(_recounted(part.counts, hours, mended_hours))
    return Cleaned(
        published[~again].reset_index(drop=True),
        pd.concat([p.quarantined for p in parts], ignore_index=True),
        pd.concat(counts, ignore_index=True),
        repaired[~again].reset_index(drop=True) if repaired.any() else None,
    )


def _none(rows: pd.DataFrame) -> pd.Series:
    return pd.Series(False, index=rows.index)


def _recounted(counts: pd.DataFrame, lost: pd.Series, mended: pd.Series) -> pd.DataFrame:
    """A stream's counts, after rows of these hours turned out to be another stream's too.

    `mended`: the hours of those that a rule had mended.
    """
    again, repaired = (
        counts["hour"].map(hours.value_counts()).fillna(0).astype("Int64")
        for hours in (lost, mended)
    )
    return counts.assign(
        rows_published=counts["rows_published"] - again,
        rows_repaired=counts["rows_repaired"] - repaired,
        rows_deduplicated=counts["rows_deduplicated"] + again,
    )


def summed(counts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """`Cleaned.counts` of all rows from those of parts of them."""
    if len(counts) == 1:
        return counts[0]
    by = ["hour", "source", "stream", "entity"]
    return pd.concat(counts, ignore_index=True).groupby(by, as_index=False)[COUNTS].sum()


def clean(
    raw: pa.Table,
    spec: TableSpec,
    mapping: EntityMapping,
    origin: StreamOrigin,
    *,
    takes_unreadable: bool = True,
    changed_columns: Collection[str] = (),
) -> Cleaned:
    """Turn raw rows of one stream into rows of one entity; see `map_rows`, `judge`, `settle`.

    Raises `MissingColumnError` where the mapping names a column that no row has, or that has
    changed.
    """
    if raw.num_rows == 0:
        return empty(spec)
    judged = judge(
        map_rows(
            raw,
            spec,
            mapping,
            origin,
            takes_unreadable=takes_unreadable,
            changed_columns=changed_columns,
        ),
        spec,
        mapping,
    )
    return settle(judged, spec, mapping, origin)


def settle(
    judged: pd.DataFrame, spec: TableSpec, mapping: EntityMapping, origin: StreamOrigin
) -> Cleaned:
    """What becomes of judged rows of one stream (see `judge`).

    With each row, all others of its key must be there. What becomes of a row hangs on the rows of
    its hour alone.
    """
    if judged.empty:
        return empty(spec)
    attempted = attempted_again(judged)
    rows = judged[~attempted] if attempted.any() else judged
    good = rows["_rule"].isna()
    again = repeated(rows, good, spec, mapping)
    stays = good & ~again
    published = rows.loc[stays, [*spec.column_names, "_hour"]]
    repaired = rows.loc[stays, "_repaired"].astype(bool).reset_index(drop=True)
    if mapping.grain == "folded":
        published = _with_earliest(published, rows[good], spec)
    return Cleaned(
        published.reset_index(drop=True),
        _set_aside(rows[~good], spec.name, origin),
        _count(rows, good, again, spec.name, mapping, origin),
        repaired if repaired.any() else None,
    )


def _with_earliest(published: pd.DataFrame, rows: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """What is published, with the earliest that any of its key's rows has of what is kept so."""
    by = [*(rows[k] for k in spec.key), rows["_hour"]]
    earliest = {
        column.name: rows[column.name].groupby(by, sort=False).transform("min")
        for column in spec.columns
        if column.merge == "earliest"
    }
    return published.assign(**earliest)


def _set_aside(rows: pd.DataFrame, entity: str, origin: StreamOrigin) -> pd.DataFrame:
    if rows.empty:
        return _NONE_ASIDE.copy()
    aside = pd.DataFrame(
        {
            "_hour": rows["_hour"],
            "source": origin.source,
            "stream": origin.stream,
            "entity": entity,
            "rule": rows["_rule"],
            "reason": rows["_reason"],
            "position": rows["_position"],
            "delivery": rows["_delivery"],
            "row": rows["_row"],
            "change_time": rows["_change_time"],
            "load_id": rows["_load_id"],
        }
    )
    return aside.astype(QUARANTINE).reset_index(drop=True)


def _count(
    rows: pd.DataFrame,
    good: pd.Series,
    again: pd.Series,
    entity: str,
    mapping: EntityMapping,
    origin: StreamOrigin,
) -> pd.DataFrame:
    hour, hours = pd.factorize(rows["_hour"], sort=True)
    is_good, is_again = good.to_numpy(dtype=bool), again.to_numpy(dtype=bool)
    published = is_good & ~is_again
    none = np.zeros(len(hour), dtype=bool)
    folded = mapping.grain == "folded"
    chosen = {
        "rows_read": ~none,
        "rows_published": published,
        "rows_repaired": published & rows["_repaired"].to_numpy(dtype=bool),
        "rows_quarantined": ~is_good,
        "rows_deduplicated": none if folded else is_again,
        "rows_folded": is_again if folded else none,
    }
    counts = pd.DataFrame({"hour": hours})
    for name, value in (("source", origin.source), ("stream", origin.stream), ("entity", entity)):
        counts[name] = pd.Series(value, index=counts.index, dtype="str")
    for name in COUNTS:
        number = np.bincount(hour[chosen[name]], minlength=len(hours))
        counts[name] = pd.array(number, dtype="Int64")
    return counts
