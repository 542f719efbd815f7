"""Tables of PostgreSQL, MariaDB and SQLite, by a cursor and as a whole."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy import text as sql

from shop_assets.sources.protocol import Window
from shop_assets_tests.acceptance.subject import (
    CANARY,
    HOUR,
    Alteration,
    Feature,
    Seen,
    Servers,
    Source,
    Stream,
    Subject,
    register,
)
from shop_assets_tests.sources.mariadb import SERVER

_INSERT = "INSERT INTO things (id, at, note, extra) VALUES (:id, :at, :note, 'e')"
_MANY = {
    "postgresql": "SELECT n AS n FROM generate_series(1, :rows) AS n",
    "mysql": "SELECT seq AS n FROM seq_1_to_1000000 WHERE seq <= :rows",
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :rows) "
    "SELECT n FROM s",
}
_LATER = {
    "postgresql": "CAST(:start AS timestamptz) + n * interval '1 second' * :step",
    "mysql": ":start + INTERVAL n * :step * 1000000 MICROSECOND",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', :start, '+' || (n * :step) || ' seconds')",
}
_TIMES = {"postgresql": "timestamptz", "mysql": "DATETIME(6)", "sqlite": "DATETIME"}
_TEXTS = {"mysql": "LONGTEXT CHARACTER SET utf8mb4"}


class Database(Source):
    """A database with a table `things`; `cursor`: whether it is read by one."""

    def __init__(self, url: str, read_as: str, *, cursor: bool, folder: Path | None = None) -> None:
        self._engine: Engine = create_engine(url)
        self._read_as = read_as
        self._cursor = cursor
        self._dialect = self._engine.dialect.name.replace("mariadb", "mysql")
        self.folder = folder or self.folder
        self._count = 0
        time, note = _TIMES[self._dialect], _TEXTS.get(self._dialect, "TEXT")
        self.run(f"CREATE TABLE things (id BIGINT, at {time}, note {note}, extra TEXT)")

    def run(self, *statements: str) -> None:
        """Change the database."""
        with self._engine.begin() as connection:
            for statement in statements:
                connection.execute(sql(statement))

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def settings(self, **options: Any) -> dict[str, Any]:
        """A `sql` source."""
        how: dict[str, Any] = {"cursor": "at"} if self._cursor else {"snapshot": "hourly"}
        stream = {"table": "things", "key": ["id"], "entities": {}, **how}
        return {
            "connector": "sql",
            "url": self._read_as,
            "streams": {"things": stream},
            **options,
        }

    def put(
        self, stream: str, moments: Sequence[datetime], texts: Sequence[str] | None = None
    ) -> list[str]:
        """Insert a row for each moment."""
        first, self._count = self._count + 1, self._count + len(moments)
        rows = [
            {"id": first + n, "at": self._written(moment), "note": (texts or ["n"] * (n + 1))[n]}
            for n, moment in enumerate(moments)
        ]
        with self._engine.begin() as connection:
            if rows:
                connection.execute(sql(_INSERT), rows)
        return [str(row["id"]) for row in rows]

    def truth(self, stream: str, window: Window) -> Counter[Seen]:
        """The rows in the window; without a cursor, all."""
        with self._engine.begin() as connection:
            found = connection.execute(sql("SELECT id, at FROM things")).all()
        if not self._cursor:
            return Counter(Seen(str(key), None) for key, _ in found)
        timed = [(str(key), self._read(at)) for key, at in found]
        return Counter(Seen(key, at) for key, at in timed if window.start <= at < window.end)

    def change(self, stream: str, key: str, moment: datetime) -> None:
        """Update a row and its time."""
        with self._engine.begin() as connection:
            values = {"id": int(key), "at": self._written(moment)}
            connection.execute(sql("UPDATE things SET at = :at WHERE id = :id"), values)

    def alter(self, stream: str, how: Alteration) -> None:
        """ALTER TABLE."""
        drop = "ALTER TABLE things DROP COLUMN "
        changes = {
            "new field": ["ALTER TABLE things ADD COLUMN fresh INTEGER DEFAULT 5"],
            "no optional": [drop + "extra"],
            "other type": [drop + "extra", "ALTER TABLE things ADD COLUMN extra INTEGER DEFAULT 7"],
            "no key": [drop + "id"],
            "no change time": [drop + "at"],
        }
        self.run(*changes[how])

    def fill(self, stream: str, rows: int, text: str = "a note") -> None:
        """Let the database make the rows."""
        step = (HOUR.end - HOUR.start).total_seconds() / (rows + 1)
        fast = (
            f"INSERT INTO things (id, at, note, extra) SELECT n, {_LATER[self._dialect]}, "
            f":note, 'e' FROM ({_MANY[self._dialect]}) AS many"
        )
        with self._engine.begin() as connection:
            values = {"rows": rows, "start": self._written(HOUR.start), "step": step, "note": text}
            connection.execute(sql(fast), values)
        self._count += rows

    def accepts(self, text: str) -> bool:
        """Databases keep no halves of characters, and but for SQLite no NUL."""
        with contextlib.suppress(UnicodeEncodeError):
            return bool(text.encode()) and ("\0" not in text or self._dialect == "sqlite")
        return False

    def _written(self, moment: datetime) -> Any:
        plain = moment.replace(tzinfo=None)
        kinds: dict[str, Any] = {
            "postgresql": moment,
            "mysql": plain,
            "sqlite": plain.isoformat(" ", "microseconds"),
        }
        return kinds[self._dialect]

    def _read(self, value: Any) -> datetime:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment if moment.tzinfo else moment.replace(tzinfo=HOUR.start.tzinfo)


@contextlib.contextmanager
def _on_postgres(servers: Servers, *, cursor: bool) -> Iterator[Database]:
    owner = servers.postgres_url()
    role = f"clerk_{owner.rpartition('/')[2]}"
    reader = make_url(owner).set(username=role, password=CANARY)
    made = Database(
        str(make_url(owner).set(drivername="postgresql+psycopg2").render_as_string(False)),
        reader.render_as_string(False),
        cursor=cursor,
    )
    made.run(f"CREATE ROLE {role} LOGIN PASSWORD '{CANARY}'", f"GRANT SELECT ON things TO {role}")
    try:
        yield made
    finally:
        made.run("DROP TABLE things", f"DROP OWNED BY {role}", f"DROP ROLE {role}")
        made.close()


@contextlib.contextmanager
def _on_sqlite(servers: Servers) -> Iterator[Database]:
    url = f"sqlite:///{servers.folder / 'shop.db'}"
    made = Database(url, "sqlite:///shop.db", cursor=True, folder=servers.folder)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def _on_mariadb(servers: Servers) -> Iterator[Database]:
    url = servers.mariadb_url()
    made = Database(url.replace("mariadb", "mariadb+pymysql", 1), url, cursor=True)
    try:
        yield made
    finally:
        made.run("DROP TABLE things")
        made.close()


def _subject(
    name: str,
    opened: Callable[[Servers], Any],
    *features: Feature,
    many: int,
    holds: int = 56,
) -> None:
    register(
        Subject(
            name,
            opened,
            {"things": Stream(("id",), "note", page=2_000)},
            frozenset({"schema", *features}),
            resolution=timedelta(milliseconds=1) if name == "sqlite" else timedelta(microseconds=1),
            many=many,
            holds=holds,
        )
    )


_subject(
    "postgresql",
    partial(_on_postgres, cursor=True),
    *("windows", "changes", "secret"),
    many=150_000,
)
_subject("postgresql-snapshot", partial(_on_postgres, cursor=False), "secret", many=150_000)
_subject("sqlite", _on_sqlite, *("windows", "changes"), many=150_000)
if SERVER is not None:
    _subject("mariadb", _on_mariadb, *("windows", "changes"), many=150_000, holds=64)
