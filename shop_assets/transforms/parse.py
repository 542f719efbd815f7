"""Reading one field: from a source's column to a typed one, and which rows could not be read.

Every function is vectorised and takes and gives series of one length; a row that cannot be read
is null in the values and true in the second result. An empty text is a missing value.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.entities import Column
from shop_assets.settings.mapping import Clean, FieldMapping
from shop_assets.transforms.days import shop_days
from shop_assets.transforms.money import parse_money

Parsed = tuple[pd.Series, pd.Series]

_CLEAN: dict[Clean, Callable[[pd.Series], pd.Series]] = {
    "trim": lambda s: s.str.strip(),
    "upper": lambda s: s.str.upper(),
    "lower": lambda s: s.str.lower(),
    "digits": lambda s: s.str.replace(r"[^0-9]", "", regex=True),
    "strip_decimal_zero": lambda s: s.str.replace(r"\.0+$", "", regex=True),
    "collapse_spaces": lambda s: s.str.replace(r"\s+", " ", regex=True).str.strip(),
}
_TRUE = {"true", "t", "yes", "y", "1", "on"}
_FALSE = {"false", "f", "no", "n", "0", "off"}
_EARLIEST = pd.Timestamp("1900-01-01", tz="UTC")
_LATEST = pd.Timestamp("2200-01-01", tz="UTC")
_DAY = pd.Timedelta(days=1)
_SAMPLE = 20
_SAMPLE_OF_REPEATS = 2000
LARGEST_MONEY = 10**17
"""In micros: a hundred thousand million of a currency, so that sums of them fit into 64 bits."""
_LONGEST_ID = 255
"""Of characters: PostgreSQL's indexes take keys of up to 2,704 bytes, of several columns."""


def as_text(values: pd.Series) -> pd.Series:
    """The values as text, with empty text as missing."""
    if values.dtype == "str":
        return _without(values, values == "")
    if isinstance(values.dtype, pd.ArrowDtype):
        # Dates, which pandas counts among the times.
        text = values.astype("str")
    elif isinstance(values.dtype, pd.DatetimeTZDtype):
        text = values.dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00").astype("str")
    elif pd.api.types.is_datetime64_any_dtype(values.dtype):
        text = values.dt.strftime("%Y-%m-%dT%H:%M:%S.%f").astype("str")
    elif pd.api.types.is_bool_dtype(values.dtype):
        text = values.astype("boolean").map({True: "true", False: "false"}).astype("str")
    elif pd.api.types.is_float_dtype(values.dtype):
        text = _without_exponents(values.astype("str"))
    elif values.dtype == object:
        text = values.map(_decoded).astype("str")
    else:
        text = values.astype("str")
    return _without(text, (text == "") | values.isna())


def _without(values: pd.Series, bad: pd.Series) -> pd.Series:
    """The values but those that are bad, which mostly none is."""
    return values.mask(bad) if bad.any() else values


def _without_exponents(text: pd.Series) -> pd.Series:
    """Very small and very large floats are written with an exponent: write them out."""
    short = text.str.contains("e", regex=False).fillna(False).astype(bool)
    return text.where(~short, text[short].map(lambda t: f"{Decimal(t):f}")) if short.any() else text


def _decoded(value: object) -> object:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def read_field(
    raw: pd.DataFrame, mapping: FieldMapping, target: Column, currency: pd.Series, timezone: str
) -> Parsed:
    """One field of the entity from the source's columns.

    `currency`: of each row, for money; `timezone`: of times that name none. What cannot be loaded
    counts as not readable: text with NUL, an id or key of more than 255 characters, a time before
    1900 or after 2199 (`0001-01-01` and `9999-12-31` stand for none), money beyond 10^11 units.
    Raises `KeyError` with the column's name where the source has no such column.
    """
    if mapping.value is not None:
        values = pd.Series([str(mapping.value)], index=[0], dtype="str")
        constant, bad = _read(values, mapping, target, currency.iloc[:1].set_axis([0]), timezone)
        filled = constant.astype(target.pandas).iloc[np.zeros(len(raw), dtype="int64")]
        return filled.set_axis(raw.index), pd.Series(bool(bad.iloc[0]), index=raw.index)
    if mapping.fingerprint is not None:
        return fingerprint(raw, mapping), pd.Series(False, index=raw.index)
    if mapping.concat is not None:
        parts = [as_text(raw[name]) for name in mapping.concat]
        text = parts[0]
        for part in parts[1:]:
            text = text.str.cat(part, sep=":")
        return _read(text, mapping, target, currency, timezone)
    column: pd.Series[Any] = raw[cast("str", mapping.column)]
    if (
        target.kind == "timestamp"
        and isinstance(column.dtype, pd.DatetimeTZDtype)
        and mapping.default is None
    ):
        moments = column.dt.tz_convert("UTC").dt.as_unit("us")
        bad = _implausible(moments)
        return moments.mask(bad), bad
    slow = target.kind != "text" or mapping.map is not None
    # What money is hangs on its row's currency, too.
    if slow and not target.is_money and _repeats(column):
        return _read_once(column, mapping, target, timezone)
    return _read(column, mapping, target, currency, timezone)


def _repeats(values: pd.Series) -> bool:
    """Whether texts occur many times each, as far as the first ones tell."""
    sample = values.iloc[:_SAMPLE_OF_REPEATS]
    return isinstance(values.dtype, pd.StringDtype) and 8 * sample.nunique() < len(sample)


def _read_once(values: pd.Series, mapping: FieldMapping, target: Column, timezone: str) -> Parsed:
    """As `_read`, each of the values that there are being read once."""
    codes, found = pd.factorize(values)
    # A null has the code -1, which is the last one.
    different = pd.Series(found.insert(len(found), pd.NA), dtype=values.dtype)
    read, bad = _read(different, mapping, target, pd.Series(pd.NA, different.index), timezone)
    return (
        read.iloc[codes].set_axis(values.index),
        pd.Series(bad.to_numpy(dtype=bool)[codes], index=values.index),
    )


def _read(
    values: pd.Series, mapping: FieldMapping, target: Column, currency: pd.Series, timezone: str
) -> Parsed:
    text = as_text(values)
    for step in mapping.clean:
        text = _CLEAN[step](text)
    if mapping.clean:
        text = text.mask(text == "")
    unknown = pd.Series(False, index=text.index)
    if mapping.map is not None:
        mapped = text.map({k: _scalar_text(v) for k, v in mapping.map.items()})
        unknown = mapped.isna() & text.notna() & mapping.strict_map
        text = mapped.where(mapped.notna(), text).astype("str")
    if mapping.default is not None:
        text = text.fillna(_scalar_text(mapping.default))
    read, bad = _typed(text, mapping, target, currency, timezone)
    return read, bad | unknown


def _scalar_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _typed(
    text: pd.Series, mapping: FieldMapping, target: Column, currency: pd.Series, timezone: str
) -> Parsed:
    if target.kind == "text":
        bad = _unstorable(text, is_id=target.key or target.name.endswith("_id"))
        return _without(text, bad), bad
    if target.is_money:
        micros, bad = parse_money(
            text, unit=mapping.money or "major", currency=currency, decimal=mapping.decimal
        )
        bad |= (micros.abs() > LARGEST_MONEY).fillna(False).astype(bool)
        return _signed(micros.mask(bad), mapping), bad
    if target.kind == "int":
        whole, bad = parse_whole(text)
        return _signed(whole, mapping), bad
    if target.kind == "float":
        number = pd.to_numeric(text, errors="coerce").astype("Float64")
        number = number.mask(number.abs() == np.inf)
        return number, number.isna() & text.notna()
    if target.kind == "bool":
        return parse_bool(text)
    moments, bad = parse_time(text, mapping.formats, mapping.timezone or timezone)
    if target.kind == "date":
        return shop_days(moments, ZoneInfo(mapping.timezone or timezone)), bad
    return moments, bad


def _unstorable(text: pd.Series, *, is_id: bool) -> pd.Series:
    """Which texts a column of PostgreSQL cannot hold, or none with an index.

    Nearly never one is, which the column's bytes tell a hundred times faster than its texts do.
    """
    bad = pd.Series(False, index=text.index)
    written = _bytes(text)
    if any(_least_byte(chunk) == 0 for chunk in written.chunks):
        bad |= text.str.contains("\x00", regex=False).fillna(False).astype(bool)
    if is_id and (pc.max(pc.binary_length(written)).as_py() or 0) > _LONGEST_ID:
        bad |= (text.str.len() > _LONGEST_ID).fillna(False).astype(bool)
    return bad


def _bytes(text: pd.Series) -> pa.ChunkedArray:
    """Texts as the bytes that they are held in."""
    written = pa.array(text, pa.large_string(), from_pandas=True)
    chunks = written.chunks if isinstance(written, pa.ChunkedArray) else [written]
    return pa.chunked_array([c.cast(pa.large_binary()) for c in chunks], pa.large_binary())


def _least_byte(values: pa.Array) -> int | None:
    """The least byte in the buffer of some binaries, or None where it is empty."""
    data = values.buffers()[2]
    return int(np.frombuffer(data, "uint8").min()) if data is not None and data.size else None


def _signed(values: pd.Series, mapping: FieldMapping) -> pd.Series:
    if mapping.absolute:
        values = values.abs()
    return -values if mapping.negate else values


def parse_whole(text: pd.Series) -> Parsed:
    """Whole numbers of up to 15 digits; `12.0` is one, `12.5` and `1e400` are not. dtype Int64."""
    plain = text.str.strip().str.replace(r"\.0+$", "", regex=True)
    good = plain.str.fullmatch(r"[+-]?[0-9]{1,15}").fillna(False).astype(bool)
    values = pd.to_numeric(plain.where(good), errors="coerce", dtype_backend="numpy_nullable")
    return values.astype("Int64"), ~good & text.notna()


def parse_bool(text: pd.Series) -> Parsed:
    """Truth values, in the words that people use for them (`1.0` too). dtype boolean."""
    words = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)
    plain = text.str.strip().str.lower().str.replace(r"\.0+$", "", regex=True)
    values = plain.map(words).astype("boolean")
    return values, values.isna() & text.notna()


def parse_time(text: pd.Series, formats: tuple[str, ...], timezone: str) -> Parsed:
    """Moments in UTC, by the first of `formats` that reads them. dtype datetime64[us, UTC].

    A time without offset is of `timezone`; one that the clock shows twice is the first of the two,
    one that it leaves out is moved forward to the next that exists. A time before 1900 or after
    2199 is none, and neither is a word (`now`).
    """
    text = text.str.strip()
    left = text.notna()
    if formats[:1] == ("iso",):
        at_once = _cast(text, timezone)
        if at_once is not None and not (_implausible(at_once) | at_once.isna() & left).any():
            return at_once, pd.Series(False, index=text.index)
    result = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us, UTC]")
    for form in formats:
        if not left.any():
            break
        part = text if left.all() else text[left]
        if form in ("epoch", "epoch_ms"):
            moments = _from_epoch(part, 1_000_000 if form == "epoch" else 1_000)
        elif form == "iso":
            moments = _from_iso(part, timezone)
        else:
            moments = _from_pattern(part, form, timezone)
        read = moments.notna() & ~_implausible(moments)
        if len(part) == len(text):
            result, left = moments.where(read), ~read
        else:
            places = np.flatnonzero(left)[read.to_numpy(dtype=bool)]
            result.iloc[places] = moments[read].array
            left.iloc[places] = False
    return result, left


def _cast(text: pd.Series, timezone: str) -> pd.Series | None:
    """The moments of texts that are all ISO 8601 and all have an offset, or all none; else None."""
    written = pa.array(text, pa.large_string(), from_pandas=True)
    for zone in ("UTC", None):
        # Texts that do not fit cost many times as much as those that do: the first ones tell.
        if _arrow_times(written[:_SAMPLE], zone) is None:
            continue
        read = _arrow_times(written, zone)
        if read is None:
            continue
        moments = pd.Series(read.to_pandas().array, index=text.index)
        return moments if zone else _localize(moments, timezone)
    return None


def _arrow_times(text: pa.Array, zone: str | None) -> pa.Array | None:
    try:
        return pc.cast(text, pa.timestamp("us", zone))
    except pa.ArrowInvalid:
        return None


def _implausible(moments: pd.Series) -> pd.Series:
    bad: pd.Series = (moments < _EARLIEST) | (moments >= _LATEST)
    return bad


def _from_epoch(text: pd.Series, to_micros: int) -> pd.Series:
    number = pd.to_numeric(text, errors="coerce", dtype_backend="numpy_nullable").astype("Float64")
    fits = (number.abs() < 1e16 / to_micros).fillna(False)
    micros = (number.where(fits) * to_micros).round().astype("Int64")
    return pd.to_datetime(micros, unit="us", utc=True, errors="coerce").dt.as_unit("us")


def _from_pattern(text: pd.Series, form: str, timezone: str) -> pd.Series:
    if "%z" in form or "%Z" in form:
        moments = pd.to_datetime(_no_words(text), format=form, errors="coerce", utc=True)
        return moments.dt.as_unit("us")
    return _localize(pd.to_datetime(_no_words(text), format=form, errors="coerce"), timezone)


def _no_words(text: pd.Series) -> pd.Series:
    """The texts but those without a digit: pandas takes `now` for a time in any format."""
    return text.where(text.str.contains("[0-9]", regex=True))


def _from_iso(text: pd.Series, timezone: str) -> pd.Series:
    # What begins like a year, as numbers that stand between times do not, is mostly read at once.
    written = _bytes(text)
    dashed = pc.equal(pc.binary_slice(written, 4, 5), b"-").fill_null(False)
    like = dashed.to_numpy()
    at_once = _cast(text[like], timezone)
    if at_once is None:
        return _from_any_iso(text, timezone)
    result = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us, UTC]")
    result.loc[like] = at_once
    result.loc[~like] = _from_any_iso(text[~like], timezone)
    return result


def _from_any_iso(text: pd.Series, timezone: str) -> pd.Series:
    text = _no_words(text)
    # An offset comes after a time of day; what a date alone ends in is its day.
    zoned = text.str.contains(r"\d{2}:?\d{2}.*(?:[zZ]|[+-]\d{1,2}(?::?\d{2})?)$", regex=True)
    zoned &= text.str.contains(r"[T ]", regex=True)
    zoned = zoned.fillna(False).astype(bool)
    result = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us, UTC]")
    if zoned.any():
        moments = pd.to_datetime(text[zoned], format="ISO8601", errors="coerce", utc=True)
        result.loc[zoned] = moments.dt.as_unit("us")
    if not zoned.all():
        naive = pd.to_datetime(text[~zoned], format="ISO8601", errors="coerce")
        result.loc[~zoned] = _localize(naive, timezone)
    return result


def _localize(naive: pd.Series, timezone: str) -> pd.Series:
    if not pd.api.types.is_datetime64_any_dtype(naive.dtype):
        return pd.Series(pd.NaT, index=naive.index, dtype="datetime64[us, UTC]")
    # What is no time of a shop stays none: at the calendar's ends some zones have no offset that
    # pandas could take off, and it gives up on all times then.
    near = naive.between(_EARLIEST.tz_localize(None) - _DAY, _LATEST.tz_localize(None) + _DAY)
    first = np.ones(len(naive), dtype=bool)
    local = (
        naive.where(near)
        .dt.as_unit("us")
        .dt.tz_localize(timezone, ambiguous=first, nonexistent="shift_forward")
    )
    moments: pd.Series = local.dt.tz_convert("UTC").dt.as_unit("us")
    return moments


def fingerprint(raw: pd.DataFrame, mapping: FieldMapping) -> pd.Series:
    """A key made from the contents of columns: 16 hexadecimal digits, the same in every run.

    With `repeats: keep`, equal rows of one delivery are numbered from the second on (`…-2`), within
    an hour and an attempt, so that it does not matter which hours are cleaned together.
    """
    parts = pd.DataFrame(
        {name: as_text(raw[name]).fillna("\x00") for name in mapping.fingerprint or ()}
    )
    hashes = pd.util.hash_pandas_object(parts, index=False).to_numpy(dtype="uint64")
    digits = hashes.astype(">u8").tobytes().hex().encode("ascii")
    text = pd.Series(np.frombuffer(digits, dtype="S16").astype("U16"), index=raw.index, dtype="str")
    if mapping.repeats == "merge":
        return text
    brought = [raw[name] for name in ("_hour", "_load_id", "_delivery")]
    number = parts.groupby([*brought, hashes], sort=False, observed=True).cumcount() + 1
    suffix = ("-" + number.astype("str")).where(number > 1, "")
    return text.str.cat(suffix.astype("str"))
