"""What is stored: bytes on S3, in PostgreSQL and its log, and in the sources."""

from __future__ import annotations

from dataclasses import dataclass
from operator import sub
from pathlib import Path
from typing import Any

import psycopg2

from benchmarks.place import Place

_SOURCES = ["storefront", "wms"]


@dataclass(frozen=True)
class Stored:
    """Bytes of a stack at one moment, or between two. `wal`: of PostgreSQL's log, of all databases.

    `s3`: of SeaweedFS' volumes, in which nothing that was written is taken back before they are
    compacted: what has been written, not what is live. `sources`: of the files that the shop's
    systems have exported, and of their databases.
    """

    s3: int
    warehouse: int
    dagster: int
    wal: int
    sources: int

    def since(self, before: Stored) -> Stored:
        """What has come since then."""
        return Stored(*map(sub, vars(self).values(), vars(before).values()))

    @classmethod
    def total(cls, parts: list[Stored]) -> Stored:
        """All of them together."""
        return cls(
            *(sum(values) for values in zip(*(vars(p).values() for p in parts), strict=True))
        )


def stored(place: Place) -> Stored:
    """What the place's servers and sources hold now."""
    connection = psycopg2.connect(place.admin_url)
    try:
        with connection.cursor() as cursor:

            def number(sql: str, *parameters: Any) -> int:
                cursor.execute(sql, parameters)
                return int((cursor.fetchone() or (0,))[0])

            sizes = (
                "SELECT coalesce(sum(pg_database_size(datname)), 0) FROM pg_database "
                "WHERE datname = ANY(%s)"
            )
            warehouse, dagster = (number(sizes, [name]) for name in ("warehouse", "dagster"))
            sources = number(sizes, _SOURCES)
            wal = number("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")
    finally:
        connection.close()
    volumes = (place.home / "stack" / "s3" / "data").rglob("*.dat")
    return Stored(
        s3=sum(path.stat().st_size for path in volumes),
        warehouse=warehouse,
        dagster=dagster,
        wal=wal,
        sources=sources + _folder_size(place.folder / "sources"),
    )


def _folder_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
