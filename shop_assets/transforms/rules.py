"""The rules of a mapping, tried on all rows at once."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa

from shop_assets.settings.mapping import Condition, When
from shop_assets.transforms.parse import as_text


def matching(raw: pd.DataFrame, fields: pd.DataFrame, when: When) -> pd.Series:
    """Which rows meet every condition; `@name` looks at `fields`, other names at `raw`.

    Raises `KeyError` with the name where there is no such column.
    """
    result = pd.Series(True, index=raw.index)
    for name, condition in when.items():
        values = fields[name[1:]] if name.startswith("@") else raw[name]
        result &= _meets(values, condition)
    return result


def _meets(values: pd.Series, condition: Condition) -> pd.Series:
    text = as_text(values)
    result = pd.Series(True, index=values.index)
    if condition.missing is not None:
        result &= text.isna() == condition.missing
    if condition.is_ is not None:
        result &= (text == _text(condition.is_)).fillna(False).astype(bool)
    if condition.in_ is not None:
        result &= text.isin([_text(v) for v in condition.in_])
    if condition.matches is not None:
        result &= _contains(text, condition.matches)
    if condition.below is not None or condition.above is not None:
        number = pd.to_numeric(text, errors="coerce")
        if condition.below is not None:
            result &= number < condition.below
        if condition.above is not None:
            result &= number > condition.above
    if condition.not_ is not None:
        result &= ~_meets(values, condition.not_)
    return result


def _contains(text: pd.Series, pattern: str) -> pd.Series:
    """Where Python's `re` finds the pattern; of each different text it is asked once."""
    finds = re.compile(pattern).search
    array = pa.array(text.astype("str"), pa.large_string(), from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    encoded = array.dictionary_encode()
    different = encoded.dictionary.to_pylist()
    found = np.array([finds(value) is not None for value in different] + [False])
    codes = encoded.indices.fill_null(len(different)).to_numpy(zero_copy_only=False)
    return pd.Series(found[codes], index=text.index)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
