"""Whether rows surely meet a Pandera schema, found in a fraction of the time that Pandera takes.

Most frames do, so most need no more. Pandera is asked about all others, and says what is wrong.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.engines.pandas_engine import Engine

_CHECKS: dict[str, Callable[..., pd.Series]] = {
    "greater_than_or_equal_to": lambda values, min_value: values >= min_value,
    "less_than_or_equal_to": lambda values, max_value: values <= max_value,
    "isin": lambda values, allowed_values: values.isin(allowed_values),
    "str_matches": lambda values, pattern: values.str.match(pattern),
}


def meets(
    rows: pd.DataFrame, schema: pa.DataFrameSchema, among: pd.Series[bool] | None = None
) -> bool:
    """Whether the rows surely meet the schema; False where only Pandera can tell.

    `among`: which rows are meant, where not all are. What holds for all holds for these: only
    columns where something does not are looked at without the others.
    """
    if schema.checks or schema.unique or schema.index or schema.ordered or schema.coerce:
        return False
    names = list(rows.columns)
    if len(set(names)) < len(names) or set(names) != set(schema.columns):
        return False
    return all(
        _holds(rows[name], declared) or (among is not None and _holds(rows[name][among], declared))
        for name, declared in schema.columns.items()
    )


def _holds(values: pd.Series, declared: pa.Column) -> bool:
    if declared.regex or declared.unique or declared.coerce or declared.parsers:
        return False
    if not _is_type(values.dtype, declared.dtype):
        return False
    # Asked of the array: a Series of the answers costs more than they do.
    null = np.asarray(values.array.isna())
    if null.any():
        if not declared.nullable:
            return False
        values = values[~null]
    return all(_passes(values, check) for check in declared.checks)


def _passes(values: pd.Series, check: pa.Check) -> bool:
    known = _CHECKS.get(check.name or "")
    if known is None or not check.ignore_na or check.groupby is not None:
        return False
    return bool(known(values, **(check.statistics or {})).all())


@functools.lru_cache(maxsize=256)
def _is_type(found: Any, declared: Any) -> bool:
    # What stands in a column of objects, only its values show.
    if declared is None or pd.api.types.is_object_dtype(found):
        return False
    return bool(declared.check(Engine.dtype(found)))
