"""A row's hash is what it always was, in whichever way it is found: raw has the old ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.transforms.extract import row_hashes

WORD = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def by_definition(values: Sequence[str | bytes | None], name: str) -> list[int]:
    """The sum, over one column, of what pandas makes of a value; 0 for null."""
    seed = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:16]

    def one(value: str | bytes | None) -> int:
        if value is None:
            return 0
        alone = np.array([value], dtype=object)
        return int(pd.util.hash_array(alone, hash_key=seed, categorize=False).view("int64")[0])

    return [one(value) for value in values]


def found(column: pa.Array, name: str) -> list[int]:
    table = pa.table({name: column, "_line": pa.nulls(len(column), pa.string())})
    hashes: list[int] = row_hashes(table).to_pylist()
    return hashes


def test_rows_have_the_hashes_that_raw_has_of_them() -> None:
    table = pa.table(
        {
            "a": pa.array(["x", "é\n", None, "x"]),
            "b": pa.array([1, None, -3, 4]),
            "c": pa.array([b"\0\xff", b"", None, b"x"]),
            "_line": pa.nulls(4, pa.string()),
        }
    )
    assert row_hashes(table).to_pylist() == [
        1497637631347750062,
        -6150989304386245842,
        -3149269118107708402,
        4102878182780663012,
    ]


@given(st.lists(st.none() | WORD, max_size=30), st.integers(1, 20), WORD)
def test_repeated_and_different_values_hash_alike(
    words: list[str | None], times: int, name: str
) -> None:
    values = words * times
    expected = by_definition(words, "a" + name) * times
    assert found(pa.array(values, pa.string()), "a" + name) == expected
    assert found(pa.array(values, pa.large_string()), "a" + name) == expected
    assert found(pa.array(values, pa.string()).dictionary_encode(), "a" + name) == expected


@given(st.lists(st.none() | st.binary(max_size=20), max_size=30), st.integers(1, 20))
def test_bytes_hash_as_they_are(values: list[bytes | None], times: int) -> None:
    assert found(pa.array(values * times, pa.binary()), "a") == by_definition(values, "a") * times


def test_a_column_that_starts_repeating_late_or_stops_is_hashed_to_its_end() -> None:
    same, different = ["same"] * 3000, [str(n) for n in range(3000)]
    expected = by_definition(["same"], "a") * 3000, by_definition(different, "a")
    assert found(pa.array([*same, *different]), "a") == [*expected[0], *expected[1]]
    assert found(pa.array([*different, *same]), "a") == [*expected[1], *expected[0]]


def test_dictionaries_that_have_no_room_for_each_other_hash_as_their_values_do() -> None:
    words = [[f"{part}{n}" for n in range(100)] for part in ("a", "b")]
    small = pa.dictionary(pa.int8(), pa.string())
    column = pa.chunked_array([pa.array(some, pa.string()).cast(small) for some in words])
    table = pa.table({"a": column, "_line": pa.nulls(200, pa.string())})
    assert row_hashes(table).to_pylist() == by_definition([*words[0], *words[1]], "a")
