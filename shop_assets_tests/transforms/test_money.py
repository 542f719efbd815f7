from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.transforms.money import (
    DecimalMark,
    Unit,
    divide_half_up,
    exponent,
    minor_unit,
    parse_money,
    round_micros,
    to_numeric,
)


def read(
    values: list[object],
    unit: Unit = "major",
    currency: str | None = "GBP",
    decimal: DecimalMark = ".",
    dtype: str = "str",
) -> list[int | str | None]:
    series = pd.Series(values, dtype=dtype)
    codes = pd.Series([currency] * len(values), dtype="str", index=series.index)
    micros, bad = parse_money(series, unit=unit, currency=codes, decimal=decimal)
    assert str(micros.dtype) == "Int64"
    assert bad.dtype == bool
    assert not (micros.notna() & bad).any()
    return [
        "bad" if b else None if pd.isna(m) else int(m) for m, b in zip(micros, bad, strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1", 1_000_000),
        ("100", 100_000_000),
        ("0", 0),
        ("0.001", 1_000),
        ("-53594.36", -53_594_360_000),
        ("+007.10", 7_100_000),
        (".5", 500_000),
        ("1,234.56", 1_234_560_000),
        ("1,000,000", 1_000_000_000_000),
        ("1.2345670000", 1_234_567),
        ("9223372036854.775807", 2**63 - 1),
        ("-9223372036854.775807", -(2**63) + 1),
    ],
)
def test_amounts_are_read_to_the_micro(text: str, micros: int) -> None:
    assert read([text]) == [micros]


@pytest.mark.parametrize(
    "text",
    [
        "", " ", " 5", "5 ", "1 000", "£5", "5 GBP", "5.", ".", "-", "--1", "1e5", "NaN", "inf",
        "1,23", "1234,567", ",123", "1,2345.00", "1.2.3", "0.1234567", "9223372036854.775808",
        "9" * 40, "0x10", "٣", "1_000", "=1+1", "5\n",
    ],
)  # fmt: skip
def test_what_is_no_amount_is_bad_and_not_guessed(text: str) -> None:
    assert read(["1", text, "2"]) == [1_000_000, "bad", 2_000_000]


def test_nothing_is_nothing_and_not_bad() -> None:
    assert read([None, "1", None]) == [None, 1_000_000, None]
    assert read([]) == []
    assert read([float("nan"), 2.0], dtype="float64") == [None, 2_000_000]
    assert read([None, None], dtype="object") == [None, None]


def test_a_decimal_comma_turns_the_marks_round() -> None:
    assert read(["1.234,5", "0,01", "1.5"], decimal=",") == [1_234_500_000, 10_000, "bad"]


def test_minor_units_follow_the_currency() -> None:
    assert read(["1050"], "minor", "GBP") == [10_500_000]
    assert read(["1050"], "minor", "JPY") == [1_050_000_000]
    assert read(["1050"], "minor", "KWD") == [1_050_000]
    assert read(["1050"], "minor", "CLF") == [105_000]
    assert read(["0.5"], "minor", "GBP") == [5_000]
    assert read(["0.00001"], "minor", "GBP") == ["bad"]
    assert read(["5"], "minor", None) == ["bad"]
    mixed = pd.Series(["USD", "JPY", "BHD"], dtype="str")
    micros, _ = parse_money(pd.Series([7, 7, 7]), unit="minor", currency=mixed)
    assert micros.tolist() == [70_000, 7_000_000, 7_000]


def test_micros_are_whole() -> None:
    assert read(["1050000", "1.0", "1.5"], "micros") == [1_050_000, 1, "bad"]


def test_numbers_are_read_as_what_they_show() -> None:
    assert read([0.1, 1234.56, 1e-6, -0.0], dtype="float64") == [100_000, 1_234_560_000, 1, 0]
    # 0.1 + 0.2 shows as 0.30000000000000004: somebody calculated with floats.
    assert read([0.1 + 0.2, 1e-7, 1e16, float("inf")], dtype="float64") == ["bad"] * 4
    assert read([3, -4, None], dtype="Int64") == [3_000_000, -4_000_000, None]
    assert read([2**62], dtype="int64") == ["bad"]
    assert read([Decimal("1.25")], dtype="object") == [1_250_000]
    with pytest.raises(TypeError, match="text or numbers"):
        read([True], dtype="bool")


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_every_amount_survives_being_written_and_read(micros: int) -> None:
    shown = to_numeric(pd.Series([micros], dtype="Int64"))
    assert shown.iloc[0] == Decimal(micros).scaleb(-6)
    assert read([str(shown.iloc[0])]) == [micros]
    assert read([f"{shown.iloc[0]:,f}"]) == [micros]


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=4), max_size=5))
def test_plain_decimals_are_read_exactly_or_refused(values: list[Decimal]) -> None:
    for value, found in zip(values, read([f"{v:f}" for v in values]), strict=True):
        exact = value.scaleb(6)
        assert found == (int(exact) if abs(exact) < 2**63 else "bad")


def test_nulls_stay_null_when_shown() -> None:
    shown = to_numeric(pd.Series([1_500_000, None], dtype="Int64", index=[7, 9]))
    assert shown[7] == Decimal("1.5")
    assert pd.isna(shown[9])


def test_exponents_and_minor_units_of_known_and_other_currencies() -> None:
    codes = pd.Series(["GBP", "JPY", "KWD", "UYW", None], dtype="str")
    assert exponent(codes).tolist() == [2, 0, 3, 4, pd.NA]
    assert minor_unit(codes).tolist() == [10_000, 1_000_000, 1_000, 100, pd.NA]


@given(
    st.integers(-(10**15), 10**15),
    st.sampled_from([("GBP", 2), ("JPY", 0), ("KWD", 3), ("UYW", 4)]),
)
def test_rounding_is_half_up_as_decimal_has_it(micros: int, money: tuple[str, int]) -> None:
    code, digits = money
    rounded = round_micros(pd.Series([micros], dtype="Int64"), pd.Series([code], dtype="str"))
    exact = Decimal(micros).scaleb(-6).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    assert to_numeric(rounded).iloc[0] == exact


@given(st.integers(-(10**12), 10**12), st.integers(-100, 100))
def test_averages_are_rounded_half_up_and_null_without_a_denominator(top: int, bottom: int) -> None:
    found = divide_half_up(
        pd.Series([top], dtype="Int64"), pd.Series([bottom], dtype="Int64")
    ).iloc[0]
    if bottom == 0:
        assert pd.isna(found)
    else:
        assert found == int((Decimal(top) / bottom).quantize(Decimal(1), ROUND_HALF_UP))
