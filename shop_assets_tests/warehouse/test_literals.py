"""Parameters of queries are written out, as what they are, and the rows come by COPY."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shop_assets.warehouse.connection import Warehouse, read
from shop_assets.warehouse.literals import written_out

MOMENT = dt.datetime(2026, 1, 31, 9, 10, 11, 123456, tzinfo=dt.UTC)
# What PostgreSQL's texts cannot hold is no parameter either: NUL, and halves of a character.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def test_values_keep_their_types(warehouse: Warehouse) -> None:
    values = ("it's", -(2**63), True, MOMENT, MOMENT.date(), None)
    types = ", ".join(f"pg_typeof(${n + 1})::text AS t{n}" for n in range(len(values)))
    found = warehouse.read(f"SELECT {types}", values).iloc[0].tolist()
    assert found == ["text", "bigint", "boolean", "timestamp with time zone", "date", "unknown"]


def test_a_value_is_no_place_for_another(warehouse: Warehouse) -> None:
    row = warehouse.read("SELECT $1 AS a, $2 AS b, $11 AS c", ("$2", "$1", *"345678901"[:8], "x"))
    assert row.iloc[0].tolist() == ["$2", "$1", "x"]


@pytest.mark.parametrize("conforming", ["on", "off"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=TEXTS, number=st.integers(-(2**63), 2**63 - 1))
def test_any_text_and_number_come_back_as_they_were(
    warehouse: Warehouse, conforming: str, text: str, number: int
) -> None:
    with warehouse.transaction() as cursor:
        cursor.execute(f"SET LOCAL standard_conforming_strings = {conforming}")
        row = read(cursor, "SELECT $1 AS text, $2 AS number", (text, number)).iloc[0]
    assert (row["text"], row["number"]) == (text, number)


def test_rows_come_by_copy_whether_or_not_there_are_parameters(warehouse: Warehouse) -> None:
    for parameters in ((), ("of it",)):
        sql = "SELECT current_query() AS query" + ", $1 AS more" * len(parameters)
        assert warehouse.read(sql, parameters)["query"][0].startswith("COPY (SELECT")


def test_a_value_of_another_type_is_named() -> None:
    with pytest.raises(TypeError, match="found float, expected a text"):
        written_out("SELECT $1", (1.5,))  # type: ignore[arg-type]


def test_a_parameter_that_is_not_given_is_no_text() -> None:
    with pytest.raises(IndexError):
        written_out("SELECT $2", ("x",))
