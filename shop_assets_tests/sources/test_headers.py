"""The line with the columns' names, found below titles; and the delimiter that it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shop_assets.sources.errors import SourceError
from shop_assets.sources.limits import Limits
from shop_assets_tests.sources.reading import errors, files, good, read

TIME = {"modified": True}
HEADER = ["Day", "Cost"]


def found(folder: Path, content: bytes, **more: Any) -> list[dict[str, Any]]:
    (folder / "r.csv").write_bytes(content)
    return read(files(folder, time=TIME, **{"header": HEADER, "delimiter": "auto", **more}))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_header_is_found_by_its_names_and_shows_the_delimiter(
    tmp_path: Path, delimiter: str, encoding: str
) -> None:
    lines = ["Report, of 'all'; days", "", '"1 May, 2026 - 2 May"', 'Cost|"Day"|x', "1|2|3", ""]
    text = "\r\n".join(lines).replace("|", delimiter)
    rows = found(tmp_path, text.encode(encoding))
    assert good(rows) == [{"Cost": "1", "Day": "2", "x": "3"}]
    assert [row["_position"] for row in rows] == ["r.csv:5"]


def test_titles_that_are_no_csv_and_no_text_are_passed_over(tmp_path: Path) -> None:
    content = b'The "best" report\n"of\xff all" days\n\0\nDay,Cost\n1,2\n'
    rows = found(tmp_path, content)
    assert good(rows) == [{"Day": "1", "Cost": "2"}]


def test_names_that_are_renamed_count_as_what_they_are_renamed_to(tmp_path: Path) -> None:
    rows = found(tmp_path, b"Report\nTag,Kosten\n1,2\n", rename={"Tag": "Day", "Kosten": "Cost"})
    assert good(rows) == [{"Day": "1", "Cost": "2"}]


def test_a_header_in_a_later_piece_of_the_file_is_found(tmp_path: Path) -> None:
    titles = b"".join(b"title %d\n" % n for n in range(400))
    rows = found(tmp_path, titles + b"Day,Cost\n1,2\n", delimiter=",", limits=Limits(chunk=256))
    assert good(rows) == [{"Day": "1", "Cost": "2"}]
    assert [row["_position"] for row in rows] == ["r.csv:402"]


@pytest.mark.parametrize("delimiter", ["auto", ","])
def test_a_file_without_the_header_is_refused_and_not_read_to_its_end(
    tmp_path: Path, delimiter: str
) -> None:
    for content in (b"Campaign,Cost\na,1\n", b"x\n" * 5000 + b"Day,Cost\n1,2\n"):
        with pytest.raises(
            SourceError, match="none of its first 1,000 lines with the names Day, C"
        ):
            found(tmp_path, content, delimiter=delimiter)


def test_rows_below_the_header_are_held_to_it(tmp_path: Path) -> None:
    rows = found(tmp_path, b"Report\nDay,Cost\n1,2\n3\n")
    assert good(rows) == [{"Day": "1", "Cost": "2"}]
    assert errors(rows) == [("r.csv:4", "1 fields; 2 are expected", "3")]
