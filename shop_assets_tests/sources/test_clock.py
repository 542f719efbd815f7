"""Times become UTC, over both changes of the clock, whatever way they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.sources.clock import LOCAL_TIME, local_bounds, parse_times, to_utc
from shop_assets_tests.examples import examples

LONDON = ZoneInfo("Europe/London")
ZONES = ["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]


def parse(text: str | None, *formats: str, zone: ZoneInfo = LONDON) -> str | None:
    found = parse_times(pa.array([text], pa.string()), formats, zone)[0].as_py()
    return None if found is None else found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("2026-07-01 08:26:00", "iso", "2026-07-01T07:26:00.000000"),
        ("2026-01-01T08:26", "iso", "2026-01-01T08:26:00.000000"),
        (" 2026-07-01 ", "iso", "2026-06-30T23:00:00.000000"),
        ("2026-07-01T08:26:00.1234567Z", "iso", "2026-07-01T08:26:00.123456"),
        ("2026-07-01T08:26:00,5+02:00", "iso", "2026-07-01T06:26:00.500000"),
        ("2026-07-01 08:26:00 -0500", "iso", "2026-07-01T13:26:00.000000"),
        ("07/01/2026 08:26", "%m/%d/%Y %H:%M", "2026-07-01T07:26:00.000000"),
        ("01.07.26 08:26:01.25 +0200", "%d.%m.%y %H:%M:%S.%f %z", "2026-07-01T06:26:01.250000"),
        ("1782894360.25", "epoch", "2026-07-01T08:26:00.250000"),
        ("1782894360250", "epoch_ms", "2026-07-01T08:26:00.250000"),
        ("-1", "epoch", "1969-12-31T23:59:59.000000"),
    ],
)
def test_every_way_of_writing_a_time_is_read(text: str, form: str, expected: str) -> None:
    assert parse(text, form) == expected


@pytest.mark.parametrize("form", ["iso", "epoch", "epoch_ms", "%Y-%m-%d"])
@pytest.mark.parametrize(
    "text",
    [None, "", "soon", "2026-02-30", "2026-13-01 00:00", "20260101T", "9" * 15, "1e5", "۲"],
)
def test_what_is_no_time_is_none(text: str | None, form: str) -> None:
    assert parse(text, form) is None


def test_the_first_format_that_fits_decides() -> None:
    assert parse("03/04/2026", "iso", "%d/%m/%Y", "%m/%d/%Y", zone=ZoneInfo("UTC")) == (
        "2026-04-03T00:00:00.000000"
    )


def test_a_local_time_that_happens_twice_is_the_first() -> None:
    assert parse("2026-10-25 01:30:00", "iso") == "2026-10-25T00:30:00.000000"


def test_a_local_time_that_never_happens_is_the_moment_of_the_change() -> None:
    assert parse("2026-03-29 01:30:00", "iso") == "2026-03-29T01:00:00.000000"


@examples(300)
@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    local=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),  # noqa: DTZ001
    near_change=st.sampled_from(["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", ""]),
    minutes=st.integers(0, 26 * 60),
    length=st.integers(1, 180),
)
def test_local_bounds_hold_every_local_time_of_the_window(
    zone: ZoneInfo, local: datetime, near_change: str, minutes: int, length: int
) -> None:
    if near_change:
        local = datetime.fromisoformat(near_change) + timedelta(minutes=local.minute * 4)
    instant = to_utc(pa.array([local], LOCAL_TIME), zone)[0].as_py().astimezone(UTC)
    start = instant - timedelta(minutes=minutes % length)
    low, high = local_bounds(start, start + timedelta(minutes=length), zone)
    assert low <= local < high
    assert high - low <= timedelta(minutes=length) + timedelta(hours=2)
