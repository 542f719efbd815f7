"""A spool gives back what it was given, wherever it kept it."""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.repeated_keys import RepeatedKeys
from shop_assets.spool import Buckets, Spool
from shop_assets.transforms.parts import Parts, gathered
from shop_assets_tests.examples import examples

NINE = dt.datetime(2026, 5, 4, 9, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
HOURS = pa.timestamp("us", "UTC")


def numbered(*numbers: int) -> pa.Table:
    texts = pa.array([f"row {n}" for n in numbers], pa.string())
    return pa.table({"n": pa.array(numbers, pa.int64()), "text": texts})


def numbers(spool: Spool) -> list[int]:
    return [n for part in spool.parts().each() for n in part["n"].to_pylist()]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many temporary files of the test are open."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def count() -> int:
        found = 0
        for descriptor in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                found += str(descriptor.readlink()).startswith(str(tmp_path))
        return found

    return count


@pytest.mark.parametrize("limit", [0, 40, 10**9])
def test_tables_come_back_in_their_order_as_often_as_is_asked(limit: int) -> None:
    spool = Spool(limit)
    for first in range(0, 30, 3):
        spool.append(numbered(first, first + 1, first + 2))
        spool.append(numbered())
    assert len(spool) == 10
    assert spool.num_rows == 30
    assert numbers(spool) == numbers(spool) == list(range(30))
    assert spool.parts().whole().equals(numbered(*range(30)))


@pytest.mark.parametrize("limit", [0, 10**9])
def test_what_came_last_can_be_taken_back_and_come_anew(limit: int) -> None:
    spool = Spool(limit)
    for n in range(4):
        spool.append(numbered(n))
    del spool[2:]
    spool.append(numbered(9))
    assert numbers(spool) == [0, 1, 9]


def test_what_is_taken_back_makes_room_in_memory(files: Callable[[], int]) -> None:
    size = numbered(1).nbytes
    spool = Spool(size)
    for n in range(5):
        spool.append(numbered(n))
        del spool[:]
    assert files() == 0
    spool.append(numbered(1))
    spool.append(numbered(2))
    assert files() == 1


def test_the_file_goes_with_the_spool(files: Callable[[], int], tmp_path: Path) -> None:
    spool = Spool(0)
    spool.append(numbered(1))
    assert files() == 1
    assert not list(tmp_path.iterdir())
    del spool
    gc.collect()
    assert files() == 0


def test_columns_that_differ_become_one_schema() -> None:
    spool = Spool(0)
    spool.append(pa.table({"a": pa.array([1], pa.int32()), "b": [None]}))
    spool.append(pa.table({"c": ["x"], "a": pa.array([2**40], pa.int64())}))
    spool.append(pa.table({"b": ["y"], "a": ["three"]}))
    assert spool.parts().whole().to_pylist() == [
        {"a": 1, "b": None, "c": None, "a__string": None},
        {"a": 2**40, "b": None, "c": "x", "a__string": None},
        {"a": None, "b": "y", "c": None, "a__string": "three"},
    ]


@pytest.mark.parametrize("limit", [0, 10**9])
def test_tables_of_hours_come_in_the_order_of_these_and_are_counted(limit: int) -> None:
    spool = Spool(limit)
    for n, hour in enumerate((2, 0, 1, 0)):
        moments = pa.array([NINE + hour * HOUR, NINE + 2 * HOUR], HOURS)
        spool.append(numbered(n, n).append_column("_hour", moments))
    assert numbers(spool)[::2] == [1, 3, 2, 0]
    assert spool.hours == {NINE: 2, NINE + HOUR: 1, NINE + 2 * HOUR: 5}


def test_small_tables_are_put_together_large_ones_cut_and_none_is_empty() -> None:
    tables = [numbered(*range(n)) for n in (3, 0, 4, 2, 20, 1)]
    assert [t.num_rows for t in gathered(tables, 8)] == [7, 2, 8, 8, 5]
    assert pa.concat_tables(gathered(tables, 8)).equals(pa.concat_tables(tables))


def test_long_rows_are_fewer_in_a_part() -> None:
    long = pa.table({"text": ["x" * 1_000] * 10})
    assert [t.num_rows for t in gathered([long], 8, 3_100)] == [3, 3, 3, 1]
    assert [t.num_rows for t in gathered([long, long], 8, 1)] == [1] * 20


def test_parts_are_changed_one_by_one_and_know_their_schema() -> None:
    parts = Parts.of(numbered(1, 2)).map(lambda t: t.append_column("more", pa.nulls(len(t))))
    assert parts.schema.names == ["n", "text", "more"]
    assert parts.whole().num_rows == 2
    assert Parts.of(numbered()).whole().equals(numbered())


keys = st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["order-1", "order-2"]))


@pytest.mark.parametrize("gathering", [Buckets, RepeatedKeys])
@examples(60)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.lists(st.tuples(keys, keys), max_size=9)), max_size=6),
    st.integers(1, 40),
)
def test_rows_of_a_key_come_out_together_and_each_once(
    gathering: type[Buckets | RepeatedKeys],
    added: list[tuple[int, list[tuple[str | None, str | None]]]],
    rows: int,
) -> None:
    buckets = gathering(2, ("one", "two"), rows)
    for kind, pairs in added:
        one, two = [p[0] for p in pairs], [p[1] for p in pairs]
        table = pa.table({"one": pa.array(one, pa.string()), "two": pa.array(two, pa.string())})
        buckets.add(kind, table.slice(1))
    found: list[list[list[tuple[str | None, str | None]]]] = [
        [[(r["one"], r["two"]) for r in table.to_pylist()] for table in bucket]
        for bucket in buckets
    ]
    for kind in (0, 1):
        given_in = [pair for k, pairs in added if k == kind for pair in pairs[1:]]
        came = [pair for bucket in found for pair in bucket[kind]]
        assert sorted(map(str, came)) == sorted(map(str, given_in))
    everywhere = [set(bucket[0]) | set(bucket[1]) for bucket in found]
    assert len(set().union(*everywhere)) == sum(map(len, everywhere))
    if sum(len(pairs) - 1 for _, pairs in added if pairs) <= rows:
        assert len(found) == 1


def test_rows_whose_key_stands_once_stay_as_they_came_and_only_others_are_moved() -> None:
    gathered = RepeatedKeys(2, ("n",), rows=5)
    for kind, table in ((0, numbered(1, 2, 3)), (1, numbered(4, 2)), (0, numbered(5, 5, 6))):
        gathered.add(kind, table)

    *alone, met = [[table.to_pylist() for table in some] for some in gathered]

    assert alone == [
        [numbered(1, 3).to_pylist(), []],
        [numbered(6).to_pylist(), []],
        [[], numbered(4).to_pylist()],
    ]
    assert met == [numbered(2, 5, 5).to_pylist(), numbered(2).to_pylist()]


def test_a_key_that_all_rows_share_is_moved_as_a_whole() -> None:
    gathered = RepeatedKeys(1, ("n",), rows=5)
    for _ in range(4):
        gathered.add(0, numbered(7, 7))
    assert sorted(table.num_rows for (table,) in gathered)[-1] == 8
