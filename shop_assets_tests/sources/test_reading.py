"""A window is read to its end across interruptions, as long as each attempt gets further."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from shop_assets.sources.checkpoints import checkpoint, position
from shop_assets.sources.errors import SourceError
from shop_assets.sources.objects import table
from shop_assets.sources.protocol import Batch, ReadRequest, StreamCheck
from shop_assets.sources.reading import Tables, gather
from shop_assets_tests.sources.reading import hour

WINDOW = hour("2026-01-01T08:00")
REQUEST = ReadRequest("rows", WINDOW)


def rows(*ids: int) -> pa.Table:
    """A batch of rows with these ids."""
    at = [datetime(2026, 1, 1, 8, tzinfo=UTC)] * len(ids)
    return table(
        [{"id": n} for n in ids], {"id": "id"}, changed=at, positions=[str(n) for n in ids]
    )


class Broken:
    """Gives ids 0 to 5 in twos and breaks before those named, once for each time named."""

    def __init__(self, breaks: list[int], *, checkpoints: bool = True, transient: bool = True):
        self.breaks, self.checkpoints, self.transient = breaks, checkpoints, transient
        self.starts: list[int] = []

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        start = int((position(request) or {}).get("next", 0))
        self.starts.append(start)
        for number in range(start, 6, 2):
            yield Batch(rows(number))
            if number in self.breaks:
                self.breaks.remove(number)
                raise SourceError("shop: broken", transient=self.transient)
            kept = checkpoint(request, position={"next": number + 2})
            yield Batch(rows(number + 1), kept if self.checkpoints else None)

    def check(self, stream: str) -> StreamCheck:
        return StreamCheck(stream, {})

    def close(self) -> None:
        """Nothing to give back."""


def ids(batches: Tables) -> list[int]:
    return [int(text) for batch in batches for text in batch["id"].to_pylist()]


def test_what_came_after_the_newest_checkpoint_is_read_again() -> None:
    source = Broken([2, 4])
    found = gather(source, REQUEST)
    assert ids(found.batches) == [0, 1, 2, 3, 4, 5]
    assert source.starts == [0, 2, 4]
    assert found.checkpoint is not None
    assert found.checkpoint["position"] == {"next": 6}


def test_a_read_that_gets_no_further_is_an_error() -> None:
    source = Broken([2, 2])
    with pytest.raises(SourceError, match="broken"):
        gather(source, REQUEST)
    assert source.starts == [0, 2]


def test_a_read_that_begins_to_fail_at_once_is_an_error() -> None:
    with pytest.raises(SourceError):
        gather(Broken([0]), REQUEST)


def test_a_read_without_checkpoints_is_not_gone_on_with() -> None:
    with pytest.raises(SourceError):
        gather(Broken([2], checkpoints=False), REQUEST)


def test_an_error_that_stays_is_not_tried_again() -> None:
    source = Broken([2], transient=False)
    with pytest.raises(SourceError):
        gather(source, REQUEST)
    assert source.starts == [0]
