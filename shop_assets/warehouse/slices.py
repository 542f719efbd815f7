"""Writing a slice of a table: one transaction, whole or not at all, by its newest writer only.

A *slice* is one partition of an asset (an hour, a day) in PostgreSQL. A load covers a run of
slices `[start, end)`. Each load

1. takes an advisory lock on the asset and its slices, so that two loads of one slice wait for each
   other, while loads of other slices go on (up to where they merge into the same rows);
2. is refused where a writer that began later has already published one of them (fencing): a worker
   that was stopped and wakes up does not undo its own retry; and where anybody has since it looked,
   if it says what it saw (`writers`), since who began later may have read earlier;
3. writes `meta.slices`, so that what it asks for reaches as far as it does itself;
4. stages its rows by binary COPY, and changes the table;
5. writes `meta.loads`, and commits.

`load_id` is unique: a load whose answer to COMMIT was lost is looked up, not done again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from shop_assets.entities import TableSpec
from shop_assets.warehouse import ddl
from shop_assets.warehouse.connection import Cursor, Warehouse, fetch_one, in_batches, read

_MANY = 64
"""From this many slices on, the asset as a whole is locked instead of each slice."""


class StaleWriterError(Exception):
    """Another writer, which may have read later, has already published one of these slices."""


@dataclass(frozen=True)
class Load:
    """One load of an asset's slices: hours, or days written as their midnight in UTC.

    `epoch` orders writers by when they began; take it with `begin` before reading what the slice
    is computed from. `provisional`: the hour is not over, and is to be loaded again when it is.
    """

    load_id: str
    asset: str
    start: dt.datetime
    end: dt.datetime
    step: dt.timedelta
    epoch: int
    provisional: bool = False


@dataclass(frozen=True)
class Written:
    """What a load did: rows staged, rows that changed, and whether it had been done before."""

    rows: int
    changed: int
    repeated: bool = False


def begin(warehouse: Warehouse) -> int:
    """An epoch for a writer that begins now."""
    with warehouse.transaction() as cursor:
        return int(fetch_one(cursor, "SELECT nextval('meta.epochs')"))


def writers(
    cursor: Cursor, asset: str, start: dt.datetime | None = None, end: dt.datetime | None = None
) -> pd.DataFrame:
    """Who has published an asset's slices: columns slice, epoch, in order of time."""
    return read(
        cursor,
        "SELECT slice, epoch FROM meta.slices WHERE asset = $1 "
        "AND slice >= coalesce($2::timestamptz, '-infinity') "
        "AND slice < coalesce($3::timestamptz, 'infinity') ORDER BY slice",
        (asset, start, end),
    )


def find_load(cursor: Cursor, load_id: str) -> Written | None:
    """What the load of that id did, asked within a transaction; None where it never committed."""
    cursor.execute(
        "SELECT rows_written, rows_changed FROM meta.loads WHERE load_id = $1",
        parameters=(load_id,),
    )
    row = cursor.fetchone()
    return None if row is None else Written(int(row[0]), int(row[1]), repeated=True)


@dataclass
class Publication:
    """A load within its transaction. `before`: what it did, where it was committed before."""

    before: Written | None
    written: Written | None = None

    def note(self, rows: int, changed: int) -> Written:
        """Say how many rows were staged and how many changed; stored with the commit."""
        self.written = Written(rows, changed)
        return self.written


@contextmanager
def publishing(
    cursor: Cursor, load: Load, seen: pd.DataFrame | None = None
) -> Iterator[Publication]:
    """Lock and fence the slices, and note them as written; afterwards the load.

    `seen`: the `writers` of these slices, and maybe others, before what is written was read. The
    body writes the rows and calls `note`; where `before` says that the load is known, it writes
    nothing. Asked under the lock, since the load may have been on its way until then.
    """
    lock(cursor, load.asset, load.start, load.end, load.step)
    publication = Publication(find_load(cursor, load.load_id))
    if publication.before is not None:
        yield publication
        return
    _fence(load, writers(cursor, load.asset, load.start, load.end), seen)
    _note_slices(cursor, load)
    yield publication
    if publication.written is None:
        raise RuntimeError(f"{load.asset}: a load ended without a note of what it wrote")
    _note_load(cursor, load, publication.written)


def _fence(load: Load, found: pd.DataFrame, seen: pd.DataFrame | None) -> None:
    newer = found[found["epoch"] > load.epoch]
    why = f"this writer began earlier (epoch {load.epoch})"
    if newer.empty and seen is not None:
        known = seen.set_index("slice")["epoch"].reindex(found["slice"])
        newer = found[found["epoch"].to_numpy() != known.to_numpy()]
        why = f"since this writer (epoch {load.epoch}) looked"
    if len(newer):
        slice_, epoch = newer.iloc[0]
        raise StaleWriterError(
            f"{load.asset} {slice_:%Y-%m-%d %H:%M}: already published by epoch {epoch}, {why}"
        )


def lock(
    cursor: Cursor, asset: str, start: dt.datetime, end: dt.datetime, step: dt.timedelta
) -> None:
    """Lock an asset's slices `[start, end)` for the transaction; waits for who has any of them."""
    whole = "hashtextextended($1, 0)"
    if (end - start) / step >= _MANY:
        cursor.execute(f"SELECT pg_advisory_xact_lock({whole})", parameters=(asset,))
        return
    cursor.execute(f"SELECT pg_advisory_xact_lock_shared({whole})", parameters=(asset,))
    # In the order of time, so that two loads that overlap cannot wait for each other.
    cursor.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1 || s::text, 1)) FROM "
        "(SELECT s FROM generate_series($2::timestamptz, $3::timestamptz - "
        "make_interval(secs => $4), make_interval(secs => $4)) s ORDER BY s) ordered",
        parameters=(asset, start, end, step.total_seconds()),
    )


def _note_slices(cursor: Cursor, load: Load) -> None:
    """Write that the slices are this load's, for its own transaction to see too."""
    cursor.execute(
        "INSERT INTO meta.slices (asset, slice, epoch, load_id, provisional) "
        "SELECT $1, s, $2, $3, $7 FROM generate_series($4::timestamptz, "
        "$5::timestamptz - make_interval(secs => $6), make_interval(secs => $6)) s "
        "ON CONFLICT (asset, slice) DO UPDATE SET epoch = excluded.epoch, "
        "load_id = excluded.load_id, written_at = excluded.written_at, "
        # What was loaded whole stays so, also where an open hour's load has touched it.
        "provisional = slices.provisional AND excluded.provisional, "
        # See `progress.rewriting`.
        "outdated = CASE WHEN slices.outdated >= excluded.epoch THEN slices.outdated END",
        parameters=(
            load.asset,
            load.epoch,
            load.load_id,
            load.start,
            load.end,
            load.step.total_seconds(),
            load.provisional,
        ),
    )


def _note_load(cursor: Cursor, load: Load, written: Written) -> None:
    """Write the load's row, the last thing before the commit."""
    cursor.execute(
        "INSERT INTO meta.loads (load_id, asset, slice_start, slice_end, rows_written, "
        "rows_changed) VALUES ($1, $2, $3, $4, $5, $6)",
        parameters=(
            load.load_id,
            load.asset,
            load.start,
            load.end,
            written.rows,
            written.changed,
        ),
    )


def stage(cursor: Cursor, name: str, rows: pa.Table) -> None:
    """Put rows into a temporary table of that name, by binary COPY."""
    # With the views of it: see `difference`.
    cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{ddl.quoted(name)} CASCADE")
    cursor.adbc_ingest(name, in_batches(rows), mode="create", temporary=True)
    analyze(cursor, name)


def analyze(cursor: Cursor, name: str) -> None:
    """Let the planner know of a temporary table how many rows it has, and about how many of a kind.

    Of a tenth of the usual sample, from here on in the transaction: it decides how to join, not
    which of some values are frequent.
    """
    cursor.execute("SET LOCAL default_statistics_target = 10")
    cursor.execute(f"ANALYZE pg_temp.{ddl.quoted(name)}")


def to_arrow(frame: pd.DataFrame, spec: TableSpec) -> pa.Table:
    """A frame as Arrow, in the declared columns and types."""
    return pa.Table.from_pandas(spec.conform(frame), schema=spec.arrow_schema, preserve_index=False)


def mark_stale(cursor: Cursor, mart: str, slices_sql: str) -> None:
    """Ask for the slices of a mart that a query names (one column of timestamptz).

    Part of the transaction that made them stale: the request is there exactly if the change is.
    Generations never come twice, so a writer cannot take a new request for one that it has seen.
    """
    cursor.execute(
        "INSERT INTO meta.stale_slices (mart, slice, generation) "
        f"SELECT $1, s, nextval('meta.generations') FROM ({slices_sql}) q(s) "
        "WHERE s IS NOT NULL GROUP BY s ORDER BY s "
        "ON CONFLICT (mart, slice) DO UPDATE SET generation = excluded.generation",
        parameters=(mart,),
    )
