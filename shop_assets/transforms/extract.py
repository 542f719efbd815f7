"""What a connector read, made ready for the raw zone: hours, content hashes, one table."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable

import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.transforms.hashes import hashed
from shop_assets.transforms.parts import in_one_schema
from shop_assets.transforms.retyped import original_name

PROVENANCE = ("_change_time", "_position", "_delivery", "_error", "_line")
HOUR_TYPE = pa.timestamp("us", "UTC")
DELETED = "_deleted"
"""In raw: true in a tombstone, the row of a key that a sweep found gone."""
LACKING = "_lacking"
"""In raw: a JSON list of columns that raw knows and the source no longer had; null where none."""
ROW_HASH = "_row_hash"
"""In raw: the hash of a row's own columns; int64."""
ADDED_LATER = (ROW_HASH, "_load_id", "_extracted_at")


def assemble(batches: Iterable[pa.Table], start: dt.datetime) -> pa.Table:
    """One table of all batches, with `_hour` and `_row_hash` (see `placed`).

    Of a column that comes in types that do not fit together, the later ones have their own names.
    """
    tables = [placed(batch, start) for batch in batches]
    tables = [table for table in tables if table.num_rows]
    if not tables:
        return pa.table({})
    return in_one_schema([table.schema for table in tables], lambda: tables).whole()


def placed(batch: pa.Table, start: dt.datetime) -> pa.Table:
    """A batch with `_hour` and `_row_hash` (int64, of a row's own columns as they came).

    `start`: the first hour that is loaded; rows that changed before it (an overlapping window)
    belong to it. A batch that has an `_hour` keeps it, from `start` on; one that was compared has
    its hashes already.
    """
    if not batch.num_rows:
        return batch
    first = pa.scalar(start, HOUR_TYPE)
    known = "_hour" in batch.column_names
    moments = batch["_hour" if known else "_change_time"].cast(HOUR_TYPE)
    moments = pc.if_else(pc.less(moments, first), first, moments)
    if known:
        batch = batch.drop_columns(["_hour"])
    hours = pc.floor_temporal(moments, unit="hour").cast(HOUR_TYPE)
    batch = batch.append_column("_hour", hours)
    if ROW_HASH in batch.column_names:
        return batch
    return batch.append_column(ROW_HASH, row_hashes(batch))


def lacking(found: Collection[str], known: Iterable[str]) -> list[str]:
    """The source's columns that raw knows and that are not found in the source now, in order."""
    names = {name for name in known if not name.startswith("_")}
    own = {name for name in names if original_name(name, names) is None}
    return sorted(own - set(found))


def marked_lacking(table: pa.Table, missing: Collection[str]) -> pa.Table:
    """The rows with a note of the columns that the source no longer had."""
    if not missing:
        return table
    note = pa.repeat(json.dumps(sorted(missing), ensure_ascii=False), table.num_rows)
    if LACKING not in table.column_names:
        return table.append_column(LACKING, note)
    # A tombstone says so of the time when its row was read.
    gone = pc.fill_null(table[DELETED], False)
    kept = pc.if_else(gone, table[LACKING], note)
    return table.set_column(table.column_names.index(LACKING), LACKING, kept)


def noted_lacking(notes: Iterable[str | None]) -> set[str]:
    """The columns that any of the notes (`LACKING`) names."""
    return {name for note in notes if note is not None for name in json.loads(note)}


def row_hashes(table: pa.Table) -> pa.Array:
    """The hash of each row's own columns, and of its text where it could not be decoded; int64."""
    own = [n for n in table.column_names if n not in (*PROVENANCE, "_hour", DELETED, LACKING)]
    return pa.array(hashed(table, [*own, "_line"]).view("int64"))
