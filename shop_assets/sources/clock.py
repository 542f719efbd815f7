"""Times as sources write them, to UTC microseconds, whole columns at once.

Where the clocks go back, a local time that happens twice is taken as the first; where they go
forward, one that never happens is taken as the moment of the change.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

UTC_TIME = pa.timestamp("us", "UTC")
LOCAL_TIME = pa.timestamp("us")

_ZONE = r"([Zz]|[+-]\d{2}(:?\d{2})?)"
_ISO = (
    rf"^\s*\d{{4}}-\d{{2}}-\d{{2}}([T ]\d{{2}}:\d{{2}}(:\d{{2}}([.,]\d{{1,9}})?)?\s*{_ZONE}?)?\s*$"
)
_ISO_ZONE = rf"[T ]\d{{2}}:\d{{2}}[^Zz+-]*{_ZONE}\s*$"
_EPOCH = r"^\s*-?\d{1,15}(\.\d{1,9})?\s*$"
_PER_UNIT = {"epoch": 1_000_000, "epoch_ms": 1_000}
_MICROSECOND = timedelta(microseconds=1)
_YEAR_9999 = 253_000_000_000_000_000


def to_utc(local: pa.Array, zone: ZoneInfo) -> pa.Array:
    """The UTC times of local ones (`timestamp[us]`, without zone) in `zone`; nulls stay null."""
    stamps = pd.DatetimeIndex(local.cast(LOCAL_TIME).to_numpy(zero_copy_only=False))
    if str(zone) == "UTC":
        aware = stamps.tz_localize("UTC")
    else:
        first = np.ones(len(stamps), dtype=bool)
        aware = stamps.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    return _from_pandas(aware)


def moment(local: datetime, zone: ZoneInfo) -> datetime:
    """The UTC moment of one local time in `zone`, by the same rules as `to_utc`."""
    converted = to_utc(pa.array([local.replace(tzinfo=None)], LOCAL_TIME), zone)
    result: datetime = converted[0].as_py()
    return result.astimezone(UTC)


def local_bounds(start: datetime, end: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Local times `[low, high)` that hold all whose UTC time is in `[start, end)`.

    A little more, at changes of the clock: the rows in between are to be looked at once more by
    their UTC time. `datetime.min` and `max` stay as they are.
    """
    lows = [_wall(start, zone), _wall_before(start, zone)]
    highs = [_wall(end, zone), _wall_before(end, zone)]
    last = end.astimezone(zone)
    if last.fold:
        first_time = last.replace(fold=0).astimezone(UTC)
        highs.append(_wall(end, zone) + (end - first_time))
    return min(lows), max(highs)


def parse_times(text: pa.Array, formats: Sequence[str], zone: ZoneInfo) -> pa.Array:
    """The UTC times that `text` says, by the first format that fits; null where none does.

    `formats`: strptime patterns, `iso`, `epoch` (seconds), `epoch_ms`. Times that name no zone
    are in `zone`.
    """
    encoded = text.dictionary_encode() if not pa.types.is_dictionary(text.type) else text
    words = encoded.dictionary.cast(pa.string())
    times = pa.nulls(len(words), UTC_TIME)
    for form in formats:
        if times.null_count == 0:
            break
        times = pc.coalesce(times, _parse(words, form, zone))
    return times.take(encoded.indices)


def typed_times(column: pa.Array, formats: Sequence[str], zone: ZoneInfo) -> pa.Array | None:
    """The UTC times of a column of any type; None where its type can hold none.

    Text and whole numbers are read by `formats`; times without zone and dates (their midnight)
    are in `zone`.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return typed_times(column.dictionary_decode(), formats, zone)
    if pa.types.is_timestamp(kind):
        if kind.tz is not None:
            return column.cast(UTC_TIME, safe=False)
        return to_utc(column.cast(LOCAL_TIME, safe=False), zone)
    if pa.types.is_date(kind):
        return to_utc(column.cast(LOCAL_TIME), zone)
    if pa.types.is_integer(kind) or pa.types.is_null(kind):
        return parse_times(column.cast(pa.string()), formats, zone)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return parse_times(column.cast(pa.string()), formats, zone)
    return None


def midnight(day: date) -> datetime:
    """The first moment of a local day, without zone."""
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    try:
        return instant.astimezone(zone).replace(tzinfo=None, fold=0)
    except OverflowError:
        return instant.replace(tzinfo=None)


def _wall_before(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the clock would say then, had it not just changed."""
    try:
        return _wall(instant - _MICROSECOND, zone) + _MICROSECOND
    except OverflowError:
        return instant.replace(tzinfo=None)


def _parse(words: pa.Array, form: str, zone: ZoneInfo) -> pa.Array:
    if form == "iso":
        return _parse_iso(words, zone)
    if form in _PER_UNIT:
        return _parse_epoch(words, _PER_UNIT[form])
    series = pd.Series(words.to_pandas())
    if re.search(r"%[zZ]", form.replace("%%", "")):
        aware = pd.to_datetime(series, format=form, errors="coerce", utc=True)
        return _from_pandas(pd.DatetimeIndex(aware))
    naive = pd.to_datetime(series, format=form, errors="coerce")
    return to_utc(_naive(naive), zone)


def _parse_iso(words: pa.Array, zone: ZoneInfo) -> pa.Array:
    shaped = pc.match_substring_regex(words, _ISO)
    zoned = pc.and_(shaped, pc.match_substring_regex(words, _ISO_ZONE))
    nothing = pa.scalar(None, pa.string())
    cleaned = pc.replace_substring(pc.utf8_trim_whitespace(words), ",", ".")
    with_zone = pd.Series(pc.if_else(zoned, cleaned, nothing).to_pandas())
    bare = pc.if_else(pc.and_(shaped, pc.invert(zoned)), cleaned, nothing).to_pandas()
    aware = pd.to_datetime(with_zone, format="ISO8601", errors="coerce", utc=True)
    naive = pd.to_datetime(pd.Series(bare), format="ISO8601", errors="coerce")
    return pc.coalesce(_from_pandas(pd.DatetimeIndex(aware)), to_utc(_naive(naive), zone))


def _parse_epoch(words: pa.Array, per_unit: int) -> pa.Array:
    shaped = pc.match_substring_regex(words, _EPOCH)
    numbers = pc.if_else(shaped, pc.utf8_trim_whitespace(words), pa.scalar(None, pa.string()))
    exact = pc.multiply(numbers.cast(pa.decimal128(26, 9)), pa.scalar(per_unit, pa.decimal128(9)))
    # Beyond the year 9999 Python and pandas have no times.
    sane = pc.less(pc.abs(exact), pa.scalar(_YEAR_9999, exact.type))
    kept = pc.if_else(sane, pc.floor(exact), pa.scalar(None, exact.type))
    return kept.cast(pa.decimal128(18, 0)).cast(pa.int64()).cast(LOCAL_TIME).cast(UTC_TIME)


def _naive(series: pd.Series) -> pa.Array:
    return pa.array(series.astype("datetime64[us]"), LOCAL_TIME)


def _from_pandas(aware: pd.DatetimeIndex) -> pa.Array:
    return pa.array(aware.as_unit("us").tz_convert("UTC"), UTC_TIME)
