from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.transforms.extract import assemble
from shop_assets_tests.transforms.raw_rows import HOUR, read

MINUTE = dt.timedelta(minutes=1)


def hours(table: pa.Table) -> list[dt.datetime]:
    found: list[dt.datetime] = table["_hour"].to_pylist()
    return found


def hashes(rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> list[int]:
    found: list[int] = assemble([read(rows, schema=schema)], HOUR)["_row_hash"].to_pylist()
    return found


def test_nothing_read_is_a_table_of_nothing() -> None:
    assert assemble([], HOUR).num_columns == 0
    assert assemble([read([])], HOUR).num_rows == 0


def test_a_row_belongs_to_the_hour_in_which_it_changed() -> None:
    table = assemble([read([{"a": "1", "_at": 0}, {"a": "2", "_at": 59}, {"a": "3", "_at": 60}])],
                     HOUR)  # fmt: skip
    assert hours(table) == [HOUR, HOUR, HOUR + dt.timedelta(hours=1)]
    assert table.schema.field("_hour").type == pa.timestamp("us", "UTC")


def test_what_an_overlapping_window_brings_belongs_to_the_first_hour_of_the_load() -> None:
    early = read([{"a": "1", "_at": -10}, {"a": "2", "_at": -200}, {"a": "3", "_at": 1}])
    assert hours(assemble([early], HOUR)) == [HOUR] * 3


def test_batches_may_differ_in_their_columns_and_types() -> None:
    table = assemble(
        [read([{"a": 1}]), read([{"a": 2.5, "b": "x"}]), read([{"b": None}]), read([])], HOUR
    )
    assert table["a"].to_pylist() == [1.0, 2.5, None]
    assert table["b"].to_pylist() == [None, "x", None]


def test_equal_contents_have_equal_hashes_wherever_they_stand() -> None:
    one, other = hashes([{"a": "1", "b": "2", "_at": 1}, {"a": "1", "b": "2", "_at": 50}])
    assert one == other
    assert hashes([{"b": "2", "a": "1"}]) == [one]


def test_a_column_that_is_added_later_leaves_the_hashes_of_old_rows_alone() -> None:
    assert hashes([{"a": "1"}]) == hashes([{"a": "1", "new": None}])
    assert hashes([{"a": "1"}]) != hashes([{"a": "1", "new": ""}])


def test_contents_that_change_places_are_other_contents() -> None:
    assert len(set(hashes([{"a": "x", "b": "y"}, {"a": "y", "b": "x"}, {"a": "xy"}]))) == 3
    broken = [{"a": None, "_error": "too few", "_line": t} for t in ("x,", "x,,", None)]
    assert len(set(hashes(broken, pa.schema([("a", pa.string())])))) == 3


def test_every_type_of_column_has_a_hash() -> None:
    moment = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
    row = {
        "i": 1,
        "f": 0.5,
        "b": True,
        "t": moment,
        "d": moment.date(),
        "n": None,
        "x": b"\xff\x00",
    }
    assert len(hashes([row])) == 1
    nested = {"list": [1, 2], "struct": {"a": 1, "b": [None]}}
    assert len(hashes([nested])) == 1
    assert hashes([nested]) != hashes([nested | {"list": [2, 1]}])


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])),
                          st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"])))),
                min_size=1, max_size=30))  # fmt: skip
def test_hashes_are_equal_exactly_where_contents_are(rows: list[tuple[str, str | None]]) -> None:
    found = hashes([{"a": a, "b": b} for a, b in rows],
                   pa.schema([("a", pa.string()), ("b", pa.string())]))  # fmt: skip
    assert len(set(found)) == len(set(rows))
    by_content = dict(zip(rows, found, strict=True))
    assert [by_content[row] for row in rows] == found
