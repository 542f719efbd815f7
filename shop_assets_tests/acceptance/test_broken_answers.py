"""No answer that is cut, empty, strange or repeated loses a row without a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from shop_assets.demo.apis.faults import Call, Faults
from shop_assets.sources.errors import SourceError
from shop_assets_tests.acceptance.http_source import places, without
from shop_assets_tests.acceptance.reading import attempt, expect_rows, expect_rows_or_error, read
from shop_assets_tests.acceptance.subject import At, needs

SHARES = [0.0, 0.1, 0.5, 0.99]
MOST_CALLS = 300
STRANGE = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b'"text"',
    b"[1, 2]",
    b"<!DOCTYPE html><title>Checking your browser</title>",
    b"\xff\xfe\x00",
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
@pytest.mark.parametrize("share", SHARES)
def test_a_connection_that_breaks_in_each_answer(at: At, share: float) -> None:
    at.pages()
    at.faults.cut(share, matches=first_times(), times=None)
    expect_rows(read(at, retry_budget_seconds=60), at.truth())


@needs("http")
@pytest.mark.parametrize("share", SHARES)
def test_an_answer_that_ends_early_as_if_it_were_whole(at: At, share: float) -> None:
    at.pages()
    for number in range(calls_of(at)):
        at.faults.clear()
        at.faults.shorten(share, skip=number)
        expect_rows_or_error(attempt(at), at.truth())


@needs("http")
@pytest.mark.parametrize("body", STRANGE)
def test_a_strange_answer_to_each_call(at: At, body: bytes) -> None:
    at.pages(1.4)
    for number in range(calls_of(at)):
        at.faults.clear()
        at.faults.answer(200, body, skip=number)
        expect_rows_or_error(attempt(at), at.truth())


@needs("http")
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>"])
def test_a_server_that_always_answers_so_is_an_error(at: At, body: bytes) -> None:
    at.pages(0.1)
    assert at.truth()
    at.faults.answer(200, body, times=None)
    assert isinstance(attempt(at, retry_budget_seconds=0.1), SourceError)


@needs("http")
@pytest.mark.parametrize("value", ["absent", None, "x", 0], ids=["absent", "null", "text", "zero"])
def test_each_part_of_an_answers_envelope_is_looked_at(at: At, value: Any) -> None:
    """A missing list, a missing word on whether there are more: never the end of the rows."""
    at.pages(1.4)
    bodies = answers(at)
    truth = at.truth()
    for number, body in enumerate(bodies):
        for place in parts(body):
            at.faults.clear()
            given = () if value == "absent" else (value,)
            at.faults.change(partial(without, place, *given), skip=number, times=None)
            outcome = attempt(at, retry_budget_seconds=0.05)
            if not isinstance(outcome, SourceError):
                lost = truth - outcome.rows
                assert not lost or outcome.broken, f"{place} of call {number}: {lost.total()} lost"
                assert not outcome.rows - truth, f"{place} of call {number}"


@needs("http")
def test_every_answer_delivered_twice_doubles_nothing(at: At) -> None:
    at.pages()
    for number in range(1, calls_of(at)):
        at.faults.clear()
        at.faults.repeat(skip=number)
        expect_rows_or_error(attempt(at), at.truth())


@needs("http")
def test_an_answer_that_comes_again_and_again_ends_the_read(at: At) -> None:
    """A cursor that does not move on is no endless loop."""
    at.pages()
    if calls_of(at) < 2:
        return
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
