from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shop_assets.entities import TABLES, Column
from shop_assets.settings.mapping import FieldMapping
from shop_assets.transforms.parse import (
    as_text,
    fingerprint,
    parse_bool,
    parse_time,
    parse_whole,
    read_field,
)
from shop_assets_tests.examples import examples

BERLIN = "Europe/Berlin"


def texts(*values: str | None) -> pd.Series:
    return pd.Series(list(values), dtype="str", index=range(10, 10 + len(values)))


def plain(values: Any) -> list[Any]:
    return [None if pd.isna(value) else value for value in values]


def moment(text: str | None, *formats: str, zone: str = BERLIN) -> str | None:
    """The moment in UTC; `bad` where it cannot be read."""
    found, bad = parse_time(texts(text), formats or ("iso",), zone)
    (value,) = plain(found)
    return "bad" if bad.any() else None if value is None else str(value.isoformat())


def column(entity: str, name: str) -> Column:
    return TABLES[entity].column(name)


def field(
    values: pd.Series, target: Column, currency: str | None = "EUR", **mapping: Any
) -> list[Any]:
    """What a field becomes: its values, `bad` where one cannot be read."""
    declared = FieldMapping.model_validate({"column": "x"} | mapping)
    codes = pd.Series(currency, index=values.index, dtype="str")
    read, bad = read_field(pd.DataFrame({"x": values}), declared, target, codes, BERLIN)
    assert list(read.index) == list(values.index) == list(bad.index)
    assert bad.dtype == bool
    assert read.astype(target.pandas).dtype == target.pandas
    return ["bad" if b else v for v, b in zip(plain(read), bad, strict=True)]


@pytest.mark.parametrize(
    ("text", "formats", "utc"),
    [
        ("2024-07-01T10:00:00Z", ("iso",), "2024-07-01T10:00:00+00:00"),
        ("2024-07-01T10:00:00+05:30", ("iso",), "2024-07-01T04:30:00+00:00"),
        ("2024-07-01 10:00:00.5-07", ("iso",), "2024-07-01T17:00:00.500000+00:00"),
        ("2024-07-01T10:00", ("iso",), "2024-07-01T08:00:00+00:00"),
        ("2024-07-01", ("iso",), "2024-06-30T22:00:00+00:00"),
        (" 2024-07-01 ", ("iso",), "2024-06-30T22:00:00+00:00"),
        ("01.07.2024 10:00", ("%d.%m.%Y %H:%M",), "2024-07-01T08:00:00+00:00"),
        ("01.07.2024 10:00 +0000", ("%d.%m.%Y %H:%M %z",), "2024-07-01T10:00:00+00:00"),
        ("01.07.2024 10:00 UTC", ("%d.%m.%Y %H:%M %Z",), "2024-07-01T10:00:00+00:00"),
        ("07/01/2024", ("%d.%m.%Y", "%m/%d/%Y"), "2024-06-30T22:00:00+00:00"),
        ("01/02/2024", ("%d/%m/%Y", "%m/%d/%Y"), "2024-01-31T23:00:00+00:00"),
        ("1720000000", ("epoch",), "2024-07-03T09:46:40+00:00"),
        ("1720000000.25", ("epoch",), "2024-07-03T09:46:40.250000+00:00"),
        ("1720000000123", ("epoch_ms",), "2024-07-03T09:46:40.123000+00:00"),
        ("-86400", ("epoch",), "1969-12-31T00:00:00+00:00"),
        (None, ("iso", "epoch"), None),
    ],
)
def test_times_are_read_in_the_declared_formats(
    text: str | None, formats: tuple[str, ...], utc: str | None
) -> None:
    assert moment(text, *formats) == utc


@pytest.mark.parametrize("formats", [("iso",), ("%Y-%m-%d",), ("epoch",), ("epoch_ms",)])
@pytest.mark.parametrize(
    "text",
    ["now", "today", "NaT", "nan", "inf", "1e400", "2024-02-30", "10:00", "99999999999999999",
     "0001-01-01", "9999-12-31", "1899-12-30", "2200-01-02", "two", "२०२४-०१-०१x"],
)  # fmt: skip
def test_what_is_no_time_of_a_shop_is_not_read(text: str, formats: tuple[str, ...]) -> None:
    assert moment(text, *formats) == "bad"


def test_times_that_are_written_alike_are_read_at_once_as_they_are_one_by_one() -> None:
    days = ["2026-11-02", "2026-02-30", "2026-10-25", "1899-12-31", "2200-01-01", "20261102"]
    clocks = ["", "10", "02:59", "10:59:59", "10:59:59.694123", "10:59:59.6941234", "24:00:00"]
    offsets = ["", "Z", "z", "+0530", "-08", "+5", "+5:30", "+25:00", " +01:00"]
    found = ["".join(parts) for parts in itertools.product(days, ["T", " "], clocks, offsets)]
    # Beside times with an offset and times without one, each is read by itself.
    beside = texts(*found, "2026-01-01T00:00", "2026-01-01T00:00Z")
    slowly, bad = parse_time(beside, ("iso",), BERLIN)
    taken = 0
    for number, text in enumerate(found):
        alone, left = parse_time(texts(text), ("iso",), BERLIN)
        assert left.iloc[0] == bad.iloc[number], text
        assert left.iloc[0] or alone.iloc[0] == slowly.iloc[number], text
        taken += not left.iloc[0]
    assert taken > 60


@pytest.mark.parametrize("zone", [BERLIN, "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize("text", ["9999-12-31 23:59:59", "9999-12-31", "0001-01-01", "0000-01-01"])
def test_the_ends_of_the_calendar_are_no_times_in_any_zone(text: str, zone: str) -> None:
    """They stand for none; some zones have no offset there that could be taken off."""
    assert moment(text, zone=zone) == "bad"
    assert moment(f"{text[8:10]}.{text[5:7]}.{text[:4]}", "%d.%m.%Y", zone=zone) == "bad"
    found, bad = parse_time(texts("2026-11-02", text, None), ("iso",), zone)
    assert list(found.isna()) == [False, True, True]
    assert list(bad) == [False, True, False]


@examples(60)
@given(
    st.lists(
        st.sampled_from(
            [None, "2026-11-02 10:59:59", "2026-10-25T02:30", "2026-11-02T10:59:59.5Z",
             "2026-11-02T10:59:59+05:30", "1793616000123", "20261102", "1793616000", "now", "-", ""]
        ),
        max_size=24,
    )
)  # fmt: skip
def test_times_beside_others_are_read_as_they_are_alone(values: list[str | None]) -> None:
    found, bad = parse_time(texts(*values), ("iso", "epoch_ms", "epoch"), BERLIN)
    alone = [parse_time(texts(value), ("iso", "epoch_ms", "epoch"), BERLIN) for value in values]
    assert [str(moment) for moment in found] == [str(one.iloc[0]) for one, _ in alone]
    assert list(bad) == [left.iloc[0] for _, left in alone]


def test_a_time_that_the_clock_shows_twice_is_the_first_of_the_two() -> None:
    assert moment("2024-10-27T02:30") == "2024-10-27T00:30:00+00:00"
    assert moment("27.10.2024 02:30", "%d.%m.%Y %H:%M") == "2024-10-27T00:30:00+00:00"
    assert moment("2024-11-03T01:30", zone="America/New_York") == "2024-11-03T05:30:00+00:00"
    assert moment("2024-10-27T01:30", zone="Europe/Dublin") == "2024-10-27T00:30:00+00:00"


def test_a_time_that_the_clock_leaves_out_is_the_next_that_exists() -> None:
    assert moment("2024-03-31T02:30") == moment("2024-03-31T03:00") == "2024-03-31T01:00:00+00:00"
    assert moment("2018-11-04", zone="America/Sao_Paulo") == "2018-11-04T03:00:00+00:00"


def test_a_time_with_an_offset_needs_no_zone_even_when_clocks_change() -> None:
    assert moment("2024-10-27T02:30+01:00") == "2024-10-27T01:30:00+00:00"
    assert moment("2024-10-27T02:30+02:00") == "2024-10-27T00:30:00+00:00"


@given(
    st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2199, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["UTC", BERLIN, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
@example(dt.datetime(1981, 10, 25, 1, 0, fold=1), "America/New_York")  # noqa: DTZ001
def test_iso_times_are_read_as_python_reads_them(naive: dt.datetime, zone: str) -> None:
    naive = naive.replace(fold=0)  # a text does not say which of two it is
    expected = naive.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)
    if expected.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != naive:
        return  # left out by the clock: see above
    assert moment(naive.isoformat(), zone=zone) == expected.isoformat()
    offset = naive.replace(tzinfo=dt.timezone(dt.timedelta(hours=-3, minutes=-30)))
    assert moment(offset.isoformat(), zone=zone) == offset.astimezone(dt.UTC).isoformat()


@given(
    st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"])),
                       st.from_regex(r"\s?\d{1,4}-?\d\d-?\d\d[T ]?[\d:.]{0,9}[Z+-]?[\d:]{0,5}"))),
    st.lists(st.sampled_from(["iso", "epoch", "epoch_ms", "%d.%m.%y", "%H:%M %Z", "%Y %z"]),
             min_size=1),
)  # fmt: skip
def test_no_text_stops_the_reading_of_times(values: list[str | None], formats: list[str]) -> None:
    text = texts(*values)
    found, bad = parse_time(text, tuple(formats), BERLIN)
    assert str(found.dtype) == "datetime64[us, UTC]"
    assert ((found.notna() | bad) == text.notna()).all()
    assert (
        found.dropna()
        .between(pd.Timestamp("1900-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC"))
        .all()
    )


@pytest.mark.parametrize(
    ("text", "whole"),
    [("12", 12), ("-7", -7), ("+5", 5), (" 7 ", 7), ("12.0", 12), ("12.000", 12), (None, None),
     ("123456789012345", 123456789012345), ("1234567890123456", "bad"), ("12.5", "bad"),
     ("1e3", "bad"), ("1,000", "bad"), ("१२", "bad"), ("0x10", "bad"), ("nan", "bad"),
     ("one", "bad"), ("--1", "bad"), ("1 2", "bad")],
)  # fmt: skip
def test_whole_numbers_are_exact_or_not_read(text: str | None, whole: int | str | None) -> None:
    found, bad = parse_whole(texts(text))
    assert ("bad" if bad.any() else plain(found)[0]) == whole


@given(st.lists(st.one_of(st.none(), st.integers(-(10**15) + 1, 10**15 - 1))))
def test_large_numbers_beside_missing_ones_keep_every_digit(numbers: list[int | None]) -> None:
    found, bad = parse_whole(texts(*(None if n is None else str(n) for n in numbers)))
    assert plain(found) == numbers
    assert not bad.any()


def test_truth_is_read_in_the_words_that_people_use() -> None:
    yes, _ = parse_bool(texts("true", "T", "Yes", "y", "1", "ON", " true ", "1.0"))
    no, _ = parse_bool(texts("false", "F", "No", "n", "0", "off", "0.0"))
    assert yes.all()
    assert not no.any()
    values, bad = parse_bool(texts("maybe", "2", "ja", None))
    assert values.isna().all()
    assert bad.tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("values", "written"),
    [
        (pd.Series(["a", "", None, " "], dtype="str"), ["a", None, None, " "]),
        (pd.Series([1, None], dtype="Int64"), ["1", None]),
        (pd.Series([1e16, 1e-7, 2.5, None]), ["10000000000000000", "0.0000001", "2.5", None]),
        (pd.Series([True, None], dtype="boolean"), ["true", None]),
        (pd.Series([b"\xffa", "b", 3, None], dtype=object), ["\\xffa", "b", "3", None]),
        (
            pd.Series([dt.date(2024, 5, 1), None], dtype=pd.ArrowDtype(pa.date32())),
            ["2024-05-01", None],
        ),
        (
            pd.Series([pd.Timestamp("2024-05-01T10:00+02:00"), None]),
            ["2024-05-01T08:00:00.000000+00:00", None],
        ),
        (pd.Series([pd.Timestamp("2024-05-01"), None]), ["2024-05-01T00:00:00.000000", None]),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, pd.Series) else "",
)
def test_every_type_that_sources_have_is_text_to_the_mapping(
    values: pd.Series, written: list[str | None]
) -> None:
    assert plain(as_text(values)) == written


def test_text_is_cleaned_in_the_declared_order_and_what_is_left_empty_is_missing() -> None:
    name = column("products", "name")
    assert field(texts("  a   b ", "   ", None), name, clean=["collapse_spaces", "upper"]) == [
        "A B", None, None,
    ]  # fmt: skip
    assert field(texts("17850.0", "1.50"), name, clean=["strip_decimal_zero"]) == ["17850", "1.50"]
    assert field(texts("+49 (30) 12"), name, clean=["digits"]) == ["493012"]
    assert field(texts(" X "), name, clean=["trim", "lower"]) == ["x"]


def test_words_are_mapped_and_unknown_ones_kept_or_refused() -> None:
    status = column("orders", "status")
    words: dict[str, Any] = {"map": {"done": "fulfilled", "new": "open"}}
    assert field(texts("done", "lost", None), status, **words) == ["fulfilled", "lost", None]
    assert field(texts("done", "lost", None), status, **words, strict_map=True) == [
        "fulfilled", "bad", None,
    ]  # fmt: skip
    is_test = column("orders", "is_test")
    assert field(texts("TEST", "LIVE"), is_test, map={"TEST": True, "LIVE": False}) == [True, False]


def test_a_default_stands_where_the_source_has_nothing_and_only_there() -> None:
    quantity = column("order_items", "quantity")
    assert field(texts(None, "", "3", "x"), quantity, default=1) == [1, 1, 3, "bad"]
    start = column("orders", "placed_at")
    stamps = pd.Series([pd.Timestamp("2024-05-01T10:00Z"), pd.NaT])
    assert field(stamps, start, default="2000-01-01T00:00Z") == [
        pd.Timestamp("2024-05-01T10:00Z"), pd.Timestamp("2000-01-01T00:00Z"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "mapping", "currency", "micros"),
    [
        ("12.34", {}, "EUR", 12_340_000),
        ("12,34", {"decimal": ","}, "EUR", 12_340_000),
        ("1.234,5", {"decimal": ","}, "EUR", 1_234_500_000),
        ("1234", {"money": "minor"}, "EUR", 12_340_000),
        ("1234", {"money": "minor"}, "JPY", 1_234_000_000),
        ("1234", {"money": "minor"}, "KWD", 1_234_000),
        ("1234", {"money": "minor"}, None, "bad"),
        ("1234", {"money": "micros"}, "EUR", 1_234),
        ("5", {"negate": True}, "EUR", -5_000_000),
        ("-5", {"absolute": True}, "EUR", 5_000_000),
        ("-5", {"absolute": True, "negate": True}, "EUR", -5_000_000),
        ("100000000000", {}, "EUR", 10**17),
        ("100000000000.01", {}, "EUR", "bad"),
        ("-9223372036854775808", {"money": "micros"}, "EUR", "bad"),
        ("9" * 40, {}, "EUR", "bad"),
        ("0.0000001", {}, "EUR", "bad"),
        ("€ 5", {}, "EUR", "bad"),
        ("NaN", {}, "EUR", "bad"),
    ],
)
def test_money_is_read_to_the_micro_in_its_currency(
    text: str, mapping: dict[str, Any], currency: str | None, micros: int | str
) -> None:
    price = column("order_items", "unit_price_micros")
    assert field(texts(text), price, currency, **mapping) == [micros]


def test_floats_are_money_as_far_as_they_are_micros() -> None:
    price = column("order_items", "unit_price_micros")
    assert field(pd.Series([0.1, 1e-5, 12.0, None]), price) == [100_000, 10, 12_000_000, None]


def test_what_no_index_or_text_of_postgresql_takes_is_not_read() -> None:
    order, text = column("orders", "order_id"), column("order_items", "description")
    assert field(texts("a" * 255, "a" * 256, "a\x00b"), order) == ["a" * 255, "bad", "bad"]
    assert field(texts("x" * 10_000_000, "a\x00b"), text) == ["x" * 10_000_000, "bad"]
    assert field(texts("é" * 255, "é" * 256, None), order) == ["é" * 255, "bad", None]
    hostile = "'; DROP TABLE warehouse.orders; --"
    assert field(texts(hostile), order) == [hostile]


def test_typed_times_and_dates_are_taken_as_they_are_within_reason() -> None:
    placed, started = column("orders", "placed_at"), column("campaigns", "started_on")
    stamps = pd.Series([pd.Timestamp("2024-05-01T23:30Z"), pd.Timestamp("9999-12-31", tz="UTC"),
                        pd.NaT]).astype("datetime64[us, UTC]")  # fmt: skip
    assert field(stamps, placed) == [pd.Timestamp("2024-05-01T23:30Z"), "bad", None]
    assert field(stamps, started) == [dt.date(2024, 5, 2), "bad", None]
    dates = pd.Series([dt.date(2024, 5, 1), None], dtype=pd.ArrowDtype(pa.date32()))
    assert field(dates, started) == [dt.date(2024, 5, 1), None]
    assert field(dates, placed) == [pd.Timestamp("2024-04-30T22:00Z"), None]


def test_numbers_with_a_fraction_are_finite() -> None:
    rate = column("data_quality_hourly", "accuracy")
    assert field(texts("0.5", "1e-3", "inf", "-inf", "nan", "half", None), rate) == [
        0.5, 0.001, "bad", "bad", "bad", "bad", None,
    ]  # fmt: skip


def test_a_constant_and_a_joined_key_need_no_column_of_their_own() -> None:
    rows = pd.DataFrame({"a": texts("1", None), "b": texts("2", "3")})
    nothing = pd.Series(pd.NA, index=rows.index, dtype="str")
    order = column("orders", "order_id")
    value, _ = read_field(rows, FieldMapping(value=7), order, nothing, BERLIN)
    assert value.tolist() == ["7", "7"]
    joined, _ = read_field(rows, FieldMapping(concat=("a", "b")), order, nothing, BERLIN)
    assert plain(joined) == ["1:2", None]


def keys(rows: Sequence[tuple[str, str | None, str, str]], repeats: str = "keep") -> list[str]:
    raw = pd.DataFrame(rows, columns=["a", "b", "_delivery", "_load_id"], dtype="str")
    raw["_hour"] = pd.Timestamp("2024-05-01T10:00Z")
    made = FieldMapping.model_validate({"fingerprint": ["a", "b"], "repeats": repeats})
    return list(fingerprint(raw, made))


def test_a_key_made_of_contents_is_the_same_in_every_run_and_tells_contents_apart() -> None:
    first, second = keys([("x", "y", "f1", "r1"), ("xy", None, "f1", "r1")])
    assert first == "5379f45ff8cfda9a"
    assert first != second
    assert keys([("x", "y", "f9", "r7")]) == [first]


def test_equal_rows_of_one_delivery_are_numbered_and_those_of_another_are_the_same_again() -> None:
    twice = [("x", "y", "f1", "r1"), ("x", "y", "f1", "r1")]
    first, second = keys(twice)
    assert second == f"{first}-2"
    assert keys([*twice, ("x", "y", "f2", "r1")]) == [first, second, first]
    assert keys(twice, "merge") == [first, first]


def test_a_second_attempt_at_a_delivery_numbers_its_rows_anew() -> None:
    first, second, third = keys(
        [("x", "y", "f1", "r1"), ("x", "y", "f1", "r2"), ("x", "y", "f1", "r2")]
    )
    assert (first, third) == (second, f"{first}-2")
