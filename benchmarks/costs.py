"""What a load costs: bytes on S3 and in PostgreSQL, its log, and requests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg2

from benchmarks.place import Place

_DATABASES = ("warehouse", "dagster")


@dataclass(frozen=True)
class Stored:
    """Bytes of a stack at one moment. `wal`: written to PostgreSQL's log so far, of all databases.

    `s3`: of SeaweedFS' volumes, in which nothing that was written is taken back before they are
    compacted: what has been written, not what is live. `sources`: of the files that the shop's
    systems have exported.
    """

    s3: int
    warehouse: int
    dagster: int
    wal: int
    sources: int


def stored(place: Place) -> Stored:
    """What the place's servers and sources hold now."""
    connection = psycopg2.connect(place.admin_url)
    try:
        with connection.cursor() as cursor:
            sizes = []
            for name in _DATABASES:
                cursor.execute("SELECT coalesce(pg_database_size(%s), 0)", (name,))
                sizes.append(int((cursor.fetchone() or (0,))[0]))
            cursor.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")
            wal = int((cursor.fetchone() or (0,))[0])
    finally:
        connection.close()
    volumes = (place.home / "stack" / "s3" / "data").rglob("*.dat")
    return Stored(
        sum(path.stat().st_size for path in volumes),
        *sizes,
        wal,
        folder_size(place.folder / "sources"),
    )


def database_size(url: str) -> int:
    """The bytes of a database's tables and indexes."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return int((cursor.fetchone() or (0,))[0])
    finally:
        connection.close()


def folder_size(folder: Path) -> int:
    """The bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
