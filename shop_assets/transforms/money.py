"""Money: reading it exactly, the minor units of currencies, and the one rounding rule.

Everything is an integer of micros, the millionths of a currency's major unit. Text becomes micros
through Arrow's 128-bit decimals; no amount ever passes through a float.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Unit = Literal["major", "minor", "micros"]
DecimalMark = Literal[".", ","]
Ints = npt.NDArray[np.int64]

MICRO_DIGITS = 6
DEFAULT_EXPONENT = 2

_CODES_BY_EXPONENT = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
EXPONENTS: dict[str, int] = {
    code: digits for digits, codes in _CODES_BY_EXPONENT.items() for code in codes.split()
}
"""Decimals of the currencies that do not have two (ISO 4217)."""

_LEAST, _ZERO, _MOST = (
    pa.scalar(Decimal(n), pa.decimal128(38, 0)) for n in (-(2**63) + 1, 0, 2**63 - 1)
)
_LONGEST_TEXT = 32
_GROUPING: dict[DecimalMark, DecimalMark] = {".": ",", ",": "."}


def exponent(currency: pd.Series) -> pd.Series:
    """The decimals of each ISO 4217 code's minor unit, Int64; null where the code is null."""
    found = currency.map(EXPONENTS).astype("Int64")
    return found.fillna(DEFAULT_EXPONENT).mask(currency.isna())


def minor_unit(currency: pd.Series) -> pd.Series:
    """The size of each currency's minor unit in micros (GBP 10,000, JPY 1,000,000), Int64."""
    sizes = {
        digits: 10 ** (MICRO_DIGITS - digits) for digits in (*_CODES_BY_EXPONENT, DEFAULT_EXPONENT)
    }
    return exponent(currency).map(sizes).astype("Int64")


def parse_money(
    text: pd.Series, *, unit: Unit, currency: pd.Series, decimal: DecimalMark = "."
) -> tuple[pd.Series, pd.Series]:
    """Amounts in micros (Int64) and which of them could not be read (bool), on `text`'s index.

    `text` holds text, integers, floats or decimals. Text may have a sign, thousands separators in
    groups of three (the mark that `decimal` is not) and decimals; anything else in it, spaces and
    currency symbols included, is bad, and so are amounts finer than a micro, beyond 64 bits, or
    of more than 32 characters. Floats count as the shortest text that reads back to them. A null
    is null, not bad; in `minor` units an amount without a currency is bad.
    """
    raw, plain = _as_text(text)
    separator, mark = (_GROUPING[decimal], decimal) if plain is None else (",", ".")
    shape = (
        rf"^[+-]?(?:(?:[0-9]+|[0-9]{{1,3}}(?:\{separator}[0-9]{{3}})+)(?:\{mark}[0-9]+)?"
        rf"|\{mark}[0-9]+)$"
    )
    present = pc.is_valid(raw).to_numpy(zero_copy_only=False)
    readable = pc.fill_null(pc.match_substring_regex(raw, shape), False)
    cleaned = pc.replace_substring(
        pc.replace_substring(pc.if_else(readable, raw, "0"), separator, ""), mark, "."
    )
    digits = _decimals(unit, currency)
    micros = np.zeros(len(text), dtype=np.int64)
    good = readable.to_numpy(zero_copy_only=False) & (digits >= 0)
    for scale in np.unique(digits[good]):
        rows = np.flatnonzero(good & (digits == scale))
        micros[rows], good[rows] = _scaled(cleaned.take(pa.array(rows)), int(scale))
    values = pd.Series(micros, index=text.index, dtype="Int64").mask(~good)
    return values, pd.Series(present & ~good, index=text.index, dtype=bool)


def to_numeric(micros: pd.Series) -> pd.Series:
    """Exact decimals of the major unit, for display and export: `decimal128(38, 6)[pyarrow]`."""
    whole = pa.array(micros.astype("Int64"), from_pandas=True).cast(pa.decimal128(38, 0))
    scaled = _rescaled(whole, MICRO_DIGITS)
    return pd.Series(pd.array(scaled, dtype=pd.ArrowDtype(scaled.type)), index=micros.index)


def round_micros(micros: pd.Series, currency: pd.Series) -> pd.Series:
    """Micros rounded to the currency's minor unit, halves away from zero, Int64."""
    unit = minor_unit(currency)
    return divide_half_up(micros, unit) * unit


def divide_half_up(numerator: pd.Series, denominator: pd.Series) -> pd.Series:
    """The integer nearest to the quotient, halves away from zero; null where dividing by zero."""
    top = numerator.astype("Int64")
    bottom = denominator.astype("Int64").mask(denominator.eq(0).fillna(False))
    whole = top.abs() // bottom.abs()
    rest = top.abs() - whole * bottom.abs()
    nearest = whole + (rest >= bottom.abs() - rest).astype("Int64")
    return nearest.where((top < 0) == (bottom < 0), -nearest)


def _decimals(unit: Unit, currency: pd.Series) -> Ints:
    """How many decimals of `unit` a micro is, per row; -1 where the currency is not known."""
    if unit == "minor":
        digits = MICRO_DIGITS - exponent(currency)
        return digits.fillna(-1).to_numpy(dtype=np.int64)
    return np.full(len(currency), MICRO_DIGITS if unit == "major" else 0, dtype=np.int64)


def _as_text(values: pd.Series) -> tuple[pa.Array, Literal["typed"] | None]:
    """The values as Arrow text, and whether they were numbers rather than text."""
    array = pa.array(values.astype("str") if values.dtype == object else values, from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return array.cast(pa.large_string()), None
    if pa.types.is_null(kind):
        return array.cast(pa.large_string()), "typed"
    if pa.types.is_floating(kind):
        return _without_exponents(array.cast(pa.large_string())), "typed"
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return array.cast(pa.large_string()), "typed"
    raise TypeError(f"money is read from text or numbers, not from {values.dtype}")


def _without_exponents(text: pa.Array) -> pa.Array:
    """Very small and very large floats are written with an exponent: write them out."""
    short = pc.fill_null(pc.match_substring(text, "e"), False).to_numpy(zero_copy_only=False)
    if not short.any():
        return text
    written = [f"{Decimal(t):f}" for t in text.filter(pa.array(short)).to_pylist()]
    return pc.replace_with_mask(text, pa.array(short), pa.array(written, pa.large_string()))


def _scaled(text: pa.Array, scale: int) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Plain decimal text times 10**scale as int64, and whether that is exact and fits."""
    exact = pc.and_(
        pc.match_substring_regex(text, rf"^[+-]?[0-9]*(?:\.[0-9]{{0,{scale}}}0*)?$"),
        pc.less_equal(pc.utf8_length(text), _LONGEST_TEXT),
    )
    number = _rescaled(pc.if_else(exact, text, "0").cast(pa.decimal128(38, scale)), 0)
    fits = pc.and_(pc.less_equal(number, _MOST), pc.greater_equal(number, _LEAST))
    micros = pc.if_else(fits, number, _ZERO).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return micros, pc.and_(exact, fits).to_numpy(zero_copy_only=False)


def _rescaled(decimals: pa.Array, scale: int) -> pa.Array:
    """The same digits with the point elsewhere: multiplied by a power of ten without a limit."""
    return pa.Array.from_buffers(
        pa.decimal128(38, scale), len(decimals), decimals.buffers(), offset=decimals.offset
    )
