"""Files are found by their names, told apart by time, and read once: from a folder or from S3."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from pydantic import ValidationError

from shop_assets.settings.file_streams import FilesSource
from shop_assets.sources import PROVENANCE, SourceError, connect
from shop_assets.sources.decompression import unpacked
from shop_assets.sources.files import FilesConnector
from shop_assets.sources.limits import Limits
from shop_assets.sources.protocol import ReadRequest, Window
from shop_assets_tests.examples import examples
from shop_assets_tests.sources.conftest import Bucket
from shop_assets_tests.sources.reading import ALWAYS, errors, files, good, hour, read, utc

BY_NAME = {"name": "orders_%Y-%m-%dT%H*.csv"}


def put(folder: Path, name: str, *rows: str, head: str = "at,id") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([head, *rows, ""]))


def ids(source: FilesConnector, window: Window = ALWAYS) -> list[str]:
    return [row["id"] for row in good(read(source, window))]


def test_windows_are_half_open_by_the_time_in_the_column(tmp_path: Path) -> None:
    stamps = ["07:59:59.999999", "08:00:00", "08:59:59.999999", "09:00:00"]
    put(tmp_path, "a.csv", *(f"2026-01-01 {at},{at}" for at in stamps))
    assert ids(files(tmp_path), hour("2026-01-01T08:00")) == ["08:00:00", "08:59:59.999999"]


def test_windows_are_half_open_by_the_time_in_the_name(tmp_path: Path) -> None:
    for at in ("07", "08", "09"):
        put(tmp_path, f"orders_2026-01-01T{at}_part1.csv", f"x,{at}")
    source = files(tmp_path, time=BY_NAME)
    assert ids(source, hour("2026-01-01T08:00")) == ["08"]
    assert ids(source, Window(utc("2026-01-01T08:00"), utc("2026-01-01T10:00"))) == ["08", "09"]


def test_hours_in_names_are_in_the_sources_time_zone(tmp_path: Path) -> None:
    put(tmp_path, "orders_2026-07-01T08.csv", "x,1")
    source = files(tmp_path, time=BY_NAME, timezone="Europe/London")
    [row] = read(source, hour("2026-07-01T07:00"))
    assert row["_change_time"] == utc("2026-07-01T07:00")


def test_the_files_zone_goes_before_the_sources(tmp_path: Path) -> None:
    put(tmp_path, "orders_2026-07-01T08.csv", "x,1")
    time = {**BY_NAME, "timezone": "Europe/Berlin"}
    source = files(tmp_path, time=time, timezone="Europe/London")
    assert ids(source, hour("2026-07-01T06:00")) == ["1"]


def test_rows_of_a_days_file_belong_to_the_days_first_hour(tmp_path: Path) -> None:
    put(tmp_path, "ads-20260701.csv", "x,1")
    time = {"name": "ads-%Y%m%d.csv", "covers": "day"}
    source = files(tmp_path, time=time, timezone="Europe/London")
    assert ids(source, hour("2026-06-30T23:00")) == ["1"]
    assert ids(source, hour("2026-07-01T00:00")) == []


@pytest.mark.parametrize(
    "name", ["orders.csv", "orders_2026-02-30T01.csv", "orders_2026-01-01T7.csv"]
)
def test_a_file_whose_name_says_no_time_is_refused(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, "x,1")
    with pytest.raises(SourceError, match=rf"/{name}: its name says no time; one like orders_%Y"):
        read(files(tmp_path, time=BY_NAME))


def test_hours_partition_what_a_file_holds(tmp_path: Path) -> None:
    times = [utc("2026-10-24T22:00") + timedelta(minutes=13 * n) for n in range(40)]
    local = [
        f"{at.astimezone(ZoneInfo('Europe/London')).strftime('%Y-%m-%d %H:%M')},{n}"
        for n, at in enumerate(times)
    ]
    put(tmp_path, "a.csv", *reversed(local))
    source = files(tmp_path, timezone="Europe/London")
    found: list[str] = []
    for step in range(-3, 30):
        start = utc("2026-10-24T20:00") + timedelta(hours=step)
        found += ids(source, Window(start, start + timedelta(hours=1)))
    assert sorted(found, key=int) == [str(n) for n in range(40)]


def test_rows_come_in_the_files_order_and_files_by_name(tmp_path: Path) -> None:
    put(tmp_path, "b.csv", "2026-01-01 08:30,3", "2026-01-01 08:10,4")
    put(tmp_path, "a.csv", "2026-01-01 08:59,1", "2026-01-01 09:00,no", "2026-01-01 08:00,2")
    assert ids(files(tmp_path), hour("2026-01-01T08:00")) == ["1", "2", "3", "4"]


def test_rows_say_where_they_stood_and_which_delivery_brought_them(tmp_path: Path) -> None:
    put(tmp_path, "2026/a.csv", "2026-01-01 08:30,1")
    [batch] = files(tmp_path, "**/*.csv").read(ReadRequest("rows", ALWAYS))
    [row] = batch.rows.to_pylist()
    assert row["_position"] == "2026/a.csv:2"
    assert row["_delivery"] == "2026/a.csv"
    for field in PROVENANCE:
        assert batch.rows.schema.field(field.name) == field


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("*.csv", ["a.csv", "b.csv"]),
        ("**/*.csv", ["a.csv", "b.csv", "x/c.csv", "x/y/d.csv"]),
        ("x/*.csv", ["x/c.csv"]),
        ("x/**", ["x/c.csv", "x/y/d.csv", "x/y/e.txt"]),
        ("[ab].csv", ["a.csv", "b.csv"]),
        ("[!a].csv", ["b.csv"]),
        ("?.csv", ["a.csv", "b.csv"]),
        ("*/c.csv", ["x/c.csv"]),
        ("none/*.csv", []),
    ],
)
def test_globs_name_files_below_the_url(tmp_path: Path, glob: str, expected: list[str]) -> None:
    for name in ("a.csv", "b.csv", "x/c.csv", "x/y/d.csv", "x/y/e.txt"):
        put(tmp_path, name, f"2026-01-01,{name}")
    assert ids(files(tmp_path, glob)) == expected


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^shop: there is no folder .*/gone, where its files"):
        read(files(tmp_path / "gone"))


def test_a_relative_folder_is_below_that_of_the_configuration(tmp_path: Path) -> None:
    put(tmp_path, "exports/a.csv", "2026-01-01,1")
    settings_of_source = files("exports")._source
    source = connect("shop", settings_of_source, base=tmp_path)
    assert len(read(source)) == 1


def test_an_unknown_stream_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="shop has no stream 'x'; one of rows is expected"):
        list(files(tmp_path).read(ReadRequest("x", ALWAYS)))
    with pytest.raises(SourceError, match="shop has no stream 'x'"):
        files(tmp_path).check("x")


def test_broken_rows_take_the_time_of_the_row_before_or_else_after(tmp_path: Path) -> None:
    put(
        tmp_path,
        "a.csv",
        "first",
        "soon,0",
        "2026-01-01 08:30,1",
        "2026-01-01 09:30,2",
        "2026-01-01,3,4",
        ",5",
    )
    source = files(tmp_path)
    early, late = read(source, hour("2026-01-01T08:00")), read(source, hour("2026-01-01T09:00"))
    assert errors(early) == [
        ("a.csv:2", "1 fields; 2 are expected", "first"),
        ("a.csv:3", "at is 'soon'; a time written as iso is expected", "soon,0"),
    ]
    assert errors(late) == [
        ("a.csv:6", "3 fields; 2 are expected", "2026-01-01,3,4"),
        ("a.csv:7", "at is empty; a time is expected", ",5"),
    ]
    assert len(early) == len(late) == 3


@pytest.mark.parametrize("chunk", [16, 64, 4096])
def test_broken_rows_keep_their_place_over_the_pieces_of_a_file(tmp_path: Path, chunk: int) -> None:
    rows = ["x"] * 9 + ["2026-01-01 08:00,1"] + ["y"] * 9 + ["2026-01-01 09:00,2"] + ["z"] * 9
    put(tmp_path, "a.csv", *rows)
    source = files(tmp_path, limits=Limits(chunk=chunk))
    assert len(read(source, hour("2026-01-01T08:00"))) == 19
    assert len(read(source, hour("2026-01-01T09:00"))) == 10


def test_a_file_without_one_good_row_is_shown_at_the_time_it_came(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "soon,1", "later")
    came = utc("2026-01-05T10:20").timestamp()
    os.utime(tmp_path / "a.csv", (came, came))
    assert len(errors(read(files(tmp_path), hour("2026-01-05T10:00")))) == 2


def test_every_row_of_a_wrong_format_is_shown(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", *(f"01/{n % 12 + 1:02}/2026,{n}" for n in range(50_000)))
    assert len(errors(read(files(tmp_path)))) == 50_000


@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 5 * 60), st.sampled_from(["ok", "no time", "ragged"])), max_size=30
    ),
    limits=st.sampled_from([Limits(), Limits(cached_file=0), Limits(chunk=40, batch_rows=3)]),
)
def test_every_line_is_read_in_exactly_one_hour(
    tmp_path: Path, rows: list[tuple[int, str]], limits: Limits
) -> None:
    start = utc("2026-01-01T00:00")
    lines = [
        {
            "ok": f"{start + timedelta(minutes=minute):%Y-%m-%d %H:%M},{n}",
            "no time": f"soon,{n}",
            "ragged": f"{n}",
        }[kind]
        for n, (minute, kind) in enumerate(rows)
    ]
    (tmp_path / "a.csv").write_text("\n".join(["at,id", *lines, ""]))
    os.utime(tmp_path / "a.csv", (start.timestamp(), start.timestamp()))
    source = files(tmp_path, limits=limits)
    found = [
        row["_position"]
        for step in range(6)
        for row in read(source, Window(start + step * H, start + (step + 1) * H))
    ]
    assert sorted(found) == sorted(f"a.csv:{n + 2}" for n in range(len(rows)))


H = timedelta(hours=1)


def test_a_file_is_decoded_once_for_many_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a.csv", "2026-01-01 08:30,1", "2026-01-01 09:30,2")
    decoded = _count(monkeypatch)
    source = files(tmp_path)
    assert ids(source, hour("2026-01-01T08:00")) == ["1"]
    assert ids(source, hour("2026-01-01T09:00")) == ["2"]
    assert ids(source, hour("2026-01-01T10:00")) == []
    assert len(decoded) == 1
    put(tmp_path, "a.csv", "2026-01-01 08:30,11", "2026-01-01 09:30,22")
    assert ids(source, hour("2026-01-01T08:00")) == ["11"]
    assert len(decoded) == 2
    source.close()
    assert ids(source, hour("2026-01-01T08:00")) == ["11"]
    assert len(decoded) == 3


def test_a_large_file_is_not_kept_but_skipped_where_it_has_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a.csv", "2026-01-01 08:30,1", "2026-01-01 09:30,2")
    decoded = _count(monkeypatch)
    source = files(tmp_path, limits=Limits(cached_file=0))
    for _ in range(2):
        assert ids(source, hour("2026-01-01T08:00")) == ["1"]
    assert len(decoded) == 2
    for outside in ("2026-01-01T07:00", "2026-01-01T10:00", "2027-01-01T00:00"):
        assert ids(source, hour(outside)) == []
    assert len(decoded) == 2


def test_files_not_asked_for_longest_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        put(tmp_path, f"{name}.csv", *(f"2026-01-01 08:30,{n}" for n in range(1000)))
    one = files(tmp_path, "a.csv")
    read(one)
    [key] = one._cache.kept()
    size = one._cache._files[key].size
    decoded = _count(monkeypatch)
    source = files(tmp_path, limits=Limits(cache=int(size * 2.5)))
    read(source)
    assert [key[1] for key in source._cache.kept()] == ["b.csv", "c.csv"]
    read(source)
    assert len(decoded) == 6


def _count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    decoded: list[str] = []
    real = unpacked

    def counted(raw: Any, where: str, name: str, limits: Limits) -> Any:
        decoded.append(name)
        return real(raw, where, name, limits)

    monkeypatch.setattr("shop_assets.sources.files.unpacked", counted)
    return decoded


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "orders_2026-01-01T08.csv", *(f"x,{n}" for n in range(10)))
    source = files(tmp_path, time=BY_NAME, limits=Limits(chunk=16, batch_rows=1))
    batches = source.read(ReadRequest("rows", ALWAYS))
    next(batches)
    put(tmp_path, "orders_2026-01-01T08.csv", *(f"x,{n}" for n in range(11)))
    with pytest.raises(SourceError, match="changed while it was read") as refused:
        list(batches)
    assert refused.value.transient


def test_a_large_file_is_read_with_bounded_memory(tmp_path: Path) -> None:
    rows = 400_000
    with gzip.open(tmp_path / "orders_2026-01-01T08.csv.gz", "wt", compresslevel=1) as out:
        out.write("at,id,note\n")
        for first in range(0, rows, 1000):
            out.writelines(f"x,{n},{'n' * 150}\n" for n in range(first, first + 1000))
    time = {"name": "orders_%Y-%m-%dT%H.csv.gz"}
    count = peak = 0
    before = pa.total_allocated_bytes()
    for batch in files(tmp_path, time=time).read(ReadRequest("rows", ALWAYS)):
        count += batch.rows.num_rows
        assert batch.rows.num_rows <= 65_536
        peak = max(peak, pa.total_allocated_bytes() - before)
    assert count == rows
    assert peak < 48_000_000


def test_check_says_which_columns_there_are_and_what_is_wrong(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "2026-01-01,1")
    put(tmp_path, "b.csv", "2026-01-01,1", "soon,2")
    found = files(tmp_path).check("rows")
    assert found.columns == {"at": "string", "id": "string"}
    assert found.problems == [
        f"shop: {tmp_path}/b.csv, line 3: at is 'soon'; a time written as iso is expected"
    ]
    assert files(tmp_path, "a.csv").check("rows").problems == []


def test_check_says_that_no_file_is_named_so(tmp_path: Path) -> None:
    [problem] = files(tmp_path, "*.gz").check("rows").problems
    assert problem == f"shop: no file of {tmp_path} is named *.gz"


def test_check_looks_at_every_files_name(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "x,1")
    put(tmp_path, "orders_2026-01-01T08.csv", "x,1")
    with pytest.raises(SourceError, match=r"a\.csv: its name says no time"):
        files(tmp_path, time=BY_NAME).check("rows")
    source = files(tmp_path, "orders*", time=BY_NAME)
    assert source.check("rows").columns == {"at": "string", "id": "string"}


def test_files_are_read_from_s3(bucket: Bucket) -> None:
    bucket.put("2026/a.csv.gz", gzip.compress(b"at,id\n2026-01-01 08:30,1\n2026-01-01 09:30,2\n"))
    bucket.put("2026/b.csv", b"at,id\n2026-01-01 08:40,3\n")
    bucket.put("2026/c.txt", b"no")
    source = files(bucket.url, "**/*.csv*", endpoint=bucket.endpoint)
    rows = read(source, hour("2026-01-01T08:00"))
    assert [(row["id"], row["_position"]) for row in rows] == [
        ("1", "2026/a.csv.gz:2"),
        ("3", "2026/b.csv:2"),
    ]
    assert rows[0]["_delivery"] == "2026/a.csv.gz"


def test_an_object_that_is_replaced_is_read_anew(bucket: Bucket) -> None:
    bucket.put("a.csv", b"at,id\n2026-01-01 08:30,1\n")
    source = files(bucket.url, endpoint=bucket.endpoint)
    assert ids(source) == ["1"]
    bucket.put("a.csv", b"at,id\n2026-01-01 08:30,22\n")
    assert ids(source) == ["22"]


def test_an_empty_prefix_has_no_files(bucket: Bucket) -> None:
    source = files(f"{bucket.url}/none", endpoint=bucket.endpoint)
    assert read(source) == []
    assert source.check("rows").problems == [f"shop: no file of {bucket.url}/none is named *"]


def test_a_bucket_that_is_not_there_is_said_so(bucket: Bucket) -> None:
    with pytest.raises(SourceError, match=r"^shop: there is no bucket gone, where its files are"):
        read(files("s3://gone/x", endpoint=bucket.endpoint))


def test_wrong_keys_of_s3_are_said_so_without_them(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-canary")
    with pytest.raises(SourceError, match="access is denied") as refused:
        read(files(bucket.url, endpoint=bucket.endpoint))
    assert "canary" not in str(refused.value)


def test_an_s3_server_that_does_not_answer_is_said_so(bucket: Bucket) -> None:
    with pytest.raises(SourceError, match=r"^shop: s3://.* cannot be read: ") as refused:
        read(files(bucket.url, endpoint="http://127.0.0.1:1"))
    assert refused.value.transient
    assert "\n" not in str(refused.value)


def test_the_address_where_clouds_give_out_credentials_is_no_source() -> None:
    with pytest.raises(SourceError, match=r"169\.254\.169\.254 is a link-local address"):
        files("s3://latest/meta-data", endpoint="http://169.254.169.254")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"url": "file:///etc"}, "file:///etc is no source of files; a folder or s3://bucket is"),
        ({"url": "http://x/y"}, "http://x/y is no source of files"),
        ({"endpoint": "localhost:80"}, "localhost:80 is no endpoint; http://host:port or"),
        ({"files": "../x"}, "'../x' is no glob below the source's url"),
        ({"files": "/etc/*"}, "'/etc/*' is no glob below the source's url"),
        ({"delimiter": "§"}, "'§' cannot delimit fields; one ASCII character, or auto"),
        ({"encoding": "utf-9"}, "no such encoding: utf-9"),
        ({"encoding": "zlib"}, "no such encoding: zlib"),
        ({"time": {"name": "a_%H.csv"}}, "name 'a_%H.csv' lacks the day"),
        ({"time": {"name": "a_%Y%m%d.csv"}}, "name 'a_%Y%m%d.csv' lacks the hour"),
        ({"time": {"name": "a_%Y%m%d%H%p"}}, "name 'a_%Y%m%d%H%p' has %p; one of %Y"),
        ({"time": {"column": "at", "formats": ["ISO"]}}, "no such format of times: 'ISO'"),
    ],
)
def test_a_wrong_configuration_is_said_before_anything_is_read(
    change: dict[str, Any], sentence: str
) -> None:
    stream = {"files": "*", "format": "csv", "time": {"column": "at"}, "entities": {}}
    top: dict[str, Any] = {"connector": "files", "url": "x", "streams": {"rows": stream}}
    for name, value in change.items():
        (top if name in ("url", "endpoint") else stream)[name] = value
    with pytest.raises(ValidationError) as refused:
        FilesSource.model_validate(top)
    assert sentence in str(refused.value)


def test_an_hour_of_a_name_is_that_of_the_clock_then(tmp_path: Path) -> None:
    put(tmp_path, "orders_2026-10-25T01.csv", "x,1")
    source = files(tmp_path, time=BY_NAME, timezone="Europe/London")
    [row] = read(source)
    assert row["_change_time"] == datetime(2026, 10, 25, 0, tzinfo=UTC)
