"""Which rows of an hour were there before: in an earlier attempt, or another delivery."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.entities import TableSpec
from shop_assets.settings.mapping import EntityMapping


def newest_attempts(raw: pd.DataFrame) -> pd.DataFrame:
    """Each row that any attempt at an hour saw, once, in the order of the last that saw it.

    Raw keeps what every attempt read; a row that stands at the same place with the same content
    is the same row.
    """
    if "_extracted_at" in raw.columns and raw["_extracted_at"].nunique(dropna=False) > 1:
        raw = raw.sort_values("_extracted_at", kind="stable")
    # Of rows whose hash stands once there is nothing to compare.
    alike = raw["_row_hash"].duplicated(keep=False)
    if not alike.any():
        return raw
    repeated = raw.loc[alike].duplicated(["_hour", "_position", "_row_hash"], keep="last")
    return raw.drop(index=repeated.index[repeated]) if repeated.any() else raw


def repeated(rows: pd.DataFrame, spec: TableSpec, mapping: EntityMapping) -> pd.Series:
    """Which judged rows are there again: the same version of the same key in the same hour.

    The last delivered of the last attempt stays. Of rows that are folded, one for each key and
    hour stays: the newest. What another hour brings too (windows that overlap, a file delivered
    again) is each hour's own: else an hour's rows would hang on which was cleaned first. The
    warehouse keeps one of them.
    """
    key = list(spec.key)
    identity = [*key, "_hour"] if mapping.grain == "folded" else [*key, "version_at", "_hour"]
    again = pd.Series(False, index=rows.index)
    several = rows.duplicated(identity, keep=False)
    if several.any():
        alike = rows.loc[several]
        order = alike.assign(_line=_line_number(alike["_position"])).sort_values(
            ["_hour", "version_at", "_extracted_at", "_delivery", "_line", "_position"],
            kind="stable",
        )
        again[order.index] = order.duplicated(identity, keep="last")
    return again


def _line_number(position: pd.Series) -> pd.Series:
    """The number that a position ends in; -1 where it does in none."""
    text = pa.array(position, pa.string(), from_pandas=True)
    found = pc.extract_regex(text, r":(?P<line>[0-9]{1,15})$")
    number = pc.fill_null(pc.struct_field(found, "line").cast(pa.int64()), -1)
    return pd.Series(number.to_numpy(zero_copy_only=False), index=position.index)
