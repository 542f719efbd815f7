"""What every connector does: read a window of one stream, in batches, and say where each row stood.

A connector gives what the source says, without interpreting it: columns as the source names and
types them, beside five columns of provenance. What a row means is decided later, by the mapping
(`shop_assets.settings.mapping`).

Paging, rate limits and checkpoints are the connector's own business behind `read`: it yields
batches as they come (a page, a file, 64k rows of a cursor), so that memory stays bounded, and may
put a `checkpoint` on a batch, which is stored together with the data and given back as
`ReadRequest.checkpoint` when the same window is read again or the next one is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

PROVENANCE = pa.schema(
    [
        pa.field("_change_time", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("_position", pa.string(), nullable=False),
        pa.field("_delivery", pa.string(), nullable=False),
        pa.field("_error", pa.string()),
        pa.field("_line", pa.string()),
    ]
)
"""The columns that every batch carries beside the source's own.

`_change_time`: when the source changed or received the row, UTC. `_position`: where it stood
(`orders_2026.csv.gz:118`, or the table and key). `_delivery`: the file (or page) that brought it,
'' where the source has none. `_error` and `_line`: for a row that could not be decoded, why, and
its text as far as it could be read (its own columns are null then).
"""

RESERVED = frozenset(
    {
        *PROVENANCE.names,
        *("_hour", "_date", "_row_hash", "_load_id", "_extracted_at", "_deleted", "_lacking"),
    }
)
"""Names that the platform keeps for columns of its own; no column of a source may have one."""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Window:
    """A half-open span of time `[start, end)`, both aware and UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None or self.end.utcoffset() is None:
            raise ValueError("a window's ends must have a time zone")
        if self.start > self.end:
            raise ValueError(f"a window cannot end ({self.end}) before it starts ({self.start})")

    def nearest(self, moment: datetime) -> datetime:
        """The moment, if the window has it, else the nearest to it, to the second.

        What is found by comparing is dated so: a second is left for what is found later.
        """
        return max(self.start, min(moment, self.end - _SECOND))


@dataclass(frozen=True)
class ReadRequest:
    """What to read: the rows of `stream` whose change time is in `window`."""

    stream: str
    window: Window
    checkpoint: Mapping[str, Any] | None = None
    midnight: datetime | None = None
    """The last of the shop's midnights in the window, if any: for what is done once a day."""


@dataclass(frozen=True)
class Compared:
    """That a read's rows are to be compared with what was read before; only changed ones are kept.

    `key`: the columns that name a row. `window`: within the request's, where the change times of
    what is found changed now lie (see `Window.nearest`). `complete`: whether the read gives every
    row there is, so that one that is missing is gone; not where more than `gone_limit` (a share) of
    those known are missing at once. `within`: the first columns of `key`, which name a parent, if
    batches say of which parents they have every row (`Batch.wholes`).

    A row with a time of its own keeps it, as far as its key has no later one yet. Raises
    `ValueError` where `within` does not begin the key, or is all of it.
    """

    key: tuple[str, ...]
    window: Window
    complete: bool
    gone_limit: float = 0.1
    within: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.within != self.key[: len(self.within)] or len(self.within) >= len(self.key):
            raise ValueError(f"{self.within} does not begin the key {self.key}")


@dataclass(frozen=True)
class Batch:
    """Some rows, in the source's columns and `PROVENANCE`; and the checkpoint after them.

    `wholes`: the parents (columns of `Compared.within`, and as `_change_time` when each changed)
    of which `rows` has every row that there is, each with its key, or of which there is none.
    """

    rows: pa.Table
    checkpoint: Mapping[str, Any] | None = None
    wholes: pa.Table | None = None


@dataclass(frozen=True)
class StreamCheck:
    """What `Connector.check` found of a stream: its columns (name to type), and what is missing."""

    stream: str
    columns: Mapping[str, str]
    problems: list[str] = field(default_factory=list)


class Connector(Protocol):
    """A source system of a known kind."""

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        """Yield every row of the window exactly once, in batches of bounded size.

        Raises `SourceError` when the source cannot be read to the window's end; whatever was
        yielded before is then to be thrown away by the caller.
        """
        ...

    def check(self, stream: str) -> StreamCheck:
        """Connect, look at the stream, read no rows beyond a sample; `SourceError` if it can't."""
        ...

    def close(self) -> None:
        """Give back connections and caches."""
        ...


@runtime_checkable
class Comparing(Protocol):
    """A connector that has streams whose rows do not say when they changed."""

    def compared(self, request: ReadRequest) -> Compared | None:
        """How the rows that `read` gives for this request are to be compared; None if they aren't.

        Asked before each read, of each stream. Connects to nothing.
        """
        ...
