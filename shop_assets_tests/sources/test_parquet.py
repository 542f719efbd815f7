"""Parquet keeps its types, but for those that no later layer knows; bombs are refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shop_assets.sources.errors import SourceError
from shop_assets.sources.limits import Limits
from shop_assets.sources.protocol import ReadRequest
from shop_assets_tests.sources.reading import ALWAYS, errors, files, good, hour, read

AT = pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * 3, pa.timestamp("ns", "UTC"))


def test_types_stay_but_decimals_and_nested_values_become_exact_text(tmp_path: Path) -> None:
    table = pa.table(
        {
            " at": AT,
            "n": pa.array([1, None, 3], pa.int32()),
            "price": pa.array([Decimal("12.10"), None, Decimal("-0.01")], pa.decimal128(12, 2)),
            "day": pa.array([date(2026, 1, 1)] * 3),
            "of": [{"a": [1, 2]}, None, {"a": []}],
            "word": pa.array(["a", None, "b"], pa.large_string()),
            "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    source = files(tmp_path, form="parquet", rename={"n": "number"})
    [batch] = source.read(ReadRequest("rows", ALWAYS))
    rows = batch.rows.to_pylist()
    assert [str(field.type) for field in batch.rows.schema][:7] == [
        "timestamp[us, tz=UTC]",
        "int32",
        "string",
        "date32[day]",
        "string",
        "string",
        "string",
    ]
    assert good(rows)[0] == {
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "number": 1,
        "price": "12.10",
        "day": date(2026, 1, 1),
        "of": '{"a": [1, 2]}',
        "word": "a",
        "kind": "x",
    }
    assert [row["price"] for row in rows] == ["12.10", None, "-0.01"]
    assert [row["_position"] for row in rows] == [f"a.parquet:{n}" for n in (1, 2, 3)]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1782867600000], pa.timestamp("ms")),
        pa.array(["2026-07-01 01:00"]),
        pa.array(["2026-07-01 01:00"]).dictionary_encode(),
        pa.array([1782864000]),
    ],
    ids=["timestamp", "text", "dictionary", "epoch"],
)
def test_times_of_any_type_are_read(tmp_path: Path, column: pa.Array) -> None:
    pq.write_table(pa.table({"at": column}), tmp_path / "a.parquet")
    time = {"column": "at", "formats": ["iso", "epoch"]}
    source = files(tmp_path, form="parquet", timezone="Europe/London", time=time)
    [row] = read(source, hour("2026-07-01T00:00"))
    assert row["_change_time"] == datetime(2026, 7, 1, tzinfo=UTC)


def test_a_column_that_can_hold_no_times_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"at": [1.5]}), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="its column 'at' is double; times or text are expected"):
        read(files(tmp_path, form="parquet"))


def test_rows_with_text_that_no_database_keeps_are_broken(tmp_path: Path) -> None:
    invalid = pa.StringArray.from_buffers(4, *pa.array([b"a", b"\xff", b"b\0", b"c"]).buffers()[1:])
    pq.write_table(pa.table({"at": ["2026-01-01"] * 4, "word": invalid}), tmp_path / "a.parquet")
    rows = read(files(tmp_path, form="parquet"))
    assert [row["word"] for row in good(rows)] == ["a", "c"]
    reason = "word holds NUL or is not valid UTF-8"
    assert errors(rows) == [
        ("a.parquet:2", reason, '{"at": "2026-01-01", "word": "�"}'),
        ("a.parquet:3", reason, '{"at": "2026-01-01", "word": "b␀"}'),
    ]


def test_a_text_of_ten_megabytes_breaks_its_row_only(tmp_path: Path) -> None:
    table = pa.table({"at": ["2026-01-01"] * 3, "id": [1, 2, 3], "w": ["a", "x" * 10_000_000, "c"]})
    pq.write_table(table, tmp_path / "a.parquet")
    rows = read(files(tmp_path, form="parquet"))
    assert [row["id"] for row in good(rows)] == [1, 3]
    reason = "w is longer than 1,048,576 bytes"
    assert errors(rows) == [("a.parquet:2", reason, '{"at": "2026-01-01", "id": 2, "w": null}')]


def test_wide_rows_are_read_in_smaller_batches(tmp_path: Path) -> None:
    words = [f"{n:06}" * 1000 for n in range(5000)]
    table = pa.table({"at": ["2026-01-01"] * 5000, "w": words, "b": [b"\x01"] * 5000})
    pq.write_table(table, tmp_path / "a.parquet", compression="none")
    rows = good(read(files(tmp_path, form="parquet", limits=Limits(batch=1_000_000))))
    assert [row["w"] for row in rows] == words
    assert {row["b"] for row in rows} == {"\\x01"}


def test_rows_without_a_time_are_broken(tmp_path: Path) -> None:
    pq.write_table(pa.table({"at": ["2026-01-01", "soon"], "id": [1, 2]}), tmp_path / "a.parquet")
    rows = read(files(tmp_path, form="parquet"))
    reason = "at is 'soon'; a time written as iso is expected"
    assert errors(rows) == [("a.parquet:2", reason, '{"at": "soon", "id": 2}')]
    assert rows[1]["_change_time"] == rows[0]["_change_time"]


def test_what_is_no_parquet_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("at,id\n2026-01-01,1\n")
    with pytest.raises(SourceError, match=r"^shop: .*/a\.parquet is not a Parquet file: "):
        read(files(tmp_path, form="parquet"))


def test_a_damaged_parquet_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"at": [f"2026-01-01 00:00:{n % 60:02}" for n in range(9999)]}), path)
    content = bytearray(path.read_bytes())
    content[30 : len(content) // 2] = b"\xaa" * (len(content) // 2 - 30)
    path.write_bytes(bytes(content))
    with pytest.raises(SourceError, match=r"^shop: .*/a\.parquet is damaged: "):
        read(files(tmp_path, form="parquet"))


def test_a_small_file_that_unfolds_to_gigabytes_is_refused_before_it_does(tmp_path: Path) -> None:
    # One word of a megabyte, said 4,000 times: 4 GB that a dictionary packs into next to nothing.
    words = pa.DictionaryArray.from_arrays(pa.array([0] * 4000, pa.int32()), ["x" * 1_000_000])
    table = pa.table({"at": ["2026-01-01"] * 4000, "word": words})
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd")
    assert (tmp_path / "a.parquet").stat().st_size < 1_500_000
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(SourceError, match="unpacks to more than 200 times"):
        read(files(tmp_path, form="parquet"))
    assert pa.default_memory_pool().max_memory() - before < 200_000_000


@pytest.mark.parametrize("held", [0, 1 << 26])
def test_a_footer_that_lies_about_its_pages_is_not_believed(tmp_path: Path, held: int) -> None:
    table = pa.table({"at": ["2026-01-01"] * 400, "n": ["y" * 1_000_000] * 400})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    declared = pq.read_metadata(path).row_group(0)
    lie = path.read_bytes()
    for size in (declared.total_byte_size, declared.column(1).total_uncompressed_size):
        assert _varint(size) in lie
        lie = lie.replace(_varint(size), _varint(1000, len(_varint(size))))
    path.write_bytes(lie)
    assert pq.read_metadata(path).row_group(0).total_byte_size < 10_000_000
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(SourceError, match="unpacks to more than 200 times its size"):
        read(files(tmp_path, form="parquet", limits=Limits(expanded=100_000_000, held=held)))
    assert pa.default_memory_pool().max_memory() - before < 50_000_000


def _varint(number: int, length: int = 1) -> bytes:
    """A positive number as the footer writes it, in at least so many bytes."""
    number *= 2
    out = bytearray()
    while number > 127 or len(out) < length - 1:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def test_many_pages_and_groups_are_read_in_order(tmp_path: Path) -> None:
    count = 30_000
    table = pa.table({"at": ["2026-01-01"] * count, "n": list(range(count))})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, row_group_size=7_000, data_page_size=500)
    found = good(read(files(tmp_path, form="parquet", limits=Limits(held=0))))
    assert [row["n"] for row in found] == list(range(count))


def test_a_file_without_rows_has_none(tmp_path: Path) -> None:
    empty = pa.table({"at": pa.array([], pa.string()), "n": pa.array([], pa.int64())})
    pq.write_table(empty, tmp_path / "a.parquet")
    table = pa.table({"at": ["2026-01-01"], "n": pa.array([None], pa.int64())})
    with pq.ParquetWriter(tmp_path / "b.parquet", table.schema) as out:
        out.write_table(empty)
        out.write_table(table)
    assert good(read(files(tmp_path, form="parquet"))) == [{"at": "2026-01-01", "n": None}]
