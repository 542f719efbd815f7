"""JSON lines keep their values as they were written, and a broken line stops no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.sources.jsonl_files import read_jsonl
from shop_assets.sources.limits import Limits
from shop_assets_tests.examples import examples
from shop_assets_tests.sources.reading import errors, files, good, read

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)
SCALAR = st.none() | st.booleans() | st.integers() | TEXT


def lines(folder: Path, *written: str, name: str = "a.jsonl") -> None:
    (folder / name).write_text("".join(line + "\n" for line in written))


def test_values_keep_the_text_in_which_they_were_written(tmp_path: Path) -> None:
    lines(
        tmp_path,
        '{"at": "2026-01-01T00:00:00Z", "price": 12.10, "big": 12345678901234567890123, "x": 1e3}',
        '{"at": "2026-01-01T00:00:01Z", "price": "12.10", "yes": true, "no": false, "x": null}',
    )
    assert good(read(files(tmp_path, form="jsonl"))) == [
        {
            "at": "2026-01-01T00:00:00Z",
            "price": "12.10",
            "big": "12345678901234567890123",
            "x": "1e3",
            "yes": None,
            "no": None,
        },
        {
            "at": "2026-01-01T00:00:01Z",
            "price": "12.10",
            "big": None,
            "x": None,
            "yes": "true",
            "no": "false",
        },
    ]


def test_nested_values_stay_json_with_their_numbers_as_written(tmp_path: Path) -> None:
    lines(tmp_path, '{"at": "2026-01-01", "of": {"a": [1.50, "1.50", null, true], "é\\"": {}}}')
    [row] = good(read(files(tmp_path, form="jsonl")))
    assert row["of"] == '{"a":[1.50,"1.50",null,true],"é\\"":{}}'


@pytest.mark.parametrize("value", ["[" * 900 + "]" * 900, '{"a":' * 400 + "12.10" + "}" * 400])
def test_deeply_nested_values_are_read(tmp_path: Path, value: str) -> None:
    lines(tmp_path, f'{{"at": "2026-01-01", "of": {value}}}', '{"at": "2026-01-02", "of": "x"}')
    assert [row["of"] for row in good(read(files(tmp_path, form="jsonl")))] == [value, "x"]


def test_numbers_and_text_that_looks_like_one_stay_apart_in_nested_values(tmp_path: Path) -> None:
    nested = '[1,"1",-0.0,"\\\\",1E5,"\\"2\\"",{"3":4,"é":"😀"},true,null,""]'
    lines(tmp_path, f'{{"at": "2026-01-01", "n": 12.10, "t": "12.10", "of": {nested}}}')
    [row] = good(read(files(tmp_path, form="jsonl")))
    assert (row["n"], row["t"], row["of"]) == ("12.10", "12.10", nested)


@examples(150)
@given(
    st.lists(
        st.dictionaries(
            TEXT.filter(lambda name: name.strip() == name != "" and name[0] != "_"),
            SCALAR | st.lists(SCALAR, max_size=3) | st.dictionaries(TEXT, SCALAR, max_size=3),
            min_size=1,
        ),
        max_size=8,
    ),
    st.integers(1, 60),
)
def test_whatever_a_json_writer_wrote_is_read_back(
    rows: list[dict[str, object]], piece: int
) -> None:
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    pieces = (content[at : at + piece] for at in range(0, len(content), piece))
    stream = files("/", form="jsonl")._source.streams["rows"]
    found: list[dict[str, str | None]] = []
    for part in read_jsonl(pieces, stream, "shop: a.jsonl", Limits(chunk=64)):
        assert part.broken == []
        found += part.rows.to_pylist()
    assert len(found) == len(rows)
    for written, row in zip(rows, found, strict=True):
        for name, value in written.items():
            text = row[name]
            if value is None or isinstance(value, str):
                assert text == value
            else:
                assert text is not None
                assert json.loads(text) == value


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"at": "2026-01-01", "id"', "not JSON: expecting ':' delimiter at character 26"),
        ('{"at": "2026-01-01"} {}', "not JSON: extra data at character 22"),
        ("[1, 2]", "a list stands where a JSON object is expected"),
        ("null", "null stands where a JSON object is expected"),
        ("12", "a number or text stands where a JSON object is expected"),
        ('{"at": "2026-01-01", "id": NaN}', "NaN is no JSON"),
        ('{"at": "2026-01-01", "id": "\\u0000"}', "a NUL character stands in the row"),
        ('{"at": "2026-01-01", "of": ["\\ud800"]}', "half a surrogate pair stands in the row"),
        ('{"at": "2026-01-01", "_error": 1}', "'_error' is a name kept for the platform's own c"),
        ('{"at": "2026-01-01", "": 1}', "a key has no name"),
        ('{"at": "2026-01-01", "id": 1, " id": 2}', "two keys of the row are names of the same"),
        ('{"of": ' + "[" * 100_000, "the row is nested too deeply"),
        ('{"id": 5}', "at is empty; a time is expected"),
        ('{"at": "soon", "id": 5}', "at is 'soon'; a time written as iso is expected"),
    ],
)
def test_a_broken_line_is_shown_and_its_neighbours_are_read(
    tmp_path: Path, line: str, reason: str
) -> None:
    first, last = '{"at": "2026-01-01", "id": 1}', '{"at": "2026-01-01", "id": 2}'
    lines(tmp_path, first, line, last)
    rows = read(files(tmp_path, form="jsonl"))
    assert [row["id"] for row in good(rows)] == ["1", "2"]
    [(position, said, text)] = errors(rows)
    assert position == "a.jsonl:2"
    assert said.startswith(reason)
    assert text == line[:10_000]


def test_bytes_that_are_no_text_break_their_line_only(tmp_path: Path) -> None:
    content = b'{"at":"2026-01-01","id":1}\n{"at":"\xff"}\n\n{"at":"2026-01-01","id":2}'
    (tmp_path / "a.jsonl").write_bytes(content)
    rows = read(files(tmp_path, form="jsonl"))
    assert [row["id"] for row in good(rows)] == ["1", "2"]
    assert errors(rows) == [("a.jsonl:2", "the row is not valid utf-8", '{"at":"�"}')]
    assert rows[-1]["_position"] == "a.jsonl:4"


def test_a_line_of_ten_megabytes_is_broken_and_its_neighbours_are_not(tmp_path: Path) -> None:
    lines(tmp_path, '{"at": "2026-01-01"}', '{"at": "' + "x" * 10_000_000, '{"at": "2026-01-02"}')
    rows = read(files(tmp_path, form="jsonl"))
    assert [row["at"] for row in good(rows)] == ["2026-01-01", "2026-01-02"]
    [(position, reason, text)] = errors(rows)
    assert (position, reason) == ("a.jsonl:2", "the row is longer than 1,048,576 bytes")
    assert len(text) == 10_000
    assert rows[-1]["_position"] == "a.jsonl:3"


def test_a_cut_last_line_is_a_broken_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"at": "2026-01-01"}\n{"at": "2026-01-0')
    [_, (position, _, text)] = [(), *errors(read(files(tmp_path, form="jsonl")))]
    assert (position, text) == ("a.jsonl:2", '{"at": "2026-01-0')


def test_line_ends_can_be_required(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"at": "2026-01-01"}\n{"at": "2026-01-02"}')
    rows = read(files(tmp_path, form="jsonl", final_newline="required"))
    assert len(good(rows)) == 1
    reason = "the file's last line is cut: it has no line end"
    assert errors(rows) == [("a.jsonl:2", reason, '{"at": "2026-01-02"}')]


def test_two_names_of_one_column_become_it(tmp_path: Path) -> None:
    lines(tmp_path, '{"at": "2026-01-01", "user_id": 1}', '{"at": "2026-01-02", "uid": 2}')
    rows = read(files(tmp_path, form="jsonl", rename={"uid": "user_id"}))
    assert [row["user_id"] for row in good(rows)] == ["1", "2"]


def test_endless_new_names_are_broken_rows(tmp_path: Path) -> None:
    lines(tmp_path, *(f'{{"at": "2026-01-01", "n{n}": 1}}' for n in range(20)))
    rows = read(files(tmp_path, form="jsonl", limits=Limits(columns=11)))
    assert len(good(rows)) == 10
    assert {reason for _, reason, _ in errors(rows)} == {
        "the file has more than 11 names in its rows"
    }
