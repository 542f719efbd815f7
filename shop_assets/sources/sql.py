"""A database as a source: the rows of tables, views and queries, by the time of their last change.

A window is half-open on the cursor column; rows come ordered by the cursor and then the key, all
from one snapshot of the database. Rows whose cursor is null would never be read: `check` says so.
Without a cursor all rows are given, by their key, to be compared with those of the time before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy.engine import make_url

from shop_assets.settings.shop import SqlSource, SqlStream
from shop_assets.sources.addresses import refuse_link_local
from shop_assets.sources.clock import UTC_TIME, typed_times
from shop_assets.sources.databases import DatabaseReader
from shop_assets.sources.errors import SourceError
from shop_assets.sources.key_text import key_text
from shop_assets.sources.limits import Limits
from shop_assets.sources.postgres import PostgresReader
from shop_assets.sources.protocol import RESERVED, Batch, Compared, ReadRequest, StreamCheck, Window
from shop_assets.sources.sql_plan import (
    KeyPlan,
    Part,
    ReadPlan,
    Snapshot,
    SourceColumn,
    TableReader,
    relation_of,
)

_MOST_COUNTED = 1000


_ROUNDED = {"float4", "float8", "double"}


class SourceKeys:
    """A table's keys at one moment. `moment`: by the source's clock."""

    def __init__(self, snapshot: Snapshot, plan: KeyPlan) -> None:
        self._snapshot = snapshot
        self._plan = plan
        self.moment = snapshot.moment()

    def ranges(self, ranges: int) -> pa.Table | None:
        """`range`, `keys` and `checksum` of each range that has any; None if it can't be said."""
        return self._snapshot.key_ranges(self._plan, ranges)

    def keys(self, ranges: int, chosen: Sequence[int]) -> pa.ChunkedArray:
        """The keys of the chosen ranges; or all, where the source cannot tell ranges."""
        found = [
            chunk
            for part in self._snapshot.keys(self._plan, ranges, chosen)
            for chunk in part.chunks
        ]
        return pa.chunked_array(found, pa.string())


class OnceEach:
    """Sees to it that rows in the order of their keys have each key once, from part to part."""

    def __init__(self, plan: ReadPlan, where: str) -> None:
        self._plan = plan
        self._where = where
        self._last: str | None = None

    def refuse_repeated(self, rows: pa.Table) -> None:
        """`SourceError` where two rows after each other have the same key."""
        if not rows.num_rows:
            return
        keys = key_text(rows, self._plan.stream.key).combine_chunks()
        before = pa.concat_arrays(
            [pa.array([self._last], pa.string()), keys.slice(0, len(keys) - 1)]
        )
        again = keys.filter(pc.fill_null(pc.equal(keys, before), False))
        if len(again):
            raise SourceError(
                f"{self._where}: several rows of {self._plan.relation.label} have the same "
                f"{', '.join(self._plan.stream.key)}; a key of its own is expected for each"
            )
        self._last = keys[-1].as_py()


class SqlConnector:
    """Reads the streams of a `sql` source. Holds no connection between reads."""

    def __init__(self, name: str, source: SqlSource, *, base: Path) -> None:
        self._name = name
        self._source = source
        self._base = base
        self._limits = Limits()
        self._opened: TableReader | None = None

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        """Yield the rows of the window by cursor and key; see `Connector.read`."""
        stream = self._stream(request.stream)
        compared = self.compared(request)
        if stream.cursor is None and compared is None:
            return
        with self._reader().opened() as snapshot:
            columns = self._columns(snapshot, request.stream, stream)
            # A column that was dropped is missed by whoever needs it: the rest is read.
            problems = self._problems(request.stream, stream, columns, all_columns=False)
            if problems:
                raise SourceError(problems[0])
            known = {column.name: column for column in columns}
            wanted = {stream.cursor, *stream.key, *(stream.columns or ())}
            plan = ReadPlan(
                stream,
                relation_of(request.stream, stream),
                tuple(c for c in columns if stream.columns is None or c.name in wanted),
                None if stream.cursor is None else known[stream.cursor],
                request.window if compared is None else compared.window,
                ZoneInfo(stream.cursor_timezone or self._source.timezone),
            )
            moment = None if compared is None else compared.window.nearest(snapshot.moment())
            once = OnceEach(plan, self._reader().where)
            for part in snapshot.rows(plan):
                if compared is not None:
                    once.refuse_repeated(part.rows)
                rows = plan.provided(part, self._times(plan, part, moment))
                for first in range(0, rows.num_rows, self._limits.batch_rows):
                    yield Batch(rows.slice(first, self._limits.batch_rows))

    def compared(self, request: ReadRequest) -> Compared | None:
        """Rows of a stream without cursor are compared; see `Comparing.compared`."""
        stream = self._stream(request.stream)
        window = request.window
        if stream.cursor is not None:
            return None
        if stream.snapshot == "daily":
            if request.midnight is None:
                return None
            hour = request.midnight.replace(minute=0, second=0, microsecond=0)
            window = Window(hour, hour + timedelta(hours=1))
        return Compared(stream.key, window, complete=True, gone_limit=stream.sweep_limit)

    @contextmanager
    def keys(self, stream: str) -> Iterator[SourceKeys]:
        """The keys that a stream's table has now, all from one snapshot.

        Raises `SourceError` for a key that is not the same text wherever it is written.
        """
        settings = self._stream(stream)
        with self._reader().opened() as snapshot:
            columns = self._columns(snapshot, stream, settings)
            problems = self._problems(stream, settings, columns, all_columns=False)
            known = {column.name: column for column in columns}
            problems += [
                f"{self._reader().where}: the key {name!r} of stream {stream} is "
                f"{known[name].type}; a type without rounding is expected for a sweep"
                for name in settings.key
                if name in known and known[name].code in _ROUNDED
            ]
            if problems:
                raise SourceError(problems[0])
            plan = KeyPlan(
                relation_of(stream, settings), tuple(known[name] for name in settings.key)
            )
            yield SourceKeys(snapshot, plan)

    def check(self, stream: str) -> StreamCheck:
        """Connect and look at the table; see `Connector.check`."""
        settings = self._stream(stream)
        reader = self._reader()
        with reader.opened() as snapshot:
            columns = self._columns(snapshot, stream, settings)
            problems = self._problems(stream, settings, columns)
            if not problems and settings.cursor is not None:
                cursor = next(column for column in columns if column.name == settings.cursor)
                relation = relation_of(stream, settings)
                count = snapshot.without_time(relation, cursor, _MOST_COUNTED)
                if count:
                    many = f"{_MOST_COUNTED} or more" if count == _MOST_COUNTED else str(count)
                    problems.append(
                        f"{reader.where}: {many} rows of {relation.label} have no "
                        f"{settings.cursor} and would never be read; a time is expected in each"
                    )
        return StreamCheck(stream, {column.name: column.type for column in columns}, problems)

    def close(self) -> None:
        """Nothing is kept open between reads."""
        self._opened = None

    def _stream(self, name: str) -> SqlStream:
        try:
            return self._source.streams[name]
        except KeyError:
            raise SourceError(
                f"{self._name} has no stream {name!r}; "
                f"one of {', '.join(self._source.streams)} is expected"
            ) from None

    def _reader(self) -> TableReader:
        if self._opened is None:
            url = make_url(self._source.url)
            refuse_link_local(self._name, url.host or "")
            if url.get_backend_name() in ("postgresql", "postgres"):
                self._opened = PostgresReader(self._name, url, self._source)
            else:
                self._opened = DatabaseReader(self._name, url, self._source, base=self._base)
        return self._opened

    def _columns(self, snapshot: Snapshot, name: str, stream: SqlStream) -> list[SourceColumn]:
        columns = snapshot.columns(relation_of(name, stream))
        if not columns:
            raise SourceError(
                f"{self._reader().where}: there is no table or view {stream.table}, expected "
                f"one for stream {name} to read"
            )
        return columns

    def _problems(
        self,
        name: str,
        stream: SqlStream,
        columns: list[SourceColumn],
        *,
        all_columns: bool = True,
    ) -> list[str]:
        at = f"{self._reader().where}: {relation_of(name, stream).words}"
        known = {column.name: column for column in columns}
        has = f"it has {', '.join(known)}"
        problems = []
        if stream.cursor is None:
            pass
        elif stream.cursor not in known:
            problems.append(
                f"{at} has no column {stream.cursor!r}, the cursor of stream {name}; {has}"
            )
        elif known[stream.cursor].kind is None:
            problems.append(
                f"{at}: the cursor {stream.cursor!r} of stream {name} is "
                f"{known[stream.cursor].type}; a timestamp or date is expected"
            )
        problems += [
            f"{at} has no column {key!r}, a key of stream {name}; {has}"
            for key in stream.key
            if key not in known
        ]
        problems += [
            f"{at} has no column {column!r}, which stream {name} is to read; {has}"
            for column in stream.columns or ()
            if all_columns and column not in known
        ]
        cursor = () if stream.cursor is None else (stream.cursor,)
        taken = known if stream.columns is None else (*cursor, *stream.key, *stream.columns)
        problems += [
            f"{at} has a column {column!r}, a name kept for the platform's own column; "
            f"leave it out by `columns`"
            for column in taken
            if column in RESERVED
        ]
        return problems

    def _times(self, plan: ReadPlan, part: Part, moment: datetime | None) -> pa.Array:
        """When each row changed; without a cursor, the moment.

        `SourceError` for a cursor's text that says no time.
        """
        if plan.cursor is None:
            return pa.repeat(pa.scalar(moment, UTC_TIME), part.rows.num_rows)
        name = plan.cursor.name
        column = part.rows[name].combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0)
        times = typed_times(column, ("iso",), plan.zone)
        if times is None:
            raise TypeError(f"the cursor {name} came as {column.type}")
        if times.null_count:
            found = column.filter(pc.is_null(times))[0].as_py()
            raise SourceError(
                f"{self._reader().where}: {plan.relation.label}.{name} holds {str(found)[:60]!r}; "
                f"a time like 2026-01-31 08:30:00 is expected in a cursor"
            )
        return times
