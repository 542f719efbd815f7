"""The objects of a server, as JSON in SQLite: for as long as it lives, or in a file of its own."""

from __future__ import annotations

import json
import sqlite3
import threading
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DDL = """
CREATE TABLE IF NOT EXISTS objects (
    kind TEXT NOT NULL, id TEXT NOT NULL, number INTEGER NOT NULL, parent TEXT NOT NULL,
    created INTEGER NOT NULL, updated INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_created ON objects (kind, created, number, parent);
CREATE INDEX IF NOT EXISTS by_updated ON objects (kind, updated, number, parent);
CREATE INDEX IF NOT EXISTS by_number ON objects (kind, number);
CREATE INDEX IF NOT EXISTS by_parent ON objects (kind, parent, number);
"""
_ORDERS = {"number": "number", "created": "created, number", "updated": "updated, number"}
_CACHE_KIB = 64 * 1024
_LISTS_KEPT = 8


@dataclass(frozen=True)
class Stored:
    """An object. `number` orders objects of the same moment; moments are whole microseconds."""

    kind: str
    id: str
    number: int
    parent: str
    created: int
    updated: int
    body: dict[str, Any]


class Store:
    """Objects by kind and id. Safe for threads; what is put is there when `put` returns.

    Without a path it is gone with `close`; until then, what exceeds 64 MiB is in a nameless file.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            str(path) if path else "", check_same_thread=False, isolation_level=None
        )
        self._connection.executescript(
            f"PRAGMA synchronous = OFF; PRAGMA cache_size = -{_CACHE_KIB}; {_DDL}"
        )
        if path is None:
            self._connection.execute("PRAGMA journal_mode = MEMORY")
        self._lists: dict[tuple[object, ...], array[int]] = {}
        self._lists_of: tuple[int, int] | None = None

    def close(self) -> None:
        """Give the database back."""
        with self._lock:
            self._connection.close()

    def put(self, objects: Iterable[Stored]) -> None:
        """Keep the objects, in the place of those of the same kind and id; all or none."""
        rows = [
            (o.kind, o.id, o.number, o.parent, o.created, o.updated, json.dumps(o.body))
            for o in objects
        ]
        with self._lock:
            self._connection.execute("BEGIN")
            self._connection.executemany(
                "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)", rows
            )
            self._connection.execute("COMMIT")

    def delete(self, kind: str, id: str) -> None:  # noqa: A002
        """Forget an object, if it is there."""
        with self._lock:
            self._connection.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, id))

    def get(self, kind: str, id: str) -> Stored | None:  # noqa: A002
        """The object; None where there is none."""
        found = self._select("kind = ? AND id = ?", (kind, id), "number", 1, 0)
        return found[0] if found else None

    def count(self, kind: str, where: str = "1", values: tuple[Any, ...] = ()) -> int:
        """How many objects of a kind meet an SQL condition on the columns of `Stored`."""
        with self._lock:
            statement = f"SELECT count(*) FROM objects WHERE kind = ? AND ({where})"  # noqa: S608
            return int(self._connection.execute(statement, (kind, *values)).fetchone()[0])

    def select(
        self,
        kind: str,
        where: str = "1",
        values: tuple[Any, ...] = (),
        *,
        order: str = "number",
        descending: bool = False,
        limit: int = -1,
        offset: int = 0,
    ) -> list[Stored]:
        """The objects of a kind that meet an SQL condition (the server's own, values apart).

        `order`: number, created or updated. SQL's `json_extract(body, '$.name')` reads the body.
        """
        by = _by(order, descending)
        return self._select(f"kind = ? AND ({where})", (kind, *values), by, limit, offset)

    def page(
        self,
        kind: str,
        where: str = "1",
        values: tuple[Any, ...] = (),
        *,
        order: str = "number",
        descending: bool = False,
        limit: int,
        offset: int,
    ) -> tuple[list[Stored], int]:
        """As `select`, and how many objects there are in all. Their numbers have to differ.

        What the latest lists have found is kept until something is put: the pages of a long list
        cost no more than those of a short one.
        """
        with self._lock:
            found = self._list(kind, where, values, order, descending)
            wanted = tuple(found[offset : offset + limit])
            marks = ", ".join("?" * len(wanted))
            some = self.select(kind, f"number IN ({marks})", wanted) if wanted else []
        by_number = {each.number: each for each in some}
        return [by_number[number] for number in wanted], len(found)

    def _list(
        self, kind: str, where: str, values: tuple[Any, ...], order: str, descending: bool
    ) -> array[int]:
        """The numbers of all objects that `select` would find, from the lists that are kept."""
        [version] = self._connection.execute("PRAGMA data_version").fetchone()
        if self._lists_of != (version, self._connection.total_changes):
            self._lists_of = (version, self._connection.total_changes)
            self._lists.clear()
        asked = (kind, where, values, order, descending)
        found = self._lists.pop(asked, None)
        if found is None:
            rows = self._connection.execute(
                "SELECT number FROM objects "  # noqa: S608
                f"WHERE kind = ? AND ({where}) ORDER BY {_by(order, descending)}",
                (kind, *values),
            )
            found = array("q", (number for (number,) in rows))
        if len(self._lists) >= _LISTS_KEPT:
            del self._lists[next(iter(self._lists))]
        self._lists[asked] = found
        return found

    def _select(
        self, where: str, values: tuple[Any, ...], by: str, limit: int, offset: int
    ) -> list[Stored]:
        statement = (
            "SELECT kind, id, number, parent, created, updated, body FROM objects "  # noqa: S608
            f"WHERE {where} ORDER BY {by} LIMIT ? OFFSET ?"
        )
        with self._lock:
            rows = self._connection.execute(statement, (*values, limit, offset)).fetchall()
        return [
            Stored(kind, key, number, parent, created, updated, json.loads(body))
            for kind, key, number, parent, created, updated, body in rows
        ]


def _by(order: str, descending: bool) -> str:
    by = _ORDERS[order]
    return ", ".join(f"{column} DESC" for column in by.split(", ")) if descending else by
