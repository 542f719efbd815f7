"""Exports that restate days: which rows a later file ends, and by the load of which file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shop_assets.settings.file_streams import FileStream
from shop_assets.sources.decoded import Decoded
from shop_assets.sources.errors import SourceError
from shop_assets.sources.files import FilesConnector
from shop_assets.sources.locations import FileEntry
from shop_assets.sources.protocol import ReadRequest, Window
from shop_assets.transforms.extract import assemble
from shop_assets_tests.sources.reading import ALWAYS, errors, files, read, utc

RESTATES = {"day": "day", "key": ["id"], "figures": ["cost"], "reach": 5}


def source(folder: Path, **more: Any) -> FilesConnector:
    time = {"name": "%Y-%m-%d*.csv", "covers": "day"}
    return files(folder, "*.csv", time=time, restates=RESTATES, **more)


def export(folder: Path, name: str, *rows: str) -> None:
    (folder / f"{name}.csv").write_text("\n".join(["id,day,cost,name", *rows, ""]), "utf-8")


def day(text: str) -> Window:
    return Window(utc(f"{text}T00:00"), utc(f"{text}T00:00") + dt.timedelta(days=1))


def gone(found: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Campaign and day of each tombstone, from when on, and in which hour it stands."""
    return [
        (row["id"], row["day"], f"{row['_change_time']:%m-%d}", f"{row['_hour']:%m-%d}")
        for row in found
        if row.get("_deleted")
    ]


def test_a_row_that_a_later_file_lacks_is_gone_from_its_time_on(tmp_path: Path) -> None:
    export(tmp_path, "2026-11-04", "a,2026-11-02,5,A", "b,2026-11-02,7,B", "b,2026-11-03,8,B")
    assert gone(read(source(tmp_path))) == []
    export(tmp_path, "2026-11-05", "a,2026-11-02,6,A", "b,2026-11-03,8,B", "a,2026-11-04,9,A")
    found = read(source(tmp_path), day("2026-11-05"))
    assert gone(found) == [("b", "2026-11-02", "11-05", "11-05")]
    (row,) = (row for row in found if row.get("_deleted"))
    assert (row["cost"], row["name"], row["_delivery"]) == ("0", "B", "2026-11-05.csv")
    assert row["_position"] == "2026-11-04.csv:3 gone in 2026-11-05.csv"
    # A file that came late ends its own rows by what the later one lacks.
    assert gone(read(source(tmp_path), day("2026-11-04"))) == [
        ("b", "2026-11-02", "11-05", "11-04")
    ]


def test_days_that_a_file_does_not_cover_stay_as_they_are(tmp_path: Path) -> None:
    export(tmp_path, "2026-11-06", "a,2026-11-01,1,A", "a,2026-11-02,2,A", "a,2026-11-05,5,A")
    export(tmp_path, "2026-11-07", "b,2026-11-03,3,B", "b,2026-11-04,4,B")
    assert gone(read(source(tmp_path))) == []


def test_days_beyond_the_reach_are_not_restated(tmp_path: Path) -> None:
    export(tmp_path, "2026-11-08", "a,2026-11-03,1,A", "a,2026-11-04,1,A", "a,2026-11-05,1,A")
    export(tmp_path, "2026-11-09", "b,2026-11-01,1,B", "b,2026-11-08,1,B")
    expected = [("a", "2026-11-04", "11-09", "11-09"), ("a", "2026-11-05", "11-09", "11-09")]
    assert gone(read(source(tmp_path), day("2026-11-09"))) == expected


def test_of_files_with_one_time_the_last_by_name_counts(tmp_path: Path) -> None:
    export(tmp_path, "2026-11-05", "a,2026-11-04,1,A", "b,2026-11-04,1,B")
    export(tmp_path, "2026-11-05_again", "a,2026-11-04,1,A")
    found = read(source(tmp_path))
    assert set(gone(found)) == {("b", "2026-11-04", "11-05", "11-05")}
    assert {r["_delivery"] for r in found if r.get("_deleted")} == {"2026-11-05_again.csv"}


def test_rows_without_a_day_are_not_compared(tmp_path: Path) -> None:
    export(tmp_path, "2026-11-05", "a,2026-11-04,1,A", "Total,--,1,T")
    export(tmp_path, "2026-11-06", "a,2026-11-04,1,A")
    assert gone(read(source(tmp_path))) == []


def test_a_file_with_a_row_that_cannot_be_read_ends_nothing(tmp_path: Path) -> None:
    export(tmp_path, "2026-11-05", "a,2026-11-04,1,A", "b,2026-11-04,1,B")
    export(tmp_path, "2026-11-06", "a,2026-11-04,1,A", "b,2026-11-04,1")
    found = read(source(tmp_path))
    assert len(errors(found)) == 1
    assert gone(found) == []


def test_a_file_that_cannot_be_read_is_in_the_way_of_its_own_hours_only(tmp_path: Path) -> None:
    export(tmp_path, "2026-11-05", "a,2026-11-04,1,A")
    (tmp_path / "2026-11-06.csv").write_text("", "utf-8")
    (tmp_path / "2026-11-07.csv").write_text("id,cost\na,1\n", "utf-8")
    assert len(read(source(tmp_path), day("2026-11-05"))) == 1
    with pytest.raises(SourceError, match="is empty"):
        read(source(tmp_path), day("2026-11-06"))
    with pytest.raises(SourceError, match=r"2026-11-07.csv has no column 'day', by which"):
        read(source(tmp_path), day("2026-11-07"))


def test_what_is_read_once_more_before_its_hours_belongs_to_them(tmp_path: Path) -> None:
    export(tmp_path, "2026-11-05", "a,2026-11-04,1,A", "b,2026-11-04,1,B")
    export(tmp_path, "2026-11-06", "a,2026-11-04,1,A")
    start = utc("2026-11-06T03:00")
    batches = [
        batch.rows for batch in source(tmp_path).read(_request(start - dt.timedelta(hours=6)))
    ]
    rows = assemble(batches, start)
    assert rows.num_rows == 2
    assert set(rows["_hour"].to_pylist()) == {start}


def test_a_file_is_decoded_once_for_all_that_are_compared_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(1, 8):
        export(tmp_path, f"2026-11-{n:02}", f"a,2026-11-{n:02},1,A")
    connector = source(tmp_path)
    decoded: list[str] = []
    decode = connector._decode

    def noted(stream: FileStream, entry: FileEntry) -> Iterator[Decoded]:
        decoded.append(entry.relative)
        return decode(stream, entry)

    monkeypatch.setattr(connector, "_decode", noted)
    read(connector)
    # Once for its rows, and once for what it tells of days.
    assert len(decoded) == 14


def _request(start: dt.datetime) -> ReadRequest:
    return ReadRequest("rows", Window(start, ALWAYS.end))
