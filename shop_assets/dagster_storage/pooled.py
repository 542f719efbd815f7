"""Dagster's storages on PostgreSQL with connections that are kept, instead of one for each query.

Dagster opens a connection for everything that it asks or writes: 1,400 in the run of one hour of a
shop, a fifth of its time where the server's authentication is SCRAM. Two idle ones are kept here,
and as many more as are needed at once. (The storage of schedules is asked by the daemon alone, now
and then, and never disposed of: it stays Dagster's own.)
"""

import os
import select
import time
import weakref
from collections.abc import Mapping
from typing import Any, Self

from dagster._serdes import ConfigurableClassData
from dagster_postgres import PostgresRunStorage
from dagster_postgres.utils import pg_url_from_config
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

_KEPT = 2
_OLDEST = 300
_RECENT = 1.0
_USED = "used"


def pooled(url: str) -> Engine:
    """An engine like Dagster's own, that keeps connections; one that broke is replaced unseen."""
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=_KEPT,
        max_overflow=-1,
        pool_recycle=_OLDEST,
        pool_use_lifo=True,
    )
    event.listen(engine, "checkin", _remember)
    event.listen(engine, "checkout", lambda kept, entry, _: _expect_alive(engine, kept, entry))
    held = weakref.ref(engine)

    def forget() -> None:
        """A forked process must not speak through its parent's connections."""
        if (inherited := held()) is not None:
            inherited.dispose(close=False)

    os.register_at_fork(after_in_child=forget)
    return engine


def _remember(_: Any, entry: ConnectionPoolEntry) -> None:
    entry.info[_USED] = time.monotonic()


def _expect_alive(engine: Engine, kept: Any, entry: ConnectionPoolEntry) -> None:
    """Raise `DisconnectionError`, by which the pool replaces it, for a connection that broke.

    Each is asked, which costs as much as a short query, unless it was used just now, as it is while
    steps run: a server that ended it since would have sent something.
    """
    used = entry.info.get(_USED)
    if used is None:
        return
    silent = select.poll()
    silent.register(kept.fileno(), select.POLLIN)
    if time.monotonic() - used < _RECENT and not silent.poll(0):
        return
    try:
        engine.dialect.do_ping(kept)
    except engine.dialect.loaded_dbapi.Error as error:
        raise DisconnectionError(str(error)) from None


class PooledPostgresRunStorage(PostgresRunStorage):
    """Dagster's run storage with connections that are kept."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        self._engine = pooled(postgres_url)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Make the storage that an instance's configuration names."""
        return cls(**configured(config_value), inst_data=inst_data)

    def dispose(self) -> None:
        """Give back the connections."""
        super().dispose()
        self._engine.dispose()


def configured(config_value: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a storage that its configuration says."""
    return {
        "postgres_url": pg_url_from_config(config_value),
        "should_autocreate_tables": config_value.get("should_autocreate_tables", True),
    }
