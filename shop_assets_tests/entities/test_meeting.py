"""What is quickly found to meet a table's schema is what Pandera lets pass."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pandera.errors
import pandera.pandas as pa
import pytest

from shop_assets.entities import TABLES, TableSpec
from shop_assets.entities.meeting import meets

_VALUES: dict[str, list[Any]] = {
    "text": ["a", "b", ""],
    "int": [1, 2, 5],
    "bool": [True, False, True],
    "float": [0.0, 1.5, 2.0],
    "timestamp": ["2026-01-31 09:00", "2026-01-31 10:00", "1970-01-01"],
    "date": ["2026-01-31", "2026-02-28", "1970-01-01"],
}
TABLE = pytest.mark.parametrize("spec", TABLES.values(), ids=list(TABLES))


def good(spec: TableSpec) -> pd.DataFrame:
    """Three rows that meet the table's schema."""
    data: dict[str, pd.Series] = {}
    for column in spec.columns:
        values = _VALUES[column.kind]
        for check in spec.pandera.columns[column.name].checks:
            if check.name == "isin":
                values = [check.statistics["allowed_values"][0]] * 3
            elif check.name == "str_matches":
                values = ["EUR", "USD", "JPY"]
        series = pd.Series(values)
        if column.kind in ("timestamp", "date"):
            series = pd.to_datetime(series, format="mixed", utc=True)
        if column.kind == "date":
            series = series.dt.date
        data[column.name] = series.astype(column.pandas)
    return pd.DataFrame(data)


def passes(rows: pd.DataFrame, spec: TableSpec) -> bool:
    try:
        spec.pandera.validate(rows, lazy=True)
    except pandera.errors.SchemaErrors:
        return False
    return True


@TABLE
def test_good_rows_are_found_to_be_good_however_many(spec: TableSpec) -> None:
    rows = good(spec)
    for part in (rows[::-1], rows[:0]):
        assert meets(part, spec.pandera)
        assert passes(part, spec)


def broken(rows: pd.DataFrame, spec: TableSpec) -> list[pd.DataFrame]:
    """Frames with one value, type or column of another kind each; some of them are as good."""
    frames = [rows.assign(stranger=1), pd.concat([rows, rows.iloc[:, :1]], axis=1)]
    for column in spec.columns:
        values = rows[column.name]
        others: list[pd.Series] = [values.mask(pd.Series([False, True, False]))]
        others.append(values.astype("object"))
        if column.kind == "int":
            others += [values - 6, values + 6, -values, values.astype("int64"), values * 1.0]
        if column.kind == "text":
            others += [values + "!", values.str.lower(), values.astype("string"), values + "\n"]
        if column.kind == "timestamp":
            others += [values.dt.tz_localize(None), values.dt.as_unit("ns")]
        if column.kind == "bool":
            others += [values.astype("bool"), values.astype("Int64")]
        frames += [rows.assign(**{column.name: other}) for other in others]
        frames.append(rows.drop(columns=column.name))
    return frames


@TABLE
def test_rows_that_pandera_refuses_are_never_found_to_be_good(spec: TableSpec) -> None:
    frames = broken(good(spec), spec)
    found = [frame for frame in frames if meets(frame, spec.pandera)]
    assert len(found) < len(frames)
    assert found or not any(c.nullable for c in spec.columns)
    for frame in found:
        assert passes(frame, spec)


@pytest.mark.parametrize(
    "schema",
    [
        pa.DataFrameSchema({"n": pa.Column("int64", pa.Check(lambda n: n > 1))}),
        pa.DataFrameSchema({"n": pa.Column("int64", unique=True)}),
        pa.DataFrameSchema({"n": pa.Column("int64")}, checks=pa.Check(lambda rows: rows["n"] > 1)),
        pa.DataFrameSchema({"n": pa.Column("int64")}, index=pa.Index("int64", unique=True)),
        pa.DataFrameSchema({"n": pa.Column("int64", pa.Check.in_range(0, 9))}),
    ],
)
def test_what_is_not_known_here_is_left_to_pandera(schema: pa.DataFrameSchema) -> None:
    assert not meets(pd.DataFrame({"n": [1, 1]}), schema)


@TABLE
def test_where_some_rows_are_meant_the_others_may_be_anything(spec: TableSpec) -> None:
    [*_, name] = (c.name for c in spec.columns if not c.nullable)
    rows = good(spec)
    rows[name] = rows[name].where(pd.Series([True, False, True]))
    if spec.column(name).kind in ("bool", "int"):
        rows[name] = rows[name].astype(spec.column(name).pandas)
    assert not meets(rows, spec.pandera)
    assert meets(rows, spec.pandera, pd.Series([True, False, True]))
    assert not meets(rows, spec.pandera, pd.Series([True, True, False]))
    assert meets(rows, spec.pandera, pd.Series([False, False, False]))
