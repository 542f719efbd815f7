"""Change times for the rows of a file, broken ones included, with the rows in the file's order.

A broken row has no time of its own: it takes that of the row before it in the file, or after it
at the file's beginning, so that it is quarantined in the hour where it would have been.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.settings.file_streams import FileTime
from shop_assets.sources.clock import UTC_TIME, typed_times
from shop_assets.sources.decoded import Broken, Decoded, Lines
from shop_assets.sources.errors import SourceError
from shop_assets.sources.protocol import PROVENANCE

LINE_NUMBER = "_line_number"
"""Beside the file's own columns: `_change_time`, `_error`, `_line` and this, from 1 (int64)."""

_SHOWN = 60


def with_time(parts: Iterable[Decoded], time: datetime) -> Iterator[pa.Table]:
    """The rows of a file that all have one time, said by its name."""
    for part in parts:
        times = pa.repeat(pa.scalar(time, UTC_TIME), part.rows.num_rows)
        places = pa.repeat(pa.scalar(time, UTC_TIME), len(part.broken))
        yield _merged(part.rows, part.lines, times, part.broken, places)


def with_column_times(
    parts: Iterable[Decoded], time: FileTime, zone: ZoneInfo, where: str, fallback: datetime
) -> Iterator[pa.Table]:
    """The rows of a file that say their time in a column; those that don't become broken ones.

    `fallback`: the time of broken rows in a file without any good one. `SourceError` where the
    column is missing or can hold no times.
    """
    last: int | None = None
    held: list[Decoded] = []
    for part in parts:
        rows, lines, times, broken = _timed(part, time, zone, where)
        if last is None and not rows.num_rows:
            held.append(Decoded(rows, lines, part.text_of, broken))
            continue
        micros = times.cast(pa.int64()).to_numpy()
        if last is None:
            last = int(micros[0])
        for waiting in held:
            yield _merged(
                waiting.rows,
                waiting.lines,
                times[:0],
                waiting.broken,
                _times([last] * len(waiting.broken)),
            )
        held = []
        before = np.concatenate([[last], micros])
        at = np.searchsorted(lines, [b.line for b in broken])
        yield _merged(rows, lines, times, broken, _times(before[at]))
        last = int(before[-1])
    for waiting in held:
        places = pa.repeat(pa.scalar(fallback, UTC_TIME), len(waiting.broken))
        yield _merged(waiting.rows, waiting.lines, pa.nulls(0, UTC_TIME), waiting.broken, places)


def _times(micros: object) -> pa.Array:
    return pa.array(micros, pa.int64()).cast(pa.timestamp("us")).cast(UTC_TIME)


def _timed(
    part: Decoded, time: FileTime, zone: ZoneInfo, where: str
) -> tuple[pa.Table, Lines, pa.Array, list[Broken]]:
    """The part's rows that have a time, with it; and all others."""
    rows, name = part.rows, time.column or ""
    if name in rows.column_names:
        column = rows[name].combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0)
    elif rows.num_columns and not time_may_come_later(rows):
        raise SourceError(
            f"{where} has no column {name!r}, by which its rows are timed; "
            f"it has {', '.join(rows.column_names)}"
        )
    else:
        column = pa.nulls(rows.num_rows, pa.string())
    times = typed_times(column, time.formats, zone)
    if times is None:
        raise SourceError(
            f"{where}: its column {name!r} is {column.type}; times or text are expected in it"
        )
    if not times.null_count:
        return rows, part.lines, times, part.broken
    known = np.asarray(pc.is_valid(times).to_numpy(zero_copy_only=False), bool)
    bad = np.flatnonzero(~known)
    found = column.take(pa.array(bad)).to_pylist()
    texts = part.text_of(bad)
    formats = " or ".join(time.formats)
    without = [
        Broken(int(line), _untimed(name, value, formats), text)
        for line, value, text in zip(part.lines[bad], found, texts, strict=True)
    ]
    broken = sorted([*part.broken, *without], key=lambda row: row.line)
    mask = pa.array(known)
    return rows.filter(mask), part.lines[known], times.filter(mask), broken


def time_may_come_later(rows: pa.Table) -> bool:
    """Whether rows without the time's column are each a mistake, and not the file as a whole.

    So it is with JSON lines, whose names may differ from line to line; they say so.
    """
    return bool((rows.schema.metadata or {}).get(b"names") == b"by row")


def _untimed(name: str, value: object, formats: str) -> str:
    if value is None or value == "":
        return f"{name} is empty; a time is expected"
    return f"{name} is {str(value)[:_SHOWN]!r}; a time written as {formats} is expected"


def _merged(
    rows: pa.Table, lines: Lines, times: pa.Array, broken: list[Broken], places: pa.Array
) -> pa.Table:
    """Good and broken rows as one table, in the order of the file."""
    good = rows.replace_schema_metadata(None)
    good = good.append_column(PROVENANCE.field("_change_time"), [times])
    good = good.append_column(PROVENANCE.field("_error"), [pa.nulls(len(lines), pa.string())])
    good = good.append_column(PROVENANCE.field("_line"), [pa.nulls(len(lines), pa.string())])
    good = good.append_column(LINE_NUMBER, [pa.array(lines, pa.int64())])
    if not broken:
        return good
    bad = pa.table(
        {
            "_change_time": places,
            "_error": pa.array([b.reason for b in broken], pa.string()),
            "_line": pa.array([b.text for b in broken], pa.string()),
            LINE_NUMBER: pa.array([b.line for b in broken], pa.int64()),
        }
    )
    bad = bad.cast(pa.schema([good.schema.field(name) for name in bad.column_names]))
    both = pa.concat_tables([good, bad], promote_options="default")
    order = np.argsort(both[LINE_NUMBER].to_numpy(), kind="stable")
    return both.take(pa.array(order))
