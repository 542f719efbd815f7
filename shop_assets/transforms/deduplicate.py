"""Which rows of an hour were there before: in an earlier attempt, or another delivery."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.entities import TableSpec
from shop_assets.settings.mapping import EntityMapping
from shop_assets.transforms.alike import alike


def attempted_again(rows: pd.DataFrame) -> pd.Series:
    """Which rows a later attempt at their hour, or later in the same one, saw again.

    Raw keeps what every attempt read; a row that stands at the same place with the same content
    is the same row.
    """
    again = pd.Series(False, index=rows.index)
    # Of rows whose hash stands once there is nothing to compare.
    several = rows["_row_hash"].duplicated(keep=False)
    if several.any():
        named = [n for n in ("_hour", "_position", "_row_hash", "_extracted_at") if n in rows]
        same = _by_attempt(rows.loc[several, named])
        again[same.index] = same.duplicated(["_hour", "_position", "_row_hash"], keep="last")
    return again


def newest_attempts(rows: pd.DataFrame) -> pd.DataFrame:
    """Each row that any attempt at an hour saw, once, in the order of the last that saw it."""
    again = attempted_again(rows)
    return _by_attempt(rows[~again] if again.any() else rows)


def _by_attempt(rows: pd.DataFrame) -> pd.DataFrame:
    if "_extracted_at" in rows and rows["_extracted_at"].nunique(dropna=False) > 1:
        return rows.sort_values("_extracted_at", kind="stable")
    return rows


def repeated(
    rows: pd.DataFrame, good: pd.Series, spec: TableSpec, mapping: EntityMapping
) -> pd.Series:
    """Which of the good judged rows are there again: the same version of the same key in its hour.

    The last delivered of the last attempt stays. Of rows that are folded, or of what has no
    versions, one for each key and hour stays: the newest. What another hour brings too (windows
    that overlap, a file delivered again) is each hour's own: else an hour's rows would hang on
    which was cleaned first. The warehouse keeps one of them.
    """
    identity = [*(spec.key if mapping.grain == "folded" else spec.told_by), "_hour"]
    again = pd.Series(False, index=rows.index)
    places = alike(rows, identity)
    several = rows.index[places[good.to_numpy(dtype=bool)[places]]]
    if len(several):
        found = rows.loc[several]
        order = found.assign(_line=_line_number(found["_position"])).sort_values(
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
