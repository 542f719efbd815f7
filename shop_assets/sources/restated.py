"""Files that tell of days anew: which rows of earlier ones are gone, since a later one lacks them.

Of any two files, the later one ends the rows that the earlier one has of the days that the later
one covers, and that it lacks itself. That is told by the load of either, since the other may not
have been there when the first was loaded: so all is told once both are loaded, in whichever order
they came, and told again it is the same. A tombstone is the row as a file last had it, its figures
0, deleted from the later file's time on; it stands in the hour of the file that is being read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.settings.file_streams import Restatement
from shop_assets.sources.clock import UTC_TIME, typed_times
from shop_assets.sources.decoded import Decoded
from shop_assets.sources.errors import SourceError
from shop_assets.sources.file_cache import Key
from shop_assets.sources.key_text import key_text
from shop_assets.sources.locations import FileEntry

DELETED = "_deleted"
HOUR = "_hour"
_LINE = "_told_at"
_DAY = "_told_day"
_MICROS_A_DAY = 86_400_000_000
_SLACK = timedelta(days=2)
Days = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Export:
    """A file, and the time that its rows have."""

    time: datetime
    entry: FileEntry

    @property
    def order(self) -> tuple[datetime, str]:
        """By which one is later than another."""
        return self.time, self.entry.relative


@dataclass(frozen=True)
class Told:
    """What a file tells of days: its rows that have one, with their days (since 1970) and keys.

    `first`, `last`: the days that it covers; the other way round where it covers none, as a file
    of which a row could not be read: that may be one that would be missed.
    """

    rows: pa.Table
    days: Days
    keys: pa.Array
    first: int
    last: int

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return int(self.rows.nbytes + self.days.nbytes + self.keys.nbytes)


def told(parts: Iterable[Decoded], restates: Restatement, where: str) -> Told:
    """What a file tells; `SourceError` where it lacks a column of `restates`."""
    tables: list[pa.Table] = []
    broken = False
    for part in parts:
        broken = broken or bool(part.broken)
        tables.append(part.rows.append_column(_LINE, pa.array(part.lines, pa.int64())))
    rows = pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
    if not rows.num_rows:
        return Told(rows, np.array([], np.int64), pa.array([], pa.string()), 1, 0)
    for name in (restates.day, *restates.key):
        if name not in rows.column_names:
            raise SourceError(
                f"{where} has no column {name!r}, by which its rows are restated; "
                f"it has {', '.join(n for n in rows.column_names if n != _LINE)}"
            )
    times = typed_times(rows[restates.day].combine_chunks(), restates.formats, ZoneInfo("UTC"))
    if times is None:
        raise SourceError(f"{where}: its column {restates.day!r} holds no days")
    known = pc.is_valid(times)
    rows = rows.filter(known)
    days = times.filter(known).cast(pa.int64()).to_numpy(zero_copy_only=False) // _MICROS_A_DAY
    keyed = rows.select(restates.key).append_column(_DAY, pa.array(days, pa.int64()))
    keys = key_text(keyed, (*restates.key, _DAY)).combine_chunks()
    covers = len(days) and not broken
    return Told(
        rows, days, keys, int(days.min()) if covers else 1, int(days.max()) if covers else 0
    )


class Exports:
    """What the files of a stream tell, kept up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[Key, Told] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key, make: Callable[[], Told]) -> Told:
        """What a file tells, as it is kept or newly made."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while sum(kept.size for kept in self._kept.values()) > self._limit:
                self._kept.popitem(last=False)
        return made

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()


def ended(
    here: Export,
    others: Iterable[Export],
    restates: Restatement,
    tell: Callable[[Export], Told | None],
) -> Iterator[pa.Table]:
    """The tombstones that the load of a file tells, with provenance, `_deleted` and `_hour`.

    `others`: the stream's other files. `tell`: what a file tells; None where it cannot be read,
    which is said when it is loaded itself.
    """
    near = timedelta(days=restates.reach) + _SLACK
    mine = tell(here)
    if mine is None:
        return
    ended_here: set[str] = set()
    hour = here.time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    # The newest of the earlier ones first: it had the row last.
    for other in sorted(others, key=lambda export: export.order, reverse=True):
        if other.order == here.order or abs(other.time - here.time) > near:
            continue
        theirs = tell(other)
        if theirs is None:
            continue
        if other.order > here.order:
            gone = _missing(mine, theirs, other, restates.reach)
            yield from _tombstones(mine, gone, here, other, restates, hour)
            continue
        gone = _missing(theirs, mine, here, restates.reach)
        keys = theirs.keys.take(pa.array(gone)).to_pylist()
        fresh = gone[np.array([key not in ended_here for key in keys], bool)]
        ended_here.update(keys)
        yield from _tombstones(theirs, fresh, other, here, restates, hour)


def _missing(earlier: Told, later: Told, export: Export, reach: int) -> Days:
    """The places of the earlier file's rows that the later one covers and lacks."""
    from_day = max(later.first, _day(export.time.date()) - reach)
    covered = (earlier.days >= from_day) & (earlier.days <= later.last)
    if not covered.any():
        return np.array([], np.int64)
    there = pc.is_in(earlier.keys, value_set=later.keys).to_numpy(zero_copy_only=False)
    return np.flatnonzero(covered & ~there)


def _day(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _tombstones(
    had: Told,
    gone: Days,
    earlier: Export,
    later: Export,
    restates: Restatement,
    hour: datetime,
) -> Iterator[pa.Table]:
    if not len(gone):
        return
    rows = had.rows.take(pa.array(gone))
    lines = rows[_LINE].cast(pa.string())
    for name in restates.figures:
        if name in rows.column_names:
            kind = rows.schema.field(name).type
            nothing = pa.repeat(pa.scalar(0).cast(kind), rows.num_rows)
            rows = rows.set_column(rows.column_names.index(name), name, nothing)
    count = rows.num_rows
    positions = pc.binary_join_element_wise(
        f"{earlier.entry.relative}:", lines, f" gone in {later.entry.relative}", ""
    )
    rows = rows.drop_columns([_LINE])
    for name, values in (
        ("_change_time", pa.repeat(pa.scalar(later.time, UTC_TIME), count)),
        ("_position", positions),
        ("_delivery", pa.repeat(later.entry.relative, count)),
        ("_error", pa.nulls(count, pa.string())),
        ("_line", pa.nulls(count, pa.string())),
        (DELETED, pa.repeat(True, count)),
        (HOUR, pa.repeat(pa.scalar(hour, UTC_TIME), count)),
    ):
        rows = rows.append_column(name, values)
    yield rows
