"""Which rows stand more than once: what tells most rows apart cheaply is looked at first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from shop_assets.transforms.ranks import Ints


def alike(rows: pd.DataFrame, columns: Sequence[str]) -> Ints:
    """The places, ascending, of rows that have all of these columns in common with another row.

    Rows that are alike are so in each column. A column is only looked at where those before it
    left some; numbers and times come first, since texts cost ten times as much.
    """
    # One row is like no other.
    places: Ints = np.arange(len(rows) if len(rows) > 1 else 0)
    telling = []
    for name in sorted(columns, key=lambda name: isinstance(rows[name].dtype, pd.StringDtype)):
        values = rows[name]
        if len(places) < len(values):
            values = values.take(places)
        if not len(values) or _is_constant(values):
            continue
        telling.append(name)
        shared = values.duplicated(keep=False).to_numpy()
        if not shared.all():
            places = places[shared]
    if len(telling) > 1 and len(places):
        places = places[rows[telling].take(places).duplicated(keep=False).to_numpy()]
    return places


def _is_constant(values: pd.Series) -> bool:
    """Whether a column has one value, so that it tells no rows apart."""
    return bool(values.eq(values.iloc[0]).fillna(False).all())
