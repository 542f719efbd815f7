from __future__ import annotations

from fractions import Fraction
from time import perf_counter

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.transforms.allocation import allocate, largest_remainder

PENNY = 10_000


def share(total: int, weights: list[int], unit: int = PENNY) -> list[int]:
    group = pd.Series(["order"] * len(weights), dtype="str")
    parts = allocate(
        pd.Series({"order": total}),
        pd.Series(weights, dtype="Int64"),
        group,
        pd.Series({"order": unit}),
    )
    assert str(parts.dtype) == "Int64"
    return [int(p) for p in parts]


def test_ten_pounds_over_three_equal_lines_gives_the_odd_penny_to_the_first() -> None:
    assert share(10_000_000, [1, 1, 1]) == [3_340_000, 3_330_000, 3_330_000]


def test_the_odd_penny_goes_to_the_largest_remainder() -> None:
    assert share(1_000_000, [1, 1, 4]) == [170_000, 170_000, 660_000]
    assert share(1_000_000, [10, 10, 80]) == [100_000, 100_000, 800_000]


def test_what_is_finer_than_a_penny_goes_to_the_largest_part() -> None:
    assert share(1_000_001, [1, 3]) == [250_000, 750_001]
    assert share(3, [0, 5]) == [0, 3]


def test_a_yen_is_not_cut() -> None:
    assert share(100_000_000, [1, 1, 1], unit=1_000_000) == [34_000_000, 33_000_000, 33_000_000]


def test_lines_without_weight_get_nothing_unless_none_has_any() -> None:
    assert share(5_000_000, [0, 7, -3]) == [0, 5_000_000, 0]
    assert share(5_000_000, [0, 0]) == [2_500_000, 2_500_000]
    assert share(5_000_000, [-1, -2]) == [2_500_000, 2_500_000]


def test_a_group_without_a_total_and_an_empty_frame_get_nothing() -> None:
    none = allocate(
        pd.Series(dtype="Int64"),
        pd.Series([1], dtype="Int64"),
        pd.Series(["x"], dtype="str"),
        pd.Series(dtype="Int64"),
    )
    assert none.tolist() == [0]
    empty = pd.Series(dtype="Int64")
    assert allocate(empty, empty, pd.Series(dtype="str"), empty).tolist() == []


def by_hand(total: int, weights: list[int], unit: int) -> list[int]:
    weights = [max(w, 0) for w in weights]
    if not any(weights):
        weights = [1] * len(weights)
    sign, size = (-1 if total < 0 else 1), abs(total)
    whole = size // unit
    quotas = [Fraction(whole * w, sum(weights)) for w in weights]
    parts = [int(q) for q in quotas]
    missing = whole - sum(parts)
    order = sorted(range(len(weights)), key=lambda i: (parts[i] - quotas[i], i))
    for i in order[:missing]:
        parts[i] += 1
    micros = [p * unit for p in parts]
    largest = min(range(len(weights)), key=lambda i: (-micros[i], -weights[i], i))
    micros[largest] += size - whole * unit
    return [sign * m for m in micros]


amounts = st.one_of(
    st.integers(-(10**7), 10**7), st.integers(-(10**18), 10**18), st.sampled_from([0, 1, -1])
)
weight = st.one_of(st.integers(-3, 5), st.integers(0, 10**8), st.integers(0, 10**17))


@given(
    st.lists(
        st.tuples(
            amounts,
            st.lists(weight, min_size=1, max_size=6),
            st.sampled_from([1, 100, 1_000, PENNY, 1_000_000]),
        ),
        min_size=1,
        max_size=5,
    ),
    st.randoms(use_true_random=False),
)
def test_parts_sum_to_the_whole_and_equal_the_sums_done_by_hand(groups, random) -> None:  # type: ignore[no-untyped-def]
    rows = [(g, w) for g, (_, weights, _) in enumerate(groups) for w in weights]
    shuffled = list(range(len(groups)))
    random.shuffle(shuffled)
    rows.sort(key=lambda row: shuffled[row[0]])  # stable: order within a group is kept
    parts = largest_remainder(
        np.array([total for total, _, _ in groups], dtype=np.int64),
        np.array([w for _, w in rows], dtype=np.int64),
        np.array([g for g, _ in rows], dtype=np.int64),
        np.array([unit for _, _, unit in groups], dtype=np.int64),
    )
    for g, (total, weights, unit) in enumerate(groups):
        mine = [int(p) for p, (code, _) in zip(parts, rows, strict=True) if code == g]
        assert sum(mine) == total
        assert mine == by_hand(total, weights, unit)


def test_half_a_million_lines_are_shared_in_about_a_second() -> None:
    lines = 500_000
    random = np.random.default_rng(1)
    group = np.sort(random.integers(0, lines // 4, lines))
    total = random.integers(0, 10**9, lines // 4)
    started = perf_counter()
    parts = largest_remainder(
        total, random.integers(1, 10**9, lines), group, np.full(lines // 4, PENNY)
    )
    assert perf_counter() - started < 5  # noisy machines
    assert parts.sum() == total[np.unique(group)].sum()
