"""CSV comes back as it was written, and every line that is no row is shown as a broken one."""

from __future__ import annotations

import csv
import gzip
import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from shop_assets.sources.csv_files import read_csv
from shop_assets.sources.decoded import Decoded
from shop_assets.sources.errors import SourceError
from shop_assets.sources.limits import Limits
from shop_assets_tests.examples import examples
from shop_assets_tests.sources.reading import errors, files, good, read

HEAD = "at,id,note\n"
SMALL = Limits(chunk=64, record=200)
"""So small that records, quotes and characters are cut at every place."""

TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
) | st.text(st.sampled_from('a,"\n\r;é€😀 '), max_size=12)


def parts(content: bytes, limits: Limits = SMALL, piece: int = 7, **stream: Any) -> list[Decoded]:
    pieces = (content[at : at + piece] for at in range(0, len(content), piece))
    settings_of_stream = files("/", **stream)._source.streams["rows"]
    return list(read_csv(pieces, settings_of_stream, "shop: t.csv", limits))


def values(found: list[Decoded]) -> list[tuple[str, ...]]:
    return [tuple(row.values()) for part in found for row in part.rows.to_pylist()]


def broken(found: list[Decoded]) -> list[tuple[int, str, str]]:
    return [(b.line, b.reason, b.text) for part in found for b in part.broken]


@examples(300)
@given(
    rows=st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=12),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    piece=st.integers(1, 90),
)
@example([("a\rb", 'x"', '"')], csv.QUOTE_MINIMAL, ",", "\r\n", 1)
def test_whatever_a_csv_writer_wrote_is_read_back_exactly(
    rows: list[tuple[str, str, str]], quoting: int, delimiter: str, end: str, piece: int
) -> None:
    written = _written([("p", "q", "r"), *rows], delimiter, end, quoting)
    found = parts(written, Limits(chunk=64, record=10_000), piece, delimiter=delimiter)
    assert values(found) == rows
    assert broken(found) == []


def _written(
    rows: list[tuple[str, ...]], delimiter: str = ",", end: str = "\n", quoting: int = 0
) -> bytes:
    out = io.StringIO()
    # The writer quotes what holds one of its own line end's characters: both are in this one.
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n", quoting=quoting)  # type: ignore[arg-type]
    ends = []
    for row in rows:
        writer.writerow(row)
        ends.append(out.tell())
    text = out.getvalue()
    return "".join(text[a : b - 2] + end for a, b in pairwise([0, *ends])).encode()


@examples(300, suppress_health_check=[HealthCheck.filter_too_much])
@given(rows=st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=8), data=st.data())
def test_of_a_file_cut_anywhere_whole_rows_stay_and_the_rest_is_shown(
    rows: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    whole = _written([("p", "q", "r"), *rows], end="\n", quoting=csv.QUOTE_ALL)
    head = whole.index(b"\n") + 1
    cut = data.draw(st.integers(head, len(whole)))
    ends = [head]
    for row in rows:
        ends.append(ends[-1] + len(_written([row], quoting=csv.QUOTE_ALL)))
    complete = sum(end <= cut for end in ends[1:])
    found = parts(whole[:cut], Limits(chunk=64, record=10_000), final_newline="required")
    assert values(found) == rows[:complete]
    rest = whole[ends[complete] : cut].decode("utf-8", "replace")
    shown = "".join(text for _, _, text in broken(found))
    assert _without_line_ends(shown) == _without_line_ends(rest)


def _without_line_ends(text: str) -> str:
    return text.replace("\r", "").replace("\n", "")


@examples(300)
@given(
    content=st.binary(max_size=300)
    | st.text(st.sampled_from('a,"\n\r\0'), max_size=80).map(str.encode)
)
def test_arbitrary_bytes_never_stop_a_read_nor_lose_a_line(content: bytes) -> None:
    found = parts(HEAD.encode() + content, Limits(chunk=64, record=1000))
    texts = [text for _, _, text in broken(found)]
    texts += ["|".join(row) for row in values(found)]
    inside = sum(_line_ends(text) for text in texts)
    covered = len(texts) + inside
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    blank = sum(not line for line in lines)
    assert len(lines) - blank <= covered <= len(lines)


def _line_ends(text: str) -> int:
    return text.replace("\r\n", "\n").replace("\r", "\n").count("\n")


@pytest.mark.parametrize("limits", [SMALL, Limits()])
def test_rows_know_the_line_at_which_they_begin(limits: Limits) -> None:
    content = b'p,q\n1,"two\nlines"\r\n\n2,x\n3\n4,"\r"\n5,y'
    found = parts(content, limits)
    lines = [int(line) for part in found for line in part.lines]
    assert lines == [2, 5, 7, 9]
    assert broken(found) == [(6, "1 fields; 2 are expected", "3")]
    assert values(found) == [("1", "two\nlines"), ("2", "x"), ("4", "\r"), ("5", "y")]


def test_rows_with_too_few_or_too_many_fields_are_broken_rows(tmp_path: Path) -> None:
    text = HEAD + "2026-01-01,1,a\n2026-01-01,2\n2026-01-01,3,c,d\n2026-01-01,4,e\n"
    (tmp_path / "a.csv").write_text(text)
    rows = read(files(tmp_path))
    assert [row["id"] for row in good(rows)] == ["1", "4"]
    assert errors(rows) == [
        ("a.csv:3", "2 fields; 3 are expected", "2026-01-01,2"),
        ("a.csv:4", "4 fields; 3 are expected", "2026-01-01,3,c,d"),
    ]


def test_rows_with_nul_are_broken_and_their_neighbours_are_not(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEAD + "2026-01-01,1,a\n2026-01-01,2,b\0\n2026-01-01,3,c\n")
    rows = read(files(tmp_path))
    assert [row["id"] for row in good(rows)] == ["1", "3"]
    assert errors(rows) == [("a.csv:3", "a NUL character stands in the row", "2026-01-01,2,b␀")]


def test_a_row_that_its_encoding_does_not_know_is_broken_and_its_neighbours_are_not(
    tmp_path: Path,
) -> None:
    lines = [b"2026-01-01,1,a", b"2026-01-01,2,caf\xe9", "2026-01-01,3,café".encode()]
    (tmp_path / "a.csv").write_bytes(HEAD.encode() + b"\n".join(lines))
    rows = read(files(tmp_path))
    assert [row["note"] for row in good(rows)] == ["a", "café"]
    assert errors(rows) == [("a.csv:3", "the row is not valid utf-8", "2026-01-01,2,caf�")]


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("cp1252", "utf-8-sig"),
        ("utf-8", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("latin-1", "latin-1"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings_are_read_and_a_byte_order_mark_decides(
    tmp_path: Path, encoding: str, written: str
) -> None:
    text = HEAD + '2026-01-01,1,"naïve, £5"\n2026-01-01,2,é\n'
    (tmp_path / "a.csv").write_bytes(text.encode(written))
    rows = read(files(tmp_path, encoding=encoding))
    assert [row["note"] for row in good(rows)] == ["naïve, £5", "é"]
    assert [row["_position"] for row in rows] == ["a.csv:2", "a.csv:3"]


@pytest.mark.parametrize(
    ("encoding", "bad"), [("cp1252", b"\x81"), ("utf-16-le", b"\x00\xd8")], ids=["cp1252", "utf-16"]
)
def test_what_another_encoding_does_not_know_breaks_its_row_too(
    tmp_path: Path, encoding: str, bad: bytes
) -> None:
    content = (HEAD + "2026-01-01,1,a\n2026-01-01,2,").encode(encoding) + bad
    content += "\n2026-01-01,3,c\n".encode(encoding)
    (tmp_path / "a.csv").write_bytes(content)
    rows = read(files(tmp_path, encoding=encoding))
    assert [row["id"] for row in good(rows)] == ["1", "3"]
    [(position, reason, _)] = errors(rows)
    assert (position, reason) == ("a.csv:3", f"the row is not valid {encoding}")


def test_a_stray_quote_breaks_its_line_and_no_other(tmp_path: Path) -> None:
    text = HEAD + '2026-01-01,1,"12" shelf"\n2026-01-01,2,6" nail\n2026-01-01,3,"x"\n'
    (tmp_path / "a.csv").write_text(text)
    rows = read(files(tmp_path))
    assert [row["note"] for row in good(rows)] == ['6" nail', "x"]
    reason = "text follows a closing quote"
    assert errors(rows) == [("a.csv:2", reason, '2026-01-01,1,"12" shelf"')]


def test_lines_after_a_quote_that_never_closes_are_shown_each(tmp_path: Path) -> None:
    text = HEAD + '2026-01-01,1,a\n2026-01-01,2,"b\n2026-01-01,3,c\n'
    (tmp_path / "a.csv").write_text(text)
    rows = read(files(tmp_path))
    assert [row["id"] for row in good(rows)] == ["1"]
    reason = "a quote is opened and not closed"
    assert errors(rows) == [
        ("a.csv:3", reason, '2026-01-01,2,"b'),
        ("a.csv:4", reason, "2026-01-01,3,c"),
    ]


def test_a_quote_that_never_closes_does_not_swallow_a_long_file() -> None:
    rest = b"".join(b"%d,x\n" % number for number in range(100))
    found = parts(b'p,q\n0,"oops\n' + rest)
    # The last lines, within the longest record's reach of a quote, need not be readable.
    assert values(found) == [(str(number), "x") for number in range(100)]
    assert broken(found) == [(2, "a quote is opened and not closed", '0,"oops')]


def test_a_row_of_ten_megabytes_is_broken_and_its_neighbours_are_not(tmp_path: Path) -> None:
    huge = "x" * 10_000_000
    text = HEAD + f"2026-01-01,1,a\n2026-01-01,2,{huge}\n2026-01-01,3,c\n"
    (tmp_path / "a.csv").write_text(text)
    rows = read(files(tmp_path))
    assert [row["id"] for row in good(rows)] == ["1", "3"]
    [(position, reason, line)] = errors(rows)
    assert (position, reason) == ("a.csv:3", "the row is longer than 1,048,576 bytes")
    assert len(line) == 10_000
    assert rows[2]["_position"] == "a.csv:4"


def test_a_cut_last_line_is_a_broken_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEAD + "2026-01-01,1,a\n2026-01-01,2")
    rows = read(files(tmp_path))
    assert good(rows) == [{"at": "2026-01-01", "id": "1", "note": "a"}]
    assert errors(rows) == [("a.csv:3", "2 fields; 3 are expected", "2026-01-01,2")]


def test_a_last_line_without_line_end_is_a_row_unless_line_ends_are_required(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text(HEAD + "2026-01-01,1,a\n2026-01-01,2,be")
    assert [row["note"] for row in good(read(files(tmp_path)))] == ["a", "be"]
    rows = read(files(tmp_path, final_newline="required"))
    assert [row["note"] for row in good(rows)] == ["a"]
    reason = "the file's last line is cut: it has no line end"
    assert errors(rows) == [("a.csv:3", reason, "2026-01-01,2,be")]


@pytest.mark.parametrize("zipped", ["gzip", "zstd"])
def test_of_an_archive_cut_short_the_rows_before_the_cut_are_read(
    tmp_path: Path, zipped: str
) -> None:
    text = HEAD + "".join(f"2026-01-01,{number},{number * 7919:x}\n" for number in range(50_000))
    whole = gzip.compress(text.encode()) if zipped == "gzip" else _zstd(text.encode())
    name = "a.csv.gz" if zipped == "gzip" else "a.csv.zst"
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    rows = read(files(tmp_path))
    [(position, reason, line)] = errors(rows)
    assert reason == f"the file is cut short: its {zipped} data ends before it is complete"
    count = len(good(rows))
    assert count > 10_000
    assert [row["id"] for row in good(rows)] == [str(number) for number in range(count)]
    assert position == f"{name}:{count + 2}"
    assert f"2026-01-01,{count},{count * 7919:x}\n".startswith(line)


def _zstd(content: bytes) -> bytes:
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        for at in range(0, len(content), 50_000):
            stream.write(content[at : at + 50_000])
            stream.flush()
    packed: bytes = out.getvalue().to_pybytes()
    return packed


def test_an_archive_of_several_parts_is_read_to_its_end(tmp_path: Path) -> None:
    first, second = HEAD + "2026-01-01,1,a\n", "2026-01-01,2,b\n"
    packed = gzip.compress(first.encode()) + gzip.compress(second.encode()) + b"\0" * 512
    (tmp_path / "a.csv.gz").write_bytes(packed)
    assert [row["id"] for row in good(read(files(tmp_path)))] == ["1", "2"]


def test_a_damaged_archive_is_refused_as_a_whole(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress((HEAD + "2026-01-01,1,a\n" * 1000).encode()))
    packed[-6] ^= 0xFF  # of the checksum
    (tmp_path / "a.csv.gz").write_bytes(bytes(packed))
    with pytest.raises(
        SourceError, match=r"^shop: .*/a\.csv\.gz is damaged: incorrect checksum found$"
    ):
        read(files(tmp_path))


def test_an_archive_that_unpacks_to_far_too_much_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(HEAD.encode() + b"x" * 30_000_000))
    with pytest.raises(SourceError, match="unpacks to more than 200 times its size"):
        read(files(tmp_path, limits=Limits(expanded=20_000_000)))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv.gz", b"at,id\n", "is plain text or something unknown, but by its name gzip is exp"),
        ("a.csv.zst", gzip.compress(b"at,id\n"), "is gzip, but by its name zstd is expected"),
        ("a.csv", gzip.compress(b"at,id\n"), "is gzip, but by its name text is expected"),
        ("a.csv", b"PK\x03\x04rest", "is a zip archive, but by its name text is expected"),
        ("a.csv.gz", b"", "is empty, but by its name gzip is expected"),
        ("a.csv", b"", "is empty; a line with the names of its columns is expected"),
        ("a.csv", b"id,note\n1,2\n", "has no column 'at', by which its rows are timed; it has id"),
        ("a.csv", b"at,id, at\n", "has the column 'at' twice; once is expected"),
        ("a.csv", b"at,_error\n", "has a column '_error', a name kept for the platform's own col"),
        ("a.csv", b"\xff\xfa\x01\n", "its first line is not valid utf-8"),
        ("a.csv", b"\x7fELF\0\0\n", r"is not CSV: its first line is '\x7fELF␀␀'"),
        ("a.csv", b"x" * 6_000_000, "is not CSV: its first line is longer than 1,048,576 bytes"),
    ],
    ids=[
        "text, not gzip",
        "gzip, not zstd",
        "gzip, not text",
        "zip",
        "empty gzip",
        "empty",
        "no time",
        "name twice",
        "our name",
        "not utf-8",
        "binary",
        "one endless line",
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError) as refused:
        read(files(tmp_path))
    said = str(refused.value)
    assert said.startswith(f"shop: {tmp_path}/{name}")
    assert sentence in said
    assert "\n" not in said


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",".join(f"c{n}" for n in range(1001)) + "\n")
    with pytest.raises(SourceError, match="has 1001 columns; at most 1000 are expected"):
        read(files(tmp_path))


def test_names_of_columns_are_trimmed_and_renamed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("at, Customer ID ,\n2026-01-01,7,x\n")
    (tmp_path / "b.csv").write_text("Date,CustomerID,\n2026-01-02,8,y\n")
    rename = {"Customer ID": "customer", "CustomerID": "customer", "Date": "at"}
    rows = good(read(files(tmp_path, rename=rename)))
    assert rows == [
        {"at": "2026-01-01", "customer": "7", "column_3": "x"},
        {"at": "2026-01-02", "customer": "8", "column_3": "y"},
    ]


def test_nothing_is_guessed_of_values(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEAD + "2026-01-01,007,NULL\n2026-01-01,1e3,\n")
    rows = good(read(files(tmp_path)))
    assert [(row["id"], row["note"]) for row in rows] == [("007", "NULL"), ("1e3", "")]
