"""Finding a few rows of a stream, as recent as there are any."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from zoneinfo import ZoneInfo

import pyarrow as pa

from shop_assets.settings.shop import Shop
from shop_assets.sources.protocol import Connector, ReadRequest, Window
from shop_assets.transforms.extract import assemble

_BACK = (
    dt.timedelta(hours=1),
    dt.timedelta(days=1),
    dt.timedelta(days=7),
    dt.timedelta(days=31),
)
_ROWS = 2_000
_BATCHES = 3
_TICK = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class Recent:
    """Some rows as raw would have them, at most 2,000; and the span that was looked at.

    `rows` is without columns where there are none.
    """

    rows: pa.Table
    window: Window


@dataclass(frozen=True)
class Sample:
    """The first batches of a window. `whole`: whether these were all that it has."""

    batches: list[pa.Table] = field(default_factory=list)
    whole: bool = True

    @property
    def rows(self) -> int:
        """How many rows there are in it."""
        return sum(batch.num_rows for batch in self.batches)


def recent_rows(
    connector: Connector, stream: str, shop: Shop, now: dt.datetime, *, from_the_start: bool
) -> Recent:
    """Rows of the newest of some spans that has any: an hour, a day, a week, a month.

    `from_the_start`: whether all from the shop's first day on is looked through in the end. Raises
    `SourceError` where the source cannot be read.
    """
    opened, end = span(shop, now)
    for window in _spans(opened, end, from_the_start=from_the_start):
        found = sample(connector, stream, window, shop.zone)
        if found.rows:
            table = assemble(found.batches, window.start).slice(0, _ROWS)
            return Recent(
                table.append_column("_load_id", pa.repeat(pa.scalar(""), table.num_rows)), window
            )
    first = opened if from_the_start else max(opened, end - _BACK[-1])
    return Recent(pa.table({}), Window(min(first, end), end))


def sample(connector: Connector, stream: str, window: Window, zone: ZoneInfo) -> Sample:
    """The first batches of a window, with at most some thousand rows."""
    request = ReadRequest(stream, window, midnight=_last_midnight(window, zone))
    batches: list[pa.Table] = []
    # Left early, a read gives its connection back.
    with contextlib.closing(_reading(connector, request)) as reading:
        for batch in reading:
            batches.append(batch)
            if len(batches) >= _BATCHES or sum(b.num_rows for b in batches) >= _ROWS:
                return Sample(batches, whole=False)
    return Sample(batches)


def span(shop: Shop, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """From the shop's first moment to now, or to its last."""
    opened = _midnight(shop.start, shop.zone)
    end = now if shop.end is None else min(now, _midnight(shop.end + dt.timedelta(1), shop.zone))
    return min(opened, end), end


def _reading(connector: Connector, request: ReadRequest) -> Generator[pa.Table, None, None]:
    for batch in connector.read(request):
        if batch.rows.num_rows:
            yield batch.rows


def _spans(opened: dt.datetime, end: dt.datetime, *, from_the_start: bool) -> Iterator[Window]:
    edges = [end, *(max(opened, end - back) for back in _BACK)]
    if from_the_start:
        edges.append(opened)
    for later, earlier in pairwise(edges):
        if earlier < later:
            yield Window(earlier, later)


def _last_midnight(window: Window, zone: ZoneInfo) -> dt.datetime | None:
    found = _midnight((window.end - _TICK).astimezone(zone).date(), zone)
    return found if found >= window.start else None


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), zone).astimezone(dt.UTC)
