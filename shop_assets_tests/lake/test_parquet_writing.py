"""What is in the files of the lake: dictionaries and statistics where they pay, nowhere else."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from shop_assets.io_managers.delta_store import DeltaStore

HOUR = datetime(2026, 3, 1, 10, tzinfo=UTC)
ROWS = 5000


def events(hour: datetime, first: int = 0) -> pa.Table:
    numbers = range(first, first + ROWS)
    return pa.table(
        {
            "_hour": [hour] * ROWS,
            "event_id": [f"event-{n}" for n in numbers],
            "page": [f"/page-{n % 7}" for n in numbers],
            "at": [hour + timedelta(milliseconds=n) for n in numbers],
            "order_id": [f"order-{n}" if n % 50 == 0 else None for n in numbers],
            "tags": [[f"tag-{n}"] for n in numbers],
        }
    )


def files(lake: Any, name: str = "raw/events") -> list[dict[str, pq.ColumnChunkMetaData]]:
    """The columns of the first row group of each live file."""
    table = DeltaTable(f"{lake.root}/{name}", storage_options=lake.storage_options)
    groups = [part.metadata.row_group(0) for part in table.to_pyarrow_dataset().get_fragments()]
    return [
        {column.path_in_schema: column for column in map(group.column, range(group.num_columns))}
        for group in groups
    ]


def is_written_as_it_pays(columns: dict[str, pq.ColumnChunkMetaData]) -> None:
    with_dictionary = {name for name, column in columns.items() if column.has_dictionary_page}
    assert {"page", "order_id"} <= with_dictionary
    assert not with_dictionary & {"event_id", "at"}
    with_statistics = {name for name, column in columns.items() if column.is_stats_set}
    assert with_statistics == {"_hour", "at"}
    assert {column.compression for column in columns.values()} == {"ZSTD"}


def test_ids_have_no_dictionary_and_texts_no_statistics(store: DeltaStore, lake: Any) -> None:
    store.append("raw/events", events(HOUR), load_id="1")
    store.replace("clean/events", events(HOUR), HOUR, HOUR + timedelta(hours=1), load_id="2")

    for name in ("raw/events", "clean/events"):
        (columns,) = files(lake, name)
        is_written_as_it_pays(columns)


def test_files_that_are_merged_are_written_in_the_same_way(store: DeltaStore, lake: Any) -> None:
    store.append("raw/events", events(HOUR), load_id="1")
    store.append("raw/events", events(HOUR + timedelta(hours=1), ROWS), load_id="2")

    store.optimize("raw/events", before=date(2026, 3, 2))

    (columns,) = files(lake)
    is_written_as_it_pays(columns)
    assert columns["event_id"].num_values == 2 * ROWS


def test_what_is_left_of_a_file_has_no_statistics_of_texts(store: DeltaStore, lake: Any) -> None:
    both = pa.concat_tables([events(HOUR), events(HOUR + timedelta(hours=1), ROWS)])
    store.append("raw/events", both, load_id="1")

    nothing = both.slice(0, 0)
    store.replace("raw/events", nothing, HOUR, HOUR + timedelta(hours=1), load_id="2")

    (columns,) = files(lake)
    assert {name for name, column in columns.items() if column.is_stats_set} == {"_hour", "at"}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert columns["event_id"].num_values == ROWS


def test_ids_that_come_again_and_again_keep_their_dictionary(store: DeltaStore, lake: Any) -> None:
    count = 30_000
    ids = [f"customer-{n % 4_000}" for n in range(count)]
    store.append("raw/events", pa.table({"_hour": [HOUR] * count, "id": ids}), load_id="1")

    (columns,) = files(lake)
    assert columns["id"].has_dictionary_page


def test_an_empty_slice_of_an_hour_that_has_none_reads_no_file(tmp_path: Path) -> None:
    store = DeltaStore(str(tmp_path), {})
    store.append("raw/events", events(HOUR), load_id="1")
    for file in tmp_path.rglob("*.parquet"):
        file.unlink()

    before = HOUR - timedelta(days=1)
    assert not store.replace("raw/events", events(HOUR).slice(0, 0), before, HOUR, load_id="2")

    with pytest.raises(Exception, match="not found"):
        store.read("raw/events", HOUR, HOUR + timedelta(hours=1))


@pytest.mark.parametrize(
    "column",
    [
        pa.array([None] * 3, pa.string()),
        pa.array([{"a": 1}, {"a": 2}, None]),
        pa.array([[1], [2], None]),
        pa.array([b"a", b"b", None]),
        pa.array([True, False, None]),
        pa.array([1.5, float("nan"), None]),
        pa.array([date(2026, 3, 1), date(2026, 3, 2), None]),
    ],
    ids=str,
)
def test_columns_of_every_kind_come_back(store: DeltaStore, column: pa.Array) -> None:
    rows = pa.table({"_hour": [HOUR] * 3, "a": column})
    store.append("raw/odd", rows, load_id="1")

    found = store.read("raw/odd", HOUR, HOUR + timedelta(hours=1))

    assert found is not None
    assert str(found["a"].to_pylist()) == str(column.to_pylist())
