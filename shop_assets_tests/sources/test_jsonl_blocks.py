"""Lines that are decoded together are, to the letter, what they are when decoded one by one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shop_assets.sources import jsonl_files
from shop_assets.sources.decoded import Broken
from shop_assets.sources.decompression import CutShortError
from shop_assets.sources.jsonl_blocks import LinesOfText, Refused, parse
from shop_assets.sources.jsonl_files import read_jsonl
from shop_assets.sources.limits import Limits
from shop_assets_tests.examples import examples
from shop_assets_tests.sources.reading import files

Part = tuple[pa.Schema, list[dict[str, str | None]], list[int], list[str], list[Broken]]

# What a JSON text is made of, and what one parser or another takes for that.
TOKENS = [
    *'{}[],:"',
    *(" ", "\t", "\r", "\n", "\f", "\v", "\0", "\x01", "\x1f", "\x7f", "\x85", "\xa0"),
    *("\u2028", "\ufeff", "\ufffe", "é", "語", "😀", "'", "/", "/**/", "//", "#", "\\", "a", "b"),
    *('\\"', "\\\\", "\\/", "\\b", "\\n", "\\x", "\\u", "\\u0000", "\\u0041", "\\u+123", "\\u00e9"),
    *("\\ud83d", "\\ude00", "\\ud83d\\ude00", "\\U0041", "\\u0022", "\\u000a", "\\u00"),
    *("null", "true", "false", "True", "nul", "NaN", "Infinity", "-Infinity", "undefined"),
    *("0", "-0", "12.10", "1e3", "-1.5E+30", "01", "1.", ".5", "+1", "1e", "0x1f", "1_0", "-", "٣"),
    *('"a"', '"b"', '"a":', '"b":', '"a":1', '"b":"x"', '": 1,"', '":1', '": true'),
    *('{"a":"x"}', "}{", "},{", "}\n{", "}\r\n{", "},\n{", "{}", '{"a":1}', '{"a":{}}', '{"a":[]}'),
]
SCALARS = [
    *("null", "true", "false", "0", "-0", "7", "12.10", "1e3", "1E400", "123456789012345678901234"),
    *('""', '"x"', '"é"', '"\\u00e9"', '"\\""', '"\\\\"', '"a\\/b\\n"', '"😀"', '"\\ud83d\\ude00"'),
    *('" "', '"1"', '"null"', '"}"', '"{"', '"},{"', '"\\": 1,"', '": 1"', '"\u2028\x7f"', '"[1"'),
]
NESTED = ["{}", "[]", "[1, 1.50]", '{"a": "x", "b": null}', '{"a":{"a":[{}]}}', '[{"a":"é\\n"}]']
KEYS = [*"abcde", "", " a", "é", "\\u0061", "a\\/b", "a/b", "_error", "uid", "user_id", 'a":1,"b']


def objects(keys: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of JSON objects, or what is nearly one: a key may stand in it twice."""
    styles = st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : "), (",\t", ":\t")])
    pairs = st.lists(st.tuples(keys, values), max_size=5)
    return st.builds(
        lambda found, style: "{" + style[0].join(f'"{k}"{style[1]}{v}' for k, v in found) + "}",
        pairs,
        styles,
    )


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[str]) -> bytes:
    """Text in which something was cut out, put in or put around."""
    text = draw(whole).encode()
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 3)))
    token = draw(st.sampled_from(TOKENS).map(str.encode) | st.binary(min_size=1, max_size=2))
    return text[:start] + token + text[end:]


tidy = objects(st.sampled_from("abc"), st.sampled_from(["null", '"x"', '"é"', '"\\n"', '""']))
bare = objects(st.sampled_from("abc"), st.sampled_from(["null", '"x"', "12.10", "-0", "true"]))
wild = objects(st.sampled_from(KEYS), st.sampled_from([*SCALARS, *NESTED]))
lines = st.one_of(
    tidy.map(str.encode),
    tidy.map(str.encode),
    bare.map(str.encode),
    wild.map(str.encode),
    damaged(tidy | bare | wild),
    st.lists(st.sampled_from(TOKENS), max_size=12).map(lambda found: "".join(found).encode()),
)
texts = st.one_of(
    st.builds(
        lambda found, end, last: end.join(found) + last,
        st.lists(lines, max_size=40),
        st.sampled_from([b"\n", b"\n", b"\r\n", b"\n\n"]),
        st.sampled_from([b"", b"\n"]),
    ),
    # One kind of line, so that long runs of it are taken together, and one other in the middle.
    st.builds(
        lambda line, many, other, more: b"\n".join([line] * many + [other] + [line] * more),
        (tidy | bare).map(str.encode),
        st.integers(1, 60),
        lines,
        st.integers(0, 60),
    ),
)


_STREAMS = {
    newline: files(
        "/", form="jsonl", rename={"uid": "user_id"}, final_newline=newline
    )._source.streams["rows"]
    for newline in ("optional", "required")
}


def parts(
    text: bytes,
    together: int,
    limits: Limits,
    *,
    piece: int = 50,
    cut: bool = False,
    newline: str = "optional",
) -> list[Part]:
    """All that decoding a text gives."""

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(text), piece):
            yield text[start : start + piece]
        if cut:
            raise CutShortError("cut")

    found = []
    for part in read_jsonl(pieces(), _STREAMS[newline], "shop: a.jsonl", limits, together=together):
        part.rows.validate(full=True)
        assert part.rows.num_rows == len(part.lines) or not part.rows.num_columns
        indexes = part.lines.argsort()
        found.append(
            (
                part.rows.schema,
                part.rows.to_pylist(),
                part.lines.tolist(),
                part.text_of(indexes),
                part.broken,
            )
        )
        assert part.rows.schema.metadata == {b"names": b"by row"}
    return found


ONE_BY_ONE = sys.maxsize


@examples(500)
@given(
    texts,
    st.sampled_from([1, 2, 5]),
    st.sampled_from([1, 64, 300, 1 << 20]),
    st.sampled_from([2, 4, 1000]),
    st.sampled_from([20, 60, 1 << 20]),
    st.booleans(),
    st.sampled_from(["optional", "required"]),
)
@example(b'{"a":"1"}\n{"a":"1","a":null}\n{"a":null,"a":"2"}', 1, 64, 4, 60, False, "optional")
@example(b'{"a":"1"}\n{"a":"1"}{"a":"2"}\n{"a":"x\n{"a":"y"}\n', 1, 300, 4, 60, True, "optional")
@example(b'{"a":""}\n' * 9 + b'{"a": 1, "b": ": 1,"}\n' * 9, 1, 1 << 20, 4, 60, False, "optional")
def test_nothing_tells_whether_lines_were_decoded_together(
    text: bytes, together: int, chunk: int, columns: int, record: int, cut: bool, newline: str
) -> None:
    limits = Limits(chunk=chunk, columns=columns, record=record)
    expected = parts(text, ONE_BY_ONE, limits, cut=cut, newline=newline)
    assert parts(text, together, limits, cut=cut, newline=newline) == expected


ALIASED = b'{"uid": "1"}\n{"user_id": "2"}\n{"user_id": "3", "uid": "4"}\n{"uid": "5"}\n'
MARKED = "\ufeff".encode() + b'{"a": "1"}\n'


@pytest.mark.parametrize("line", [b'{"a": "", "b": null}', b'{"a": "", "b": 12}'])
def test_whatever_stands_anywhere_in_a_line(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    # Numbers are looked for from the beginning.
    monkeypatch.setattr(jsonl_files, "_FEW_BARE", -1)
    invalid = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80"]
    for place in range(len(line) + 1):
        for token in [*(token.encode() for token in TOKENS), *invalid]:
            text = b'{"a": "1", "b": "2"}\n' + line[:place] + token + line[place:]
            expected = parts(text, ONE_BY_ONE, Limits(), piece=200)
            assert parts(text, 1, Limits(), piece=200) == expected


@pytest.mark.parametrize("text", [ALIASED * 20, MARKED * 20, b'{"uid": "1"}\n' + MARKED])
def test_one_name_for_two_keys_and_marks_of_byte_order(text: bytes) -> None:
    for chunk in (1, 50, 1 << 20):
        limits = Limits(chunk=chunk)
        assert parts(text, 1, limits) == parts(text, ONE_BY_ONE, limits)


def test_a_line_is_too_long_among_others_too() -> None:
    text = b'{"a": "1"}\n{"a": "12345"}\n{"a": "2"}\r\n{"a": "123"}\n'
    [(_, rows, numbers, _, broken)] = parts(text, 1, Limits(record=12))
    assert ([row["a"] for row in rows], numbers) == (["1", "2", "123"], [1, 3, 4])
    assert broken == [Broken(2, "the row is longer than 12 bytes", '{"a": "12345"}')]


def written(count: int, broken: int = 0) -> bytes:
    """A tracker's lines, of which each so many-th is cut."""
    rows = [
        json.dumps({"id": f"{n:x}", "type": "view", "user": None if n % 3 else str(n), "n": n})
        for n in range(count)
    ]
    return "".join(
        (row[:20] if broken and n % broken == 7 else row) + "\n" for n, row in enumerate(rows)
    ).encode()


@pytest.fixture
def singly(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The lines that are decoded one by one."""
    found: list[bytes] = []
    decode = jsonl_files._JsonlFile._parse

    def noted(self: jsonl_files._JsonlFile, line: bytes) -> dict[str, object] | None:
        found.append(line)
        return decode(self, line)

    monkeypatch.setattr(jsonl_files._JsonlFile, "_parse", noted)
    return found


LATE = b'{"id": "0", "new": "1"}\n'
TAGS = b'{"id": "0", "tags": ["x", 1]}\n'
TWICE = b'{"id": "0", "id": "1"}\n'
PAIR = b'{"id": "0", "emoji": "\\ud83d\\ude00"}\n'


FEW_AT_ONCE: dict[str, tuple[bytes, int]] = {
    "all alike": (written(3000), 4),
    "some cut": (written(3000, broken=100), 34),
    "line ends of Windows": (written(3000).replace(b"\n", b"\r\n"), 4),
    "not ASCII": (written(3000).replace(b"view", "größer".encode()), 4),
    "written as ASCII": (written(3000).replace(b"view", b"gr\\u00f6\\u00dfer"), 4),
    "others at one place": (
        written(1500) + b"\n" * 50 + b"\xff\n" * 50 + PAIR + written(1500),
        105,
    ),
    "one nested": (written(1500) + TAGS + written(1500), 40),
    "a name met late": (written(1500) + LATE + written(1500) + LATE, 40),
    "some nested": ((LATE * 50 + TAGS) * 20, 40),
    "many nested": ((LATE + TAGS) * 500, 520),
}


@pytest.mark.parametrize("case", FEW_AT_ONCE)
def test_few_lines_have_to_be_decoded_one_by_one(case: str, singly: list[bytes]) -> None:
    text, most = FEW_AT_ONCE[case]
    limits = Limits()
    found = parts(text, 16, limits, piece=1 << 20)
    assert 1 <= len(singly) <= most
    singly.clear()
    assert found == parts(text, ONE_BY_ONE, limits, piece=1 << 20)
    assert len(singly) == text.count(b"\n")


def test_where_every_line_is_refused_no_more_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def counted(text: bytes, rows: int, keys: list[str], *, quoting: bool) -> pa.Table | Refused:
        tried.append(rows)
        return parse(text, rows, keys, quoting=quoting)

    monkeypatch.setattr(jsonl_files, "parse", counted)
    chunk = len(TWICE) * 1000
    found = parts(TWICE * 10_000, 16, Limits(chunk=chunk), piece=chunk)
    assert [row["id"] for part in found for row in part[1]] == ["1"] * 10_000
    assert len(tried) <= 30


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (b'{"a":"1"}\n{"a":"1","b":null,"a":"2"}', Refused(1)),
        (b'{"a":"1"}\n{"a":null,"a":null}', Refused(1)),
        (b'{"a":"1"}\n{"a":[]}', Refused(1, nested=True)),
        (b'{"a":"1"}\n{"a":12.10}', Refused(1, bare=True)),
        (b'{"a":"1"}\n{"a":"1"}{"a":"2"}', Refused()),
        (b'{"a":"1"}\n{"c":null}', Refused()),
        (b'{"a":"x\n{"a":"y"}', Refused(0)),
    ],
)
def test_what_cannot_be_taken_together_is_refused(text: bytes, refused: Refused) -> None:
    assert parse(text, 2, ["a", "b"], quoting=False) == refused


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abc"),
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False),
            min_size=1,
        ),
        min_size=1,
    )
)
def test_bare_values_are_taken_as_they_stand_there(
    rows: list[dict[str, float | bool | None]],
) -> None:
    text = "\n".join(map(json.dumps, rows)).encode()
    found = parse(text, len(rows), [*"abc"], quoting=True)
    assert isinstance(found, pa.Table)
    for row, written_row in zip(found.to_pylist(), rows, strict=True):
        assert row == {
            key: None if written_row.get(key) is None else json.dumps(written_row[key])
            for key in "abc"
        }


@given(st.lists(st.binary(max_size=4).filter(lambda line: b"\n" not in line)), st.booleans())
def test_text_is_split_at_its_line_ends(found: list[bytes], final: bool) -> None:
    text = b"\n".join(found)
    split, rest = LinesOfText.split(text, final=final)
    *expected, last = text.split(b"\n")
    if final and last:
        expected, last = [*expected, last], b""
    assert ([split[line] for line in range(len(split))], rest) == (expected, last)
    assert all(split.ends[a] < split.starts[b] for a, b in pairwise(range(len(split))))
