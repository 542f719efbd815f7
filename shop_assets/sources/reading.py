"""Reading a window to its end, across interruptions that its connector can go on from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pyarrow as pa

from shop_assets.sources.errors import SourceError
from shop_assets.sources.protocol import Batch, Connector, ReadRequest


class Tables(Protocol):
    """What keeps batches: a list does, in memory."""

    def append(self, table: pa.Table, /) -> None:
        """Add a batch's rows."""
        ...

    def __delitem__(self, which: slice, /) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[pa.Table]: ...


@dataclass
class Gathered:
    """The batches of a window, and the checkpoint after them; None where there is none."""

    batches: Tables = field(default_factory=list)
    checkpoint: Mapping[str, Any] | None = None


def gather(
    connector: Connector,
    request: ReadRequest,
    keep: Callable[[Batch], pa.Table] | None = None,
    into: Tables | None = None,
) -> Gathered:
    """Read the whole window; of each batch what `keep` gives back, `into` what keeps it.

    A read that breaks with a transient `SourceError` goes on from its newest checkpoint, as long as
    each attempt gets further than the one before; what came after that checkpoint is read again.
    """
    found = Gathered() if into is None else Gathered(into)
    while True:
        kept = len(found.batches)
        try:
            for batch in connector.read(request):
                found.batches.append(batch.rows if keep is None else keep(batch))
                if batch.checkpoint is not None:
                    found.checkpoint = batch.checkpoint
                    kept = len(found.batches)
        except SourceError as error:
            further = found.checkpoint is not None and found.checkpoint != request.checkpoint
            if not (error.transient and further):
                raise
            del found.batches[kept:]
            request = replace(request, checkpoint=found.checkpoint)
        else:
            return found
