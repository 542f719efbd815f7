from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.settings.mapping import Condition
from shop_assets.transforms.rules import matching


def meets(values: list[Any] | pd.Series, when: dict[str, Any]) -> list[bool]:
    series = values if isinstance(values, pd.Series) else pd.Series(values, dtype="str")
    raw = pd.DataFrame({"x": series})
    found = matching(raw, pd.DataFrame(index=raw.index), {"x": Condition.model_validate(when)})
    assert found.dtype == bool
    return found.tolist()


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"is": "POST"}, [True, False, False, False, False, False]),
        ({"is": 7}, [False, False, True, False, False, False]),
        ({"in": ["POST", "7"]}, [True, False, True, False, False, False]),
        ({"in": []}, [False] * 6),
        ({"matches": "^po"}, [False, True, False, False, False, False]),
        ({"matches": "(?i)^(POST|7)$"}, [True, True, True, False, False, False]),
        ({"matches": r"^(?!P|p|-)"}, [False, False, True, False, False, False]),
        ({"below": 0}, [False, False, False, True, False, False]),
        ({"above": 0}, [False, False, True, False, False, False]),
        ({"below": 7}, [False, False, False, True, False, False]),
        ({"above": -2, "below": 8}, [False, False, True, True, False, False]),
        ({"missing": True}, [False, False, False, False, True, True]),
        ({"missing": False}, [True, True, True, True, False, False]),
        ({"not": {"is": "POST"}}, [False, True, True, True, True, True]),
        ({"not": {"missing": True}, "matches": "O"}, [True, False, False, False, False, False]),
        ({"not": {"not": {"below": 0}}}, [False, False, False, True, False, False]),
    ],
)
def test_each_condition_says_which_rows_meet_it(when: dict[str, Any], expected: list[bool]) -> None:
    assert meets(["POST", "post", "7", "-1.5", "", None], when) == expected


def test_text_is_compared_as_it_stands_whatever_the_columns_type() -> None:
    assert meets(pd.Series([7, None], dtype="Int64"), {"is": 7}) == [True, False]
    assert meets(["7.0", "07", " 7"], {"is": 7}) == [False] * 3
    assert meets(pd.Series([True, False, None], dtype="boolean"), {"is": True}) == [
        True, False, False,
    ]  # fmt: skip
    assert meets(["a'; DROP TABLE x; --", ".*"], {"is": ".*"}) == [False, True]


def test_text_that_was_put_together_of_parts_is_searched_like_any_other() -> None:
    parts = [pd.Series([text, None], dtype="str") for text in ("POST", "x", "post")]
    assert meets(pd.concat(parts, ignore_index=True), {"matches": "(?i)^p"}) == [
        True, False, False, False, True, False,
    ]  # fmt: skip


def test_nothing_at_all_meets_only_what_asks_for_nothing() -> None:
    empty = [None, None]
    assert meets(empty, {"missing": True}) == [True, True]
    for when in ({"is": "x"}, {"matches": ""}, {"below": 1}, {"above": 1}, {"in": ["x"]}):
        assert meets(empty, when) == [False, False], when


def test_all_conditions_must_hold_of_columns_and_of_fields() -> None:
    raw = pd.DataFrame({"code": ["POST", "POST", "X"]}, dtype="str")
    fields = pd.DataFrame({"quantity": pd.Series([1, -1, -1], dtype="Int64")})
    when = {
        "code": Condition.model_validate({"is": "POST"}),
        "@quantity": Condition.model_validate({"below": 0}),
    }
    assert matching(raw, fields, when).tolist() == [False, True, False]
    with pytest.raises(KeyError, match="quantity"):
        matching(raw, pd.DataFrame(index=raw.index), when)


@given(
    st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"])),
                       st.floats().map(str))),
    st.fixed_dictionaries({}, optional={"below": st.floats(allow_nan=False),
                                        "above": st.floats(allow_nan=False),
                                        "is": st.text(), "missing": st.booleans()}).filter(bool),
)  # fmt: skip
def test_a_condition_and_its_opposite_part_the_rows(
    values: list[str | None], when: dict[str, Any]
) -> None:
    opposite = meets(values, {"not": when})
    assert [not met for met in meets(values, when)] == opposite
