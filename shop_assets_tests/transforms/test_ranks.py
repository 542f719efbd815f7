from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.transforms.ranks import begins, in_order, ranks
from shop_assets_tests.examples import examples


@examples(60)
@given(st.lists(st.none() | st.text("aZé€𝄞", max_size=3), max_size=12))
def test_a_text_s_rank_is_its_place_among_the_different_ones(texts: list[str | None]) -> None:
    found, different = ranks(pd.Series(texts, dtype="str"))
    known = sorted({text for text in texts if text is not None})
    assert different == len(known)
    assert found.tolist() == [-1 if text is None else known.index(text) for text in texts]


FAR = 2**62
"""Two keys of such a span have no room in one number."""


@pytest.mark.parametrize("most", [3, FAR])
def test_rows_are_put_in_the_order_of_their_keys(most: int) -> None:
    @examples(40)
    @given(st.lists(st.tuples(st.integers(-most, most), st.integers(-most, 3)), max_size=12))
    def sorted_as_pairs(pairs: list[tuple[int, int]]) -> None:
        keys = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        order = in_order(keys[:, 0], keys[:, 1])
        assert sorted(order) == list(range(len(pairs)))
        assert [pairs[row] for row in order] == sorted(pairs)

    sorted_as_pairs()


def test_a_row_begins_a_group_where_any_key_is_another() -> None:
    first, second = np.array([1, 1, 1, 2, 2]), np.array([5, 5, 6, 6, 6])
    assert begins(first, second).tolist() == [True, False, True, True, False]
    assert begins(first[:0]).tolist() == []
