"""No answer that is cut, empty, strange or repeated loses a row without a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

from shop_assets.demo.apis.faults import Call, Faults
from shop_assets.sources.errors import SourceError
from shop_assets_tests.acceptance.http_source import places, without
from shop_assets_tests.acceptance.reading import attempt, expect_rows, expect_rows_or_error, read
from shop_assets_tests.acceptance.subject import At, needs, representative

SHARES = [0.0, 0.1, 0.5, 0.99]
MOST_CALLS = 100
STRANGE = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b"[1, 2]",
    b"<!DOCTYPE html><title>Checking your browser</title>",
]


def first_times() -> Callable[[Call], bool]:
    """Match each different call when it comes for the first time."""
    known: set[tuple[str, str, bytes]] = set()

    def matches(call: Call) -> bool:
        this = (call.path, json.dumps(dict(call.query), sort_keys=True), call.body)
        known_already = this in known
        known.add(this)
        return not known_already

    return matches


def calls_of(at: At) -> int:
    """How many calls a read makes that nothing disturbs."""
    at.faults.clear()
    expect_rows(read(at), at.truth())
    made = len(at.faults.calls)
    at.faults.clear()
    return made


@needs("http")
@representative
def test_a_connection_that_breaks_in_each_answer(at: At) -> None:
    at.pages()
    for share in SHARES:
        at.faults.clear()
        at.faults.cut(share, matches=first_times(), times=None)
        expect_rows(read(at, retry_budget_seconds=60), at.truth())


@needs("http")
@representative
def test_an_answer_that_ends_early_as_if_it_were_whole(at: At) -> None:
    at.pages()
    for number in range(calls_of(at)):
        for share in (0.1, 0.99):
            at.faults.clear()
            at.faults.shorten(share, skip=number)
            expect_rows_or_error(attempt(at), at.truth())


@needs("http")
@representative
def test_a_strange_answer_to_each_call(at: At) -> None:
    at.pages(1.4)
    for number in range(calls_of(at)):
        for body in STRANGE:
            at.faults.clear()
            at.faults.answer(200, body, skip=number)
            expect_rows_or_error(attempt(at), at.truth())


@needs("http")
@representative
def test_a_server_that_always_answers_so_is_an_error(at: At) -> None:
    at.pages(0.1)
    assert at.truth()
    for body in STRANGE:
        # An empty list may be the answer of a shop without rows.
        if body != b"[]":
            at.faults.clear()
            at.faults.answer(200, body, times=None)
            assert isinstance(attempt(at, **at.hurried()), SourceError), body


@needs("http")
@representative
def test_each_part_of_an_answers_envelope_is_looked_at(at: At) -> None:
    """A missing list, a missing word on whether there are more: never the end of the rows."""
    at.pages(1.4)
    bodies = answers(at)
    truth = at.truth()
    known: set[tuple[str, ...]] = set()
    for number, body in enumerate(bodies):
        last = number == len(bodies) - 1
        for place in parts(body):
            # What a part means is the same in all answers, but for the last one.
            if place in known and not last:
                continue
            known.add(place)
            for given in ((), (None,)):
                at.faults.clear()
                at.faults.change(partial(without, place, *given), skip=number, times=None)
                outcome = attempt(at, retry_budget_seconds=0.05)
                if not isinstance(outcome, SourceError):
                    lost = truth - outcome.rows
                    what = f"{place} of call {number} as {given}"
                    assert not lost or outcome.broken, f"{what}: {lost.total()} lost"
                    assert not outcome.rows - truth, what


@needs("http")
@representative
def test_every_answer_delivered_twice_doubles_nothing(at: At) -> None:
    at.pages()
    for number in range(1, calls_of(at)):
        at.faults.clear()
        at.faults.repeat(skip=number)
        expect_rows_or_error(attempt(at), at.truth())


@needs("http")
@representative
def test_an_answer_that_comes_again_and_again_ends_the_read(at: At) -> None:
    """A cursor that does not move on is no endless loop."""
    at.pages()
    assert calls_of(at) > 1
    at.faults.repeat(matches=lambda call: call.number < MOST_CALLS, skip=1, times=None)
    at.faults.answer(401, matches=lambda call: call.number >= MOST_CALLS, times=None)
    expect_rows_or_error(attempt(at, retry_budget_seconds=0.5), at.truth())
    assert len(at.faults.calls) < MOST_CALLS


def answers(at: At) -> list[bytes]:
    """What the source answers to the calls of a read, in their order."""
    taken: list[bytes] = []

    def kept(body: bytes) -> bytes:
        taken.append(body)
        return body

    faults: Faults = at.faults
    faults.clear()
    faults.change(kept, times=None)
    expect_rows(read(at), at.truth())
    faults.clear()
    return taken


def parts(body: bytes) -> list[tuple[str, ...]]:
    """The places in the envelope of an answer; none of one that is no JSON object."""
    try:
        return places(json.loads(body))
    except ValueError:
        return []
