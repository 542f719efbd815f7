"""Versions of rows over time, as arrays: which one counted at a moment, and what changed when.

Keys are numbers from 0; times are micros since 1970 until `Clock` numbers them too. Everything
here works on whole arrays, so that half a million versions take a fraction of a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NEVER = np.iinfo(np.int64).max
"""Later than any time."""


def micros(times: pd.Series) -> Ints:
    """Timestamps as micros since 1970; a null is the least integer."""
    counts: Ints = (
        times.astype("datetime64[us, UTC]").to_numpy(dtype="datetime64[us]").view(np.int64)
    )
    return counts


def earliest(key: Ints, time: Ints, keys: int) -> Ints:
    """The earliest time of each key; `NEVER` for a key without any."""
    first = np.full(keys, NEVER, dtype=np.int64)
    np.minimum.at(first, key, time)
    return first


def run_starts(*columns: Ints) -> Bools:
    """Where a sorted sequence of keys changes: true at the first row of each run."""
    start = np.ones(len(columns[0]), dtype=bool)
    start[1:] = False
    for column in columns:
        start[1:] |= column[1:] != column[:-1]
    return start


def sums(values: Ints, group: Ints, groups: int) -> Ints:
    """Exact integer sums by group."""
    total = np.zeros(groups, dtype=np.int64)
    np.add.at(total, group, values)
    return total


@dataclass(frozen=True)
class Versions:
    """Versions sorted by key and the time from which they count, one per key and time.

    `row` is each version's position in the frame that it came from.
    """

    key: Ints
    time: Ints
    row: Ints

    @classmethod
    def of(cls, key: Ints, version_at: Ints, first: Ints, floor: Ints) -> Versions:
        """Versions from unsorted rows.

        A key's first version counts from `first[key]`, when the thing happened, however late it
        was heard of; a later one from its own time, but not before `floor[key]`. Where two count
        from the same moment, the newer one is kept.
        """
        row = np.lexsort((version_at, key))
        key = key[row]
        time = np.where(run_starts(key), first[key], np.maximum(version_at[row], floor[key]))
        last = np.ones(len(key), dtype=bool)
        last[:-1] = run_starts(key, time)[1:]
        return cls(key[last], time[last], row[last])


@dataclass(frozen=True)
class Clock:
    """All moments at which anything changes, numbered in order, so that keys can be compared."""

    moments: Ints

    @classmethod
    def of(cls, *times: Ints) -> Clock:
        """A clock of all these times but `NEVER`."""
        moments = np.unique(np.concatenate(times))
        return cls(moments[moments != NEVER])

    def number(self, times: Ints) -> Ints:
        """The times' numbers; `NEVER` is the number after the last."""
        return np.searchsorted(self.moments, times).astype(np.int64)

    def joined(self, key: Ints, number: Ints) -> Ints:
        """One integer that sorts as (key, number)."""
        return key * (len(self.moments) + 1) + number

    def split(self, joined: Ints) -> tuple[Ints, Ints]:
        """The (key, number) of joined integers."""
        key, number = np.divmod(joined, len(self.moments) + 1)
        return key, number

    def at(self, known: Ints, known_key: Ints, key: Ints, number: Ints) -> Ints:
        """Positions in `known` (joined, sorted) of what counted for each key at each number.

        -1 where the key had nothing yet. `known_key` is the key of each entry of `known`.
        """
        position = np.searchsorted(known, self.joined(key, number), side="right") - 1
        if not len(known):
            return np.full(len(key), -1, dtype=np.int64)
        return np.where(
            (position >= 0) & (known_key[np.maximum(position, 0)] == key), position, -1
        ).astype(np.int64)


def every_point(things: Ints, parent: Ints, points: Ints, point_parent: Ints) -> tuple[Ints, Ints]:
    """Each thing with each point of its parent: two arrays, things and points, of equal length.

    `parent` is each thing's parent; `points` are sorted by `point_parent`.
    """
    start = np.searchsorted(point_parent, parent, side="left")
    count = np.searchsorted(point_parent, parent, side="right") - start
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(things, count), points[np.repeat(start, count) + within]


def changes(key: Ints, state: Ints) -> Ints:
    """What each row adds to the row before of the same key; rows are sorted by key and time."""
    before = np.zeros_like(state)
    before[1:] = state[:-1]
    return state - np.where(run_starts(key), 0, before)
