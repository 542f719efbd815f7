"""Rows that are alike are found as pandas finds them, whatever is looked at first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.transforms.alike import alike

COLUMNS = {
    "source": st.sampled_from(["a"]) | st.none(),
    "name": st.sampled_from(["x", "y", ""]) | st.none(),
    "number": st.integers(0, 3) | st.none(),
    "at": st.sampled_from(pd.date_range("2026-01-31", periods=3, freq="h", tz="UTC").to_list()),
}
DTYPES = {"source": "str", "name": "str", "number": "Int64", "at": "datetime64[us, UTC]"}


@given(
    rows=st.lists(st.fixed_dictionaries(COLUMNS), max_size=12),
    columns=st.permutations(list(COLUMNS)).flatmap(
        lambda names: st.integers(1, len(names)).map(lambda n: names[:n])
    ),
)
def test_they_are_those_that_pandas_finds(rows: list[dict[str, Any]], columns: list[str]) -> None:
    # Of any index, even one in which a label stands twice.
    frame = pd.DataFrame(rows, columns=list(COLUMNS), index=np.zeros(len(rows), int)).astype(DTYPES)
    expected = np.flatnonzero(frame.duplicated(columns, keep=False))
    assert alike(frame, columns).tolist() == expected.tolist()


def test_texts_are_not_looked_at_where_a_number_tells_all_rows_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[str] = []
    duplicated = pd.Series.duplicated

    def watched(self: pd.Series, *args: Any, **kwargs: Any) -> Any:
        looked.append(str(self.name))
        return duplicated(self, *args, **kwargs)

    monkeypatch.setattr(pd.Series, "duplicated", watched)
    frame = pd.DataFrame({"text": ["a", "a", "b"], "number": [1, 2, 3]}).astype({"text": "str"})
    assert alike(frame, ["text", "number"]).tolist() == []
    assert looked == ["number"]
