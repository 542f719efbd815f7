"""Chance that can be repeated: a generator for each topic and hour, and times as whole numbers.

Within the simulation a moment is an int64 of microseconds since 1970, so that comparing and adding
is exact and fast; `NEVER` is a moment that does not come.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NEVER = 2**62


def generator(seed: int, topic: str, hour: int = 0) -> np.random.Generator:
    """A generator that depends on nothing but its arguments."""
    entropy = np.random.SeedSequence([seed, crc32(topic.encode()), hour])
    return np.random.Generator(np.random.PCG64(entropy))


def mix(values: Ints, salt: int) -> npt.NDArray[np.uint64]:
    """Numbers that look random, each following from its value alone (splitmix64)."""
    z = values.astype(np.uint64) + np.uint64((salt + 1) * 0x9E3779B97F4A7C15 % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def pick(values: Ints, salt: int, size: int) -> Ints:
    """A number below `size` for each value, following from it alone."""
    return (mix(values, salt) % np.uint64(size)).astype(np.int64)


def share(values: Ints, salt: int) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each value, following from it alone."""
    return np.asarray((mix(values, salt) >> np.uint64(11)).astype(np.float64) / 2.0**53)


def to_micros(moment: dt.datetime) -> int:
    """An aware moment in microseconds since 1970."""
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def to_moment(micros: int) -> dt.datetime:
    """The moment (UTC) of microseconds since 1970."""
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=int(micros))


def span(chance: np.random.Generator, low: float, high: float, size: int) -> Ints:
    """Durations between `low` and `high` hours, in microseconds."""
    return (chance.uniform(low, high, size) * HOUR).astype(np.int64)


def texts(values: Any) -> Texts:
    """An array of Python strings (or nulls)."""
    return np.asarray(values, dtype=object)


def moments(micros: Ints, zone: str | None = "UTC") -> pa.Array:
    """The Arrow timestamps of microseconds; null where the moment never comes."""
    return pa.array(micros, pa.timestamp("us", zone), mask=micros >= NEVER)
