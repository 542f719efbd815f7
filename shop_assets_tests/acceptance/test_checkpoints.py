"""A read goes on from each of its checkpoints, and is led astray by none that is not its own."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from shop_assets.sources.errors import SourceError
from shop_assets.sources.protocol import Connector, ReadRequest, Window
from shop_assets.sources.reading import gather
from shop_assets_tests.acceptance.reading import attempt, expect_rows, expect_rows_or_error, read
from shop_assets_tests.acceptance.subject import HOUR, NEXT, At, Seen, needs, representative

EARLIER = Window(HOUR.start - (HOUR.end - HOUR.start), HOUR.start)


@needs("checkpoints")
def test_a_read_goes_on_from_each_of_its_checkpoints(at: At) -> None:
    at.pages()
    whole = read(at)
    assert len(whole.checkpoints) > 1
    for batches, checkpoint in whole.checkpoints:
        if checkpoint.get("position") is None:
            continue
        kept = read(at, checkpoint=_stored(checkpoint))
        before = Counter[Seen]()
        for batch in whole.batches[:batches]:
            before.update(at.seen(batch))
        kept.rows += before
        expect_rows(kept, at.truth())


@needs("http")
@representative
def test_pages_are_read_once_however_often_the_read_breaks(at: At) -> None:
    """Each page is asked for in vain often enough to use up the read's budget."""
    at.pages()
    asked: dict[tuple[str, str, bytes], int] = {}

    def every_call_twice(call: Any) -> bool:
        key = (call.path, json.dumps(dict(call.query), sort_keys=True), call.body)
        asked[key] = asked.get(key, 0) + 1
        return asked[key] <= 2

    at.faults.answer(503, matches=every_call_twice, times=None)
    reader = at.connector(retry_budget_seconds=0.0001)
    rows = _rows_in_the_end(at, reader)
    assert rows == at.truth()


@needs("checkpoints")
@representative
def test_a_checkpoint_goes_through_storage_as_it_is(at: At) -> None:
    at.pages(1.2)
    kept = read(at).checkpoints
    assert kept
    for _, checkpoint in kept:
        assert _stored(checkpoint) == checkpoint


@needs("windows", "checkpoints")
def test_a_checkpoint_from_the_future_loses_nothing(at: At) -> None:
    at.pages(1.2)
    at.put([NEXT.start + (NEXT.end - NEXT.start) / 4])
    for _, checkpoint in read(at, NEXT).checkpoints:
        expect_rows(read(at, checkpoint=_stored(checkpoint)), at.truth())


@needs("windows", "checkpoints")
@representative
def test_a_checkpoint_of_the_hour_before_loses_nothing(at: At) -> None:
    at.pages(1.2)
    at.put([EARLIER.start, HOUR.start - at.subject.resolution])
    for _, checkpoint in read(at, EARLIER).checkpoints:
        expect_rows(read(at, checkpoint=_stored(checkpoint)), at.truth())


@needs("checkpoints")
def test_a_checkpoint_of_another_stream_loses_nothing(at: At) -> None:
    at.pages(1.2)
    for other in at.subject.streams:
        if other == at.stream:
            continue
        at.source.fill(other, 3)
        reader = at.connector()
        for batch in reader.read(ReadRequest(other, HOUR)):
            if batch.checkpoint is not None:
                expect_rows(read(at, checkpoint=_stored(batch.checkpoint)), at.truth())


GARBAGE: list[dict[str, Any]] = [
    {},
    {"start": 1, "end": None},
    {"start": "soon", "end": "later", "position": {}, "memory": {}},
    {"position": {"after": "x"}, "memory": {"seen": []}},
]


@representative
def test_a_checkpoint_that_is_none_loses_nothing(at: At) -> None:
    at.pages(0.1)
    for garbage in GARBAGE:
        expect_rows(read(at, checkpoint=garbage), at.truth())


@representative
def test_a_checkpoint_with_wrong_values_loses_nothing(at: At) -> None:
    at.pages(0.1)
    for part, window in (("position", HOUR), ("memory", EARLIER)):
        own: dict[str, Any] = {
            "stream": at.stream,
            "start": window.start.isoformat(),
            "end": window.end.isoformat(),
            "position": None,
            "memory": None,
        }
        for value in ("x", [1], {"x": 1}):
            outcome = attempt(at, checkpoint={**own, part: value})
            expect_rows_or_error(outcome, at.truth())


@needs("checkpoints")
@representative
def test_checkpoints_hold_little(at: At) -> None:
    """They are written to the warehouse with each load."""
    at.pages()
    kept = read(at).checkpoints
    assert kept
    for _, checkpoint in kept:
        assert len(json.dumps(checkpoint)) < 100_000


def _rows_in_the_end(at: At, reader: Connector) -> Counter[Seen]:
    for _ in range(200):
        with contextlib.suppress(SourceError):
            found = gather(reader, ReadRequest(at.stream, HOUR))
            return Counter(seen for batch in found.batches for seen in at.seen(batch))
    raise AssertionError("the read never came to its end")


def _stored(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """As it comes back from the warehouse."""
    found: dict[str, Any] = json.loads(json.dumps(checkpoint))
    return found


@representative
def test_rows_do_not_depend_on_where_batches_end(at: At) -> None:
    at.pages(1.1)
    tables = read(at).batches
    assert all(isinstance(each, pa.Table) for each in tables)
    assert max((each.num_rows for each in tables), default=0) <= 65_536
