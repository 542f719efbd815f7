"""What a source's columns are now, against what raw has stored of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import pyarrow as pa

from shop_assets.checks.drift import Drift
from shop_assets.io_managers.delta_store import DeltaStore
from shop_assets.io_managers.lake_schema import conform_parts
from shop_assets.partitions import DAY
from shop_assets.settings.file_streams import FileStream
from shop_assets.settings.streams import StreamBase
from shop_assets.transforms.extract import LACKING, lacking, marked_lacking, noted_lacking
from shop_assets.transforms.parts import Parts
from shop_assets.transforms.retyped import original_name


def find_drift(
    lake: DeltaStore,
    table: str,
    stored: pa.Schema | None,
    rows: Parts,
    columns: Collection[str],
    stream: StreamBase,
    start: dt.datetime,
) -> Drift:
    """What is new about a source's `columns` and the `rows` that were read of it.

    `stored`: what raw has of it so far. An hour without rows says nothing, nor does the first that
    is ever stored.
    """
    if stored is None or not columns:
        return Drift()
    fitted = conform_parts(table, rows, stored, keep_retyped=True).schema
    own = [n for n in fitted.names if n not in stored.names and not n.startswith("_")]
    known = {*stored.names, *fitted.names}
    origins = {name: original_name(name, known) for name in own}
    missing = _lacking(stored, columns, stream)
    if missing and LACKING in stored.names:
        before = lake.read(table, start - DAY, start, [LACKING])
        if before is not None and LACKING in before.column_names:
            missing = sorted(set(missing) - noted_lacking(before[LACKING].unique().to_pylist()))
    return Drift(
        added=[name for name, origin in origins.items() if origin is None],
        retyped=[f"{o} (now in {name})" for name, o in origins.items() if o is not None],
        dropped=missing,
    )


def note_lacking(
    stored: pa.Schema | None, rows: Parts, columns: Collection[str], stream: StreamBase
) -> Parts:
    """The rows, each with a note of the columns that raw knows and its source no longer had."""
    if stored is None or not columns:
        return rows
    missing = _lacking(stored, columns, stream)
    return rows.map(lambda part: marked_lacking(part, missing))


def _lacking(stored: pa.Schema, columns: Collection[str], stream: StreamBase) -> list[str]:
    if isinstance(stream, FileStream) and stream.format == "jsonl":
        return []  # a name may stand in some rows only
    return lacking(columns, stored.names)
