"""The keys that sources were seen to have, and those that were found to be gone.

`meta.source_keys` holds each key once, with the hour of raw in which its newest row stands.
`meta.source_deletions` holds each time that one was found gone, with the hour whose load turns it
into a tombstone; nothing is ever taken out of it, so that a repeated load finds the same.

Keys are in the order of their bytes: those that begin alike, as the rows of one parent do, stand
together in the index. A key's hash is 60 bits of the MD5 of its text. Its lowest bits are its
range; the sum of the hashes of a range does not depend on their order. A source's server computes
the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import pyarrow as pa

from shop_assets.warehouse import slices
from shop_assets.warehouse.connection import Cursor, Warehouse, fetch_one

SEEN = pa.schema(
    [
        ("key", pa.string()),
        ("hour", pa.timestamp("us", "UTC")),
        ("changed_at", pa.timestamp("us", "UTC")),
    ]
)
"""A key, the hour of raw that holds its row, and the row's change time."""

GONE = pa.schema([("key", pa.string()), ("gone_at", pa.timestamp("us", "UTC"))])
"""A key, and when it was gone."""

_HASH = "('x' || substr(md5(convert_to(key, 'UTF8')), 1, 15))::bit(60)::bigint"


def record(warehouse: Warehouse, source: str, stream: str, seen: pa.Table) -> None:
    """Note keys (`SEEN`) that the source has: before their rows are written, so that none is lost.

    A key that was found gone is there again.
    """
    if not seen.num_rows:
        return
    with warehouse.transaction() as cursor:
        slices.stage(cursor, "seen", seen.select(SEEN.names).cast(SEEN))
        cursor.execute(
            "INSERT INTO meta.source_keys AS k (source, stream, key, hash, hour, changed_at) "
            f"SELECT $1, $2, key, {_HASH}, hour, changed_at FROM (SELECT DISTINCT ON (key) * "
            "FROM pg_temp.seen ORDER BY key, changed_at DESC, hour DESC) newest ORDER BY key "
            "ON CONFLICT (source, stream, key) DO UPDATE SET "
            "hour = CASE WHEN excluded.changed_at < k.changed_at THEN k.hour "
            "ELSE excluded.hour END, changed_at = greatest(k.changed_at, excluded.changed_at), "
            "seen_at = clock_timestamp(), deleted_at = NULL",
            parameters=(source, stream),
        )


def now(warehouse: Warehouse) -> dt.datetime:
    """The warehouse's clock, by which keys are seen."""
    with warehouse.transaction() as cursor:
        moment: dt.datetime = fetch_one(cursor, "SELECT clock_timestamp()")
        return moment


def look_up(warehouse: Warehouse, source: str, stream: str, keys: pa.ChunkedArray) -> pa.Table:
    """What is known of each key, in the same order: row_hash, changed_at, deleted_at, or nulls."""
    asked = pa.table({"place": pa.array(range(len(keys)), pa.int64()), "key": keys})
    with warehouse.transaction() as cursor:
        slices.stage(cursor, "asked", asked)
        cursor.execute(
            "SELECT k.row_hash, k.changed_at, k.deleted_at FROM pg_temp.asked a "
            "LEFT JOIN meta.source_keys k ON k.source = $1 AND k.stream = $2 AND k.key = a.key "
            "ORDER BY a.place",
            parameters=(source, stream),
        )
        return cursor.fetch_arrow_table()


def of_parents(
    warehouse: Warehouse,
    source: str,
    stream: str,
    parents: pa.Table,
    changed: dt.datetime,
) -> pa.Table:
    """The keys that were not found gone of some parents: `key`, and when the parent changed.

    `parents`: where the keys of each `begins` and what is `beyond` them, and `gone_at`. Only keys
    that changed before `changed`. Those of others are not read.
    """
    with warehouse.transaction() as cursor:
        slices.stage(cursor, "parents", parents.select(["begins", "beyond", "gone_at"]))
        cursor.execute(
            "SELECT k.key, p.gone_at FROM pg_temp.parents p JOIN meta.source_keys k "
            "ON k.source = $1 AND k.stream = $2 AND k.key >= p.begins AND k.key < p.beyond "
            "WHERE k.deleted_at IS NULL AND k.changed_at < $3",
            parameters=(source, stream, changed),
        )
        return cursor.fetch_arrow_table().cast(GONE)


def expect(warehouse: Warehouse, source: str, stream: str, seen: pa.Table) -> None:
    """Note keys (`SEEN`) whose rows were read and will be written: they are missed if they vanish.

    At once, so that another read that lacks one of them finds it gone, long before it is in raw.
    What the rows hold is not known before `remember`. Until then the hour stays the earliest in
    which the key's newest row may stand, and the time the latest that it may have.
    """
    if not seen.num_rows:
        return
    _put(
        warehouse,
        source,
        stream,
        seen.select(SEEN.names),
        "ON CONFLICT (source, stream, key) DO UPDATE SET changed_at = excluded.changed_at, "
        "row_hash = NULL, seen_at = clock_timestamp(), deleted_at = NULL "
        "WHERE excluded.changed_at >= k.changed_at",
    )


def remember(warehouse: Warehouse, source: str, stream: str, seen: pa.Table) -> None:
    """Note what the rows of keys (`SEEN`, and `row_hash`) hold, once they are in raw.

    What a later row of the same key holds is kept, in whatever order loads end. When the source had
    them last is when they were read, not now: they may have been found gone since.
    """
    _put(
        warehouse,
        source,
        stream,
        seen,
        "ON CONFLICT (source, stream, key) DO UPDATE SET hour = excluded.hour, "
        "changed_at = excluded.changed_at, row_hash = excluded.row_hash "
        "WHERE excluded.changed_at >= k.changed_at",
    )


def _put(warehouse: Warehouse, source: str, stream: str, seen: pa.Table, on_conflict: str) -> None:
    if not seen.num_rows:
        return
    if "row_hash" not in seen.column_names:
        seen = seen.append_column("row_hash", pa.nulls(seen.num_rows, pa.int64()))
    with warehouse.transaction() as cursor:
        slices.stage(cursor, "seen", seen.cast(SEEN.append(pa.field("row_hash", pa.int64()))))
        cursor.execute(
            "INSERT INTO meta.source_keys AS k "
            "(source, stream, key, hash, hour, changed_at, row_hash) "
            f"SELECT $1, $2, key, {_HASH}, hour, changed_at, row_hash FROM (SELECT DISTINCT ON "
            "(key) * FROM pg_temp.seen ORDER BY key, changed_at DESC, hour DESC) newest "
            f"ORDER BY key {on_conflict}",
            parameters=(source, stream),
        )


@contextmanager
def known(warehouse: Warehouse, source: str, stream: str) -> Iterator[KnownKeys]:
    """The keys that are known now and were not found gone."""
    with warehouse.transaction() as cursor:
        yield KnownKeys(cursor, source, stream)


class KnownKeys:
    """The keys of a stream as they were known at one moment, in a transaction of their own."""

    def __init__(self, cursor: Cursor, source: str, stream: str) -> None:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        self._cursor = cursor
        self._stream = (source, stream)
        self.moment: dt.datetime = fetch_one(cursor, "SELECT clock_timestamp()")
        self.count = int(fetch_one(cursor, f"SELECT count(*) {_KNOWN}", self._stream))

    def ranges(self, ranges: int) -> pa.Table:
        """`range`, `keys` (how many) and `checksum` of each range that has any."""
        self._cursor.execute(
            "SELECT hash & $3 AS range, count(*) AS keys, sum(hash)::text AS checksum "
            f"{_KNOWN} GROUP BY 1",
            parameters=(*self._stream, ranges - 1),
        )
        return self._cursor.fetch_arrow_table()

    def keys(self, ranges: int, chosen: Collection[int]) -> pa.ChunkedArray:
        """The keys of the chosen ranges."""
        self._cursor.execute(
            f"SELECT key {_KNOWN} AND hash & $3 IN "
            "(SELECT unnest(string_to_array($4, ',')::bigint[]))",
            parameters=(*self._stream, ranges - 1, ",".join(map(str, chosen))),
        )
        return self._cursor.fetch_arrow_table()["key"].cast(pa.string())

    def before(self, seen: dt.datetime, changed: dt.datetime) -> Iterator[pa.ChunkedArray]:
        """Keys last seen and changed before these times, some MiB at a time."""
        self._cursor.execute(
            f"SELECT key {_KNOWN} AND seen_at <= $3 AND changed_at < $4",
            parameters=(*self._stream, seen, changed),
        )
        for batch in self._cursor.fetch_record_batch():
            yield pa.chunked_array([batch.column(0)]).cast(pa.string())


_KNOWN = "FROM meta.source_keys WHERE source = $1 AND stream = $2 AND deleted_at IS NULL"


def mark_deleted(
    warehouse: Warehouse,
    source: str,
    stream: str,
    keys: pa.ChunkedArray,
    *,
    gone_at: dt.datetime,
    known_at: dt.datetime,
) -> int:
    """Note that keys are gone; how many were not seen again since `known_at` and are now noted.

    `gone_at`: when the source was looked at, by its own clock. The hour that gets the tombstones is
    the one in which this is written. Its load comes when it is over, and takes the same lock: it
    finds all of them, or they stand in a later hour.
    """
    with warehouse.transaction() as cursor:
        _stage_gone(cursor, source, stream, pa.table({"key": keys}))
        cursor.execute(
            "WITH gone AS (UPDATE meta.source_keys k SET deleted_at = $3 FROM pg_temp.gone g "
            "WHERE k.source = $1 AND k.stream = $2 AND k.key = g.key AND k.deleted_at IS NULL "
            "AND k.seen_at <= $4 RETURNING k.key, k.hour) "
            "INSERT INTO meta.source_deletions (source, stream, hour, key, gone_at, row_hour) "
            "SELECT $1, $2, date_trunc('hour', clock_timestamp(), 'UTC'), key, $3, hour FROM gone",
            parameters=(source, stream, gone_at, known_at),
        )
        return int(
            fetch_one(
                cursor,
                "SELECT count(*) FROM meta.source_deletions d JOIN pg_temp.gone g USING (key) "
                "WHERE d.source = $1 AND d.stream = $2 AND d.gone_at = $3",
                (source, stream, gone_at),
            )
        )


def mark_missing(
    warehouse: Warehouse,
    source: str,
    stream: str,
    gone: pa.Table,
    *,
    known_at: dt.datetime,
    hour: dt.datetime,
    dated: bool = False,
) -> None:
    """Note that keys (`GONE`), not seen since `known_at`, are gone, for an hour's load to end.

    Each is gone at its `gone_at`, or just after its row's last change if that is later. One that
    was ended at that moment already is ended by the same tombstone. `dated`: `gone_at` is when the
    source itself says that it changed what lacks the key; a row of an earlier state is then gone,
    whenever it was seen.
    """
    with warehouse.transaction() as cursor:
        _stage_gone(cursor, source, stream, gone.cast(GONE))
        cursor.execute(
            "WITH gone AS (UPDATE meta.source_keys k SET deleted_at = "
            "greatest(g.gone_at, k.changed_at + interval '1 microsecond') "
            "FROM (SELECT key, max(gone_at) AS gone_at FROM pg_temp.gone GROUP BY key) g "
            "WHERE k.source = $1 AND k.stream = $2 AND k.key = g.key "
            "AND k.deleted_at IS NULL "
            "AND (k.seen_at <= $3 OR ($5 AND k.changed_at < g.gone_at)) "
            "RETURNING k.key, k.hour, k.deleted_at) "
            "INSERT INTO meta.source_deletions (source, stream, hour, key, gone_at, row_hour) "
            "SELECT $1, $2, $4, key, deleted_at, hour FROM gone ON CONFLICT DO NOTHING",
            parameters=(source, stream, known_at, hour, dated),
        )


def find_again(warehouse: Warehouse, source: str, stream: str, keys: pa.ChunkedArray) -> None:
    """Let keys that were found gone be found so once more, by the next read that lacks them."""
    if not len(keys):
        return
    with warehouse.transaction() as cursor:
        _stage_gone(cursor, source, stream, pa.table({"key": keys}))
        cursor.execute(
            "UPDATE meta.source_keys k SET deleted_at = NULL FROM pg_temp.gone g "
            "WHERE k.source = $1 AND k.stream = $2 AND k.key = g.key",
            parameters=(source, stream),
        )


def put_off(warehouse: Warehouse, source: str, stream: str, keys: pa.ChunkedArray) -> None:
    """Let keys that were found gone be ended by the load of the hour in which this is written, too.

    Not those that were seen last longer than `_UNDER_WAY` ago.
    """
    if not len(keys):
        return
    with warehouse.transaction() as cursor:
        slices.stage(cursor, "keys", pa.table({"key": keys}))
        _lock(cursor, source, stream)
        cursor.execute(
            "INSERT INTO meta.source_deletions (source, stream, hour, key, gone_at, row_hour) "
            "SELECT DISTINCT $1, $2, date_trunc('hour', clock_timestamp(), 'UTC'), k.key, "
            "k.deleted_at, k.hour FROM pg_temp.keys g JOIN meta.source_keys k "
            "ON k.source = $1 AND k.stream = $2 AND k.key = g.key "
            f"WHERE k.deleted_at IS NOT NULL AND k.seen_at > clock_timestamp() - {_UNDER_WAY} "
            "ON CONFLICT DO NOTHING",
            parameters=(source, stream),
        )


_UNDER_WAY = "interval '2 days'"
"""How long a load may take, at most, from when it reads a row until it writes it."""


def found_gone(
    warehouse: Warehouse, source: str, stream: str, start: dt.datetime, end: dt.datetime
) -> pa.Table:
    """The deletions that stand in the hours `[start, end)`: key, hour, gone_at and row_hour."""
    with warehouse.transaction() as cursor:
        _lock(cursor, source, stream)
        cursor.execute(
            "SELECT key, hour, gone_at, row_hour FROM meta.source_deletions "
            "WHERE source = $1 AND stream = $2 AND hour >= $3 AND hour < $4 ORDER BY hour, key",
            parameters=(source, stream, start, end),
        )
        return cursor.fetch_arrow_table()


def _stage_gone(cursor: Cursor, source: str, stream: str, gone: pa.Table) -> None:
    """Put keys into `pg_temp.gone`, and hold what is known of them, in the order of all writers."""
    slices.stage(cursor, "gone", gone)
    _lock(cursor, source, stream)
    cursor.execute(
        "SELECT FROM meta.source_keys k WHERE k.source = $1 AND k.stream = $2 "
        "AND k.key IN (SELECT key FROM pg_temp.gone) ORDER BY k.key FOR UPDATE OF k",
        parameters=(source, stream),
    )


def _lock(cursor: Cursor, source: str, stream: str) -> None:
    cursor.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('deletions/' || $1 || '/' || $2, 0))",
        parameters=(source, stream),
    )
