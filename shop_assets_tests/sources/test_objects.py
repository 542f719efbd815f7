"""Objects of an API become rows of text that a database keeps, or broken rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.sources.limits import Limits
from shop_assets.sources.objects import OBJECT, table
from shop_assets.sources.protocol import PROVENANCE
from shop_assets_tests.examples import examples

AT = datetime(2026, 1, 1, 8, tzinfo=UTC)
COLUMNS = {"a": "a", "deep": "x.y.z"}
TEXT = st.text(st.characters(exclude_categories=()))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXT, part, max_size=3),
    max_leaves=6,
)


def rows(*objects: dict[str, Any], positions: list[str] | None = None) -> list[dict[str, Any]]:
    given_positions = positions or [f"x/{n}" for n in range(len(objects))]
    found: list[dict[str, Any]] = table(
        objects, COLUMNS, changed=[AT] * len(objects), positions=given_positions
    ).to_pylist()
    return found


def test_values_are_text_as_the_source_writes_them() -> None:
    values: list[Any] = [
        None,
        "é",
        5,
        -(10**30),
        True,
        False,
        Decimal("12.10"),
        Decimal("1E-7"),
        {"b": [1]},
    ]
    expected = [None, "é", "5", str(-(10**30)), "true", "false", "12.10", "0.0000001", '{"b":[1]}']
    assert [row["a"] for row in rows(*({"a": value} for value in values))] == expected


def test_a_path_leads_into_an_object_and_nowhere_else() -> None:
    objects: list[Any] = [{"x": {"y": {"z": 1}}}, {"x": {"y": 1}}, {"x": []}, {"x": None}, {}]
    assert [row["deep"] for row in rows(*objects)] == ["1", None, None, None, None]


def test_moments_are_exact_to_the_microsecond() -> None:
    moments = [AT + timedelta(microseconds=n) for n in (0, 1, 999_999)]
    micros = [1_767_254_400_000_001, -1, 0]
    found = table([{}] * 6, COLUMNS, changed=[*moments, *micros], positions=["x"] * 6)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert found["_change_time"].to_pylist() == [
        *moments,
        *(epoch + timedelta(microseconds=n) for n in micros),
    ]


def test_an_object_that_no_database_keeps_breaks_its_row_only() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"d": deep}
    huge = "x" * (Limits().record + 1)
    objects: list[Any] = [
        {"a": "1"},
        {"a": "\0"},
        {"b": ["\ud800"]},
        {"a": huge},
        deep,
        {"k\0": 1},
        {"a": "2"},
    ]
    found = rows(*objects)
    assert [row["a"] for row in found] == ["1", None, None, None, None, None, "2"]
    assert [row["_error"] for row in found] == [
        None,
        "a NUL character stands in the object",
        "half a surrogate pair stands in the object",
        "the object is longer than 1,048,576 characters",
        "the object is nested too deeply",
        "a NUL character stands in the object",
        None,
    ]
    assert found[3]["_line"].startswith('{"a":"xxx')
    assert len(found[3]["_line"]) == Limits().line
    while deep:
        # Python itself cannot take apart what is as deep as that.
        deep = deep["d"]


def test_an_escape_that_only_looks_like_nul_is_text() -> None:
    assert rows({"a": "\\u0000"})[0]["a"] == "\\u0000"


def test_no_objects_are_a_batch_with_all_columns() -> None:
    found = table([], COLUMNS, changed=[], positions=[])
    assert found.num_rows == 0
    assert found.column_names == ["a", "deep", OBJECT, *PROVENANCE.names]
    for field in PROVENANCE:
        assert found.schema.field(field.name) == field


@examples(60)
@given(st.lists(st.dictionaries(TEXT | st.sampled_from(["a", "x"]), JSON), max_size=4), TEXT)
def test_whatever_an_api_gives_is_kept_or_broken(
    objects: list[dict[str, Any]], position: str
) -> None:
    found = table(
        objects, COLUMNS, changed=[AT] * len(objects), positions=[position] * len(objects)
    )
    found.validate(full=True)
    for row, given_object in zip(found.to_pylist(), objects, strict=True):
        texts = [text for text in row.values() if isinstance(text, str)]
        assert not any("\0" in text for text in texts)
        if row["_error"] is None:
            assert json.loads(row[OBJECT], parse_float=Decimal) == _plain(given_object)
        else:
            assert row[OBJECT] is None
            assert row["a"] is None
    assert found.schema.field("a").type == pa.string()


def _plain(value: Any) -> Any:
    """As the whole object has it: decimals as text."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value
