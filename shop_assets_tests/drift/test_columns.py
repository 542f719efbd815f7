"""Columns that come in several types, or no longer, where only a part of the platform looks."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from shop_assets.sources.errors import SourceError
from shop_assets.transforms.clean import MissingColumnError
from shop_assets.transforms.extract import assemble, lacking, marked_lacking
from shop_assets.transforms.retyped import merged_types, original_name, variants
from shop_assets_tests.sources.conftest import Postgres, postgres, postgres_server
from shop_assets_tests.sources.reading import database, read
from shop_assets_tests.transforms.raw_rows import HOUR, attempts, cleaned, load, mapping
from shop_assets_tests.transforms.raw_rows import read as rows_of

__all__ = ["postgres", "postgres_server"]
FIELDS: dict[str, Any] = {"order_id": "id", "placed_at": "at", "customer_id": "customer"}
ROW = {"id": "A", "at": "2026-01-01T10:00", "customer": "7"}


def test_files_of_one_hour_may_differ_in_a_columns_type() -> None:
    whole, halves, text = (rows_of([{"a": value}]) for value in (1, 2.5, "x"))
    table = assemble([whole, text, halves], HOUR)
    assert table["a"].to_pylist() == [1.0, None, 2.5]
    assert table["a__string"].to_pylist() == [None, "x", None]
    assert merged_types(table, ["a"])["a"].to_pylist() == ["1", "x", "2.5"]
    # What a row is does not depend on the rows beside it.
    assert table["_row_hash"][1] == assemble([text], HOUR)["_row_hash"][0]


def test_a_column_of_the_sources_own_is_not_taken_for_another_type() -> None:
    columns = ["price", "price__net", "price__string", "price__timestamp_us_tz_UTC", "x__int64"]
    assert variants(columns, "price") == ["price__string", "price__timestamp_us_tz_UTC"]
    assert original_name("price__net", columns) is None
    assert original_name("price__string", columns) == "price"
    assert original_name("x__int64", columns) is None
    assert lacking(["price"], [*columns, "_hour"]) == ["price__net", "x__int64"]


def test_who_needs_a_column_that_is_gone_stops_and_who_does_not_goes_on() -> None:
    before = load(rows_of([ROW]))
    after = marked_lacking(load(rows_of([{"id": "B", "at": ROW["at"]}]), attempt=2), ["customer"])
    both = attempts(before, after)
    with pytest.raises(MissingColumnError, match=r"customer, .+ is no longer there in the source"):
        cleaned(both, mapping(fields=FIELDS))
    few = {name: column for name, column in FIELDS.items() if column != "customer"}
    assert len(cleaned(both, mapping(fields=few)).published) == 2
    # The hours from before are as they were.
    assert len(cleaned(before, mapping(fields=FIELDS)).published) == 1


def test_a_column_that_was_to_be_read_and_is_gone_does_not_keep_back_the_rest(
    postgres: Postgres,
) -> None:
    postgres.run(
        "CREATE TABLE orders (id int, note text, at timestamptz)",
        "INSERT INTO orders VALUES (1, 'x', '2026-01-31 09:00Z')",
    )
    source = database(postgres.url, "orders", key=("id",), columns=("note",))
    assert read(source)[0]["note"] == "x"
    postgres.run("ALTER TABLE orders DROP COLUMN note")
    [row] = read(source)
    assert (row["id"], "note" in row) == (1, False)
    assert "no column 'note'" in source.check("rows").problems[0]


@pytest.mark.parametrize("name", ["_deleted", "_lacking", "_hour", "_row_hash"])
def test_a_source_cannot_speak_in_the_platforms_name(name: str, postgres: Postgres) -> None:
    postgres.run(f"CREATE TABLE orders (id int, {name} boolean, at timestamptz)")
    with pytest.raises(SourceError, match=f"{name}', a name kept for the platform's own"):
        read(database(postgres.url, "orders", key=("id",)))


def test_nothing_is_noted_of_a_source_that_lacks_nothing() -> None:
    table = load(rows_of([ROW]))
    assert marked_lacking(table, []) is table
    assert marked_lacking(pa.table({}), ["a"]).num_rows == 0
