"""What can go wrong with a table of the lake, one test each, on a real S3 server."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.fs as pafs
import pytest
from deltalake import DeltaTable
from deltalake.fs import DeltaStorageHandler

from shop_assets.errors import UserError
from shop_assets.io_managers.delta_store import DeltaStore, SchemaDrift
from shop_assets.io_managers.delta_table import CONFIGURATION
from shop_assets.transforms.parts import Parts

START = datetime(2026, 1, 31, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURS = pa.timestamp("us", "UTC")
TABLE = "raw/storefront__orders"


def rows(hour: datetime, **columns: Any) -> pa.Table:
    data = pa.table(columns)
    return data.append_column("_hour", pa.array([hour] * data.num_rows, HOURS))


def nothing() -> pa.Table:
    return rows(START, id=pa.array([], pa.int64()))


def read(store: DeltaStore, column: str = "id", *, days: int = 40) -> list[Any]:
    found = store.read(TABLE, START - timedelta(days=days), START + timedelta(days=days), [column])
    assert found is not None
    return sorted(found.column(column).to_pylist(), key=lambda value: (value is None, value))


def test_a_load_that_is_run_again_adds_nothing(store: DeltaStore) -> None:
    assert store.append(TABLE, rows(START, id=[1, 2]), load_id="load-1")
    assert not store.append(TABLE, rows(START, id=[1, 2]), load_id="load-1")
    assert store.append(TABLE, rows(START, id=[1, 2]), load_id="load-2")
    assert read(store) == [1, 1, 2, 2]


def test_another_process_knows_that_a_load_was_committed(store: DeltaStore, lake: Any) -> None:
    store.append(TABLE, rows(START, id=[1]), load_id="load-1")
    other = DeltaStore(lake.root, lake.storage_options)
    assert not other.append(TABLE, rows(START, id=[1]), load_id="load-1")
    assert not other.replace(TABLE, rows(START, id=[9]), START, START + HOUR, load_id="load-1")
    assert read(other) == [1]


def test_a_late_rerun_of_an_old_replacement_does_not_undo_a_newer_one(store: DeltaStore) -> None:
    store.replace(TABLE, rows(START, id=[1]), START, START + HOUR, load_id="old")
    store.replace(TABLE, rows(START, id=[2]), START, START + HOUR, load_id="new")
    assert not store.replace(TABLE, rows(START, id=[1]), START, START + HOUR, load_id="old")
    assert read(store) == [2]


def test_an_empty_slice_replaces(store: DeltaStore) -> None:
    store.append(TABLE, rows(START, id=[1]), load_id="a")
    store.append(TABLE, rows(START + HOUR, id=[2]), load_id="b")
    assert store.replace(TABLE, nothing(), START, START + HOUR, load_id="c")
    assert read(store) == [2]


def test_a_deleted_slice_stays_deleted(store: DeltaStore) -> None:
    store.replace(TABLE, rows(START, id=[1]), START, START + HOUR, load_id="a")
    store.replace(TABLE, nothing(), START, START + HOUR, load_id="b")
    store.append(TABLE, rows(START + HOUR, id=[2]), load_id="c")
    assert not store.replace(TABLE, rows(START, id=[1]), START, START + HOUR, load_id="a")
    assert read(store) == [2]


def test_an_empty_slice_where_nothing_is_costs_no_commit(store: DeltaStore, lake: Any) -> None:
    store.append(TABLE, rows(START, id=[1]), load_id="a")
    before = DeltaTable(f"{lake.root}/{TABLE}", storage_options=lake.storage_options)
    assert not store.replace(TABLE, nothing(), START + HOUR, START + 2 * HOUR, load_id="b")
    assert not store.append(TABLE, nothing(), load_id="c")
    after = DeltaTable(f"{lake.root}/{TABLE}", storage_options=lake.storage_options)
    assert after.version() == before.version()


def test_an_empty_first_write_makes_no_table(store: DeltaStore) -> None:
    assert not store.append(TABLE, nothing(), load_id="a")
    assert not store.replace(TABLE, nothing(), START, START + HOUR, load_id="b")
    assert not store.exists(TABLE)
    assert store.read(TABLE, START, START + HOUR) is None
    assert store.schema(TABLE) is None


def test_an_extra_column_is_added_and_null_before(store: DeltaStore) -> None:
    store.append(TABLE, rows(START, id=[1]), load_id="a")
    store.append(TABLE, rows(START, id=[2], note=["new"]), load_id="b")
    assert read(store, "note") == ["new", None]
    store.replace(
        TABLE, rows(START, id=[3], **{"Customer ID": [7]}), START, START + HOUR, load_id="c"
    )
    assert read(store, "Customer ID") == [7]


def test_a_missing_column_is_null(store: DeltaStore) -> None:
    store.append(TABLE, rows(START, id=[1], note=["old"]), load_id="a")
    store.append(TABLE, rows(START, id=[2]), load_id="b")
    assert read(store, "note") == ["old", None]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([1], ["1"], id="number to text"),
        pytest.param(["1"], [1], id="text to number"),
        pytest.param([1], [1.5], id="whole to broken number"),
        pytest.param([True], [1], id="flag to number"),
        pytest.param([date(2026, 1, 1)], [datetime(2026, 1, 1, tzinfo=UTC)], id="day to time"),
        pytest.param([datetime(2026, 1, 1)], [datetime(2026, 1, 1, tzinfo=UTC)], id="time zone"),  # noqa: DTZ001
        pytest.param([[1]], [{"a": 1}], id="list to object"),
    ],
)
def test_a_retyped_column_is_refused_with_names_and_nothing_is_written(
    store: DeltaStore, before: list[Any], after: list[Any]
) -> None:
    store.append(TABLE, rows(START, id=[1], amount=before), load_id="a")
    with pytest.raises(SchemaDrift, match=rf"{TABLE}, column amount: found .+, expected .+"):
        store.append(TABLE, rows(START, id=[2], amount=after), load_id="b")
    with pytest.raises(SchemaDrift, match="amount"):
        store.replace(TABLE, rows(START, id=[3], amount=after), START, START + HOUR, load_id="c")
    assert read(store) == [1]


def test_numbers_that_fit_are_held_in_the_type_that_is_there(store: DeltaStore) -> None:
    store.append(TABLE, rows(START, id=pa.array([1], pa.int64())), load_id="a")
    store.append(TABLE, rows(START, id=pa.array([2], pa.int16())), load_id="b")
    store.append(TABLE, rows(START, id=pa.array([3.0, None], pa.float64())), load_id="c")
    assert read(store) == [1, 2, 3, None]
    assert store.schema(TABLE) == pa.schema({"id": pa.int64(), "_hour": HOURS})


def test_names_that_differ_only_in_case_are_refused(store: DeltaStore) -> None:
    store.append(TABLE, rows(START, id=[1]), load_id="a")
    with pytest.raises(SchemaDrift, match=r"column ID: found a name .+ column id only in case"):
        store.append(TABLE, rows(START, ID=[1]), load_id="b")


def test_a_column_of_nulls_takes_the_type_that_comes_first(store: DeltaStore) -> None:
    store.append(TABLE, rows(START, id=[1], note=[None], size=pa.nulls(1)), load_id="a")
    store.append(TABLE, rows(START, id=[2], note=["text"], size=[7]), load_id="b")
    store.append(TABLE, rows(START, id=[3], note=pa.nulls(1), size=[None]), load_id="c")
    assert read(store, "note") == ["text", None, None]
    assert read(store, "size") == [7, None, None]


def test_frames_of_pandas_are_stored_in_plain_types(store: DeltaStore) -> None:
    frame = pd.DataFrame(
        {
            "_hour": pd.Series([START, START]).astype("datetime64[ns, UTC]"),
            "name": ["Ünïcödé 🛒", None],
            "kind": pd.Categorical(["a", "b"]),
            "at": pd.Series([START, START]).astype("datetime64[ns, UTC]"),
            "local": pd.to_datetime(["2026-01-01", "2026-01-02"]),
            "count": pd.array([1, None], dtype="UInt8"),
            "took": pd.to_timedelta(["1s", "2s"]),
            "nested": [[{"a": 1}], []],
        }
    )
    data = pa.Table.from_pandas(frame, preserve_index=False)
    assert store.append(TABLE, data, load_id="a")
    assert store.append(TABLE, data.cast(data.schema), load_id="b")
    found = store.read(TABLE, START, START + HOUR)
    assert found is not None
    assert found.schema == pa.schema(
        {
            "_hour": HOURS,
            "name": pa.string(),
            "kind": pa.string(),
            "at": HOURS,
            "local": pa.timestamp("us"),
            "count": pa.int16(),
            "took": pa.int64(),
            "nested": found.schema.field("nested").type,
        }
    )
    first = found.slice(0, 1).to_pylist()[0]
    assert first["name"] == "Ünïcödé 🛒"
    assert first["took"] == 1_000_000
    assert first["nested"] == [{"a": 1}]
    assert found.num_rows == 4


def test_only_the_columns_asked_for_are_read(store: DeltaStore) -> None:
    store.append(TABLE, rows(START, id=[1], note=["x"]), load_id="a")
    found = store.read(TABLE, START, START + HOUR, ["note", "unheard_of", "_date"])
    assert found is not None
    assert found.to_pylist() == [{"note": "x", "_date": "2026-01-31"}]
    every = store.read(TABLE, START, START + HOUR)
    assert every is not None
    assert set(every.column_names) == {"id", "note", "_hour"}
    none = store.read(TABLE, START, START + HOUR, ["unheard_of"])
    assert none is not None
    assert (none.num_columns, none.num_rows) == (0, 1)


def test_the_end_of_a_range_is_not_part_of_it(store: DeltaStore) -> None:
    for number in range(4):
        store.append(TABLE, rows(START + number * HOUR, id=[number]), load_id=str(number))
    found = store.read(TABLE, START + HOUR, START + 3 * HOUR, ["id"])
    assert found is not None
    assert sorted(found.column("id").to_pylist()) == [1, 2]
    store.replace(TABLE, nothing(), START + HOUR, START + 3 * HOUR, load_id="x")
    assert read(store) == [0, 3]


def test_a_range_is_the_same_in_any_time_zone(store: DeltaStore) -> None:
    from zoneinfo import ZoneInfo

    store.append(TABLE, rows(START, id=[1]), load_id="a")
    tokyo = START.astimezone(ZoneInfo("Asia/Tokyo"))
    found = store.read(TABLE, tokyo, tokyo + HOUR, ["id"])
    assert found is not None
    assert found.num_rows == 1
    with pytest.raises(ValueError, match="zone"):
        store.read(TABLE, START.replace(tzinfo=None), START)


def test_reading_an_hour_opens_the_files_of_its_day_only(store: DeltaStore, lake: Any) -> None:
    import boto3

    days = pa.concat_tables([rows(START + timedelta(days=n), id=[n]) for n in range(5)])
    store.append(TABLE, days, load_id="a")
    delta = DeltaTable(f"{lake.root}/{TABLE}", storage_options=lake.storage_options)
    others = [uri for uri in delta.file_uris() if "_date=2026-02-02/" not in uri]
    assert len(others) == 4
    options = lake.storage_options
    client = boto3.client(
        "s3",
        endpoint_url=options["AWS_ENDPOINT_URL"],
        aws_access_key_id=options["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=options["AWS_SECRET_ACCESS_KEY"],
        region_name=options["AWS_REGION"],
    )
    for uri in others:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        client.delete_object(Bucket=bucket, Key=key)
    wanted = START + timedelta(days=2)
    found = store.read(TABLE, wanted, wanted + HOUR, ["id"])
    assert found is not None
    assert found.column("id").to_pylist() == [2]
    with pytest.raises(Exception, match=r"(?i)not found|no such"):
        store.read(TABLE, START, START + timedelta(days=5))


def test_replacing_an_hour_leaves_the_files_of_other_hours(store: DeltaStore, lake: Any) -> None:
    def files() -> set[str]:
        uri = f"{lake.root}/{TABLE}"
        return set(DeltaTable(uri, storage_options=lake.storage_options).file_uris())

    for number in range(-20, 2):
        store.append(TABLE, rows(START + number * HOUR, id=[number]), load_id=str(number))
    before = files()
    store.replace(TABLE, rows(START, id=[99]), START, START + HOUR, load_id="x")
    assert len(before - files()) == 1
    assert len(files() - before) == 1


def test_a_month_is_replaced_in_one_commit(store: DeltaStore, lake: Any) -> None:
    hours = [START - timedelta(days=1) + n * HOUR for n in range(24 * 33)]
    data = pa.table({"id": range(len(hours)), "_hour": pa.array(hours, HOURS)})
    store.append(TABLE, data, load_id="a")
    start, end = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    version = DeltaTable(f"{lake.root}/{TABLE}", storage_options=lake.storage_options).version()
    inside = [hour for hour in hours if start <= hour < end]
    fresh = pa.table({"id": [-1] * len(inside), "_hour": pa.array(inside[::-1], HOURS)})
    assert store.replace(TABLE, fresh, start, end, load_id="b")
    after = DeltaTable(f"{lake.root}/{TABLE}", storage_options=lake.storage_options)
    assert after.version() == version + 1
    outside = [n for n, hour in enumerate(hours) if not start <= hour < end]
    assert read(store) == [-1] * len(inside) + outside
    part = store.read(TABLE, start + timedelta(days=7), start + timedelta(days=8))
    assert part is not None
    assert part.num_rows == 24


def test_rows_outside_of_the_range_are_a_programming_error(store: DeltaStore) -> None:
    with pytest.raises(ValueError, match="outside of the range"):
        store.replace(TABLE, rows(START + HOUR, id=[1]), START, START + HOUR, load_id="a")
    with pytest.raises(ValueError, match="outside of the range"):
        store.replace(TABLE, rows(START - HOUR, id=[1]), START, START + HOUR, load_id="b")
    with pytest.raises(ValueError, match="_hour"):
        store.append(TABLE, pa.table({"id": [1]}), load_id="c")
    with pytest.raises(ValueError, match="1 nulls"):
        store.append(TABLE, pa.table({"_hour": pa.array([None], HOURS)}), load_id="d")
    assert not store.exists(TABLE)


@pytest.mark.parametrize(
    "name",
    ["", "rāw/orders", "raw/Bestellungen ä", "raw/../clean/orders", "/raw", "raw/", "raw//x",
     "raw/_delta_log", "raw/a b", "raw/x;drop", "raw/a\n", "raw/" + "x" * 129],
)  # fmt: skip
def test_odd_table_names_are_refused(store: DeltaStore, name: str) -> None:
    with pytest.raises(UserError, match="name of a table in the lake"):
        store.append(name, rows(START, id=[1]), load_id="a")
    with pytest.raises(UserError, match="name of a table in the lake"):
        store.read(name, START, START + HOUR)


def test_tables_are_listed_under_their_layer(store: DeltaStore) -> None:
    assert store.tables("raw") == []
    for name in ("raw/b", "raw/a", "clean/c"):
        store.append(name, rows(START, id=[1]), load_id=name)
    assert store.tables("raw") == ["raw/a", "raw/b"]
    assert store.tables("clean") == ["clean/c"]


def test_optimizing_merges_old_days_and_keeps_the_rows(store: DeltaStore, lake: Any) -> None:
    for number in range(6):
        hour = START - timedelta(days=1) + number * 5 * HOUR
        store.append(TABLE, rows(hour, id=[number]), load_id=str(number))
    store.optimize(TABLE, before=date(2026, 1, 31))
    delta = DeltaTable(f"{lake.root}/{TABLE}", storage_options=lake.storage_options)
    days = [uri.split("_date=")[1][:10] for uri in delta.file_uris()]
    assert sorted(days) == ["2026-01-30"] + ["2026-01-31"] * 5
    store.optimize(TABLE)
    assert read(store) == [0, 1, 2, 3, 4, 5]
    assert not store.append(TABLE, rows(START, id=[0]), load_id="0")
    store.optimize("raw/unheard_of")


def test_maintenance_gives_a_table_of_an_older_release_what_is_declared(
    store: DeltaStore, lake: Any
) -> None:
    with pytest.MonkeyPatch.context() as older:
        older.setitem(CONFIGURATION, "delta.checkpointInterval", "25")
        older.delitem(CONFIGURATION, "delta.setTransactionRetentionDuration")
        store.append(TABLE, rows(START, id=[1]), load_id="a")

    def table() -> DeltaTable:
        return DeltaTable(f"{lake.root}/{TABLE}", storage_options=lake.storage_options)

    kept = {"delta.deletedFileRetentionDuration": "interval 90 days", "delta.appendOnly": "false"}
    table().alter.set_table_properties(kept)
    store.optimize(TABLE)
    assert table().metadata().configuration == CONFIGURATION | kept, "what a user has set stays"
    version = table().version()
    store.optimize(TABLE)
    assert table().version() == version
    assert read(store) == [1]


def test_few_commits_are_read_to_open_a_table(store: DeltaStore, lake: Any) -> None:
    for number in range(12):
        store.append(TABLE, rows(START, id=[number]), load_id=str(number))
    log = pafs.PyFileSystem(DeltaStorageHandler(f"{lake.root}/{TABLE}", lake.storage_options))
    with log.open_input_stream("_delta_log/_last_checkpoint") as file:
        assert json.loads(file.read())["version"] == 9, "the tenth commit, which is counted from 0"
    assert read(DeltaStore(lake.root, lake.storage_options)) == list(range(12))


def test_no_values_of_people_are_written_into_the_log(store: DeltaStore, lake: Any) -> None:
    store.append(TABLE, rows(START, id=[1], email=["jane@example.com"]), load_id="a")
    delta = DeltaTable(f"{lake.root}/{TABLE}", storage_options=lake.storage_options)
    statistics = pa.table(delta.get_add_actions(flatten=True))
    assert "min._hour" in statistics.column_names
    assert not [name for name in statistics.column_names if "email" in name]


def test_values_that_fit_in_some_parts_only_stand_in_two_columns(store: DeltaStore) -> None:
    store.append(TABLE, rows(START, id=[1], price=[5]), load_id="a")
    halves = [rows(START, id=[2], price=[7.0]), rows(START, id=[3], price=[2.5])]
    parts = Parts(halves[0].schema, lambda: iter(halves))
    assert store.append(TABLE, parts, load_id="b", keep_retyped=True)
    found = store.read(TABLE, START, START + HOUR, ["id", "price", "price__double"])
    assert found is not None
    assert sorted(found.to_pylist(), key=lambda row: row["id"]) == [
        {"id": 1, "price": 5, "price__double": None},
        {"id": 2, "price": 7, "price__double": None},
        {"id": 3, "price": None, "price__double": 2.5},
    ]


def test_a_scan_gives_the_state_that_it_began_with_each_time(store: DeltaStore) -> None:
    store.append(TABLE, rows(START, id=[1]), load_id="a")
    scan = store.scan(TABLE, START, START + HOUR, ["id"])
    assert scan is not None
    store.append(TABLE, rows(START, id=[2]), load_id="b")
    assert scan.whole()["id"].to_pylist() == scan.whole()["id"].to_pylist() == [1]


def test_what_goes_wrong_in_a_later_part_is_said_as_it_is_and_nothing_is_written(
    store: DeltaStore,
) -> None:
    store.append(TABLE, rows(START, id=[1]), load_id="a")
    good, late = rows(START, id=[2]), rows(START + HOUR, id=[3])
    parts = Parts(good.schema, lambda: iter([good, late]))
    with pytest.raises(ValueError, match="outside of the range"):
        store.replace(TABLE, parts, START, START + HOUR, load_id="b")
    found = store.read(TABLE, START, START + 2 * HOUR, ["id"])
    assert found is not None
    assert found["id"].to_pylist() == [1]
