"""A source that refuses is asked again, as it wishes and not for ever."""

from __future__ import annotations

import time
from email.utils import format_datetime

from shop_assets.sources.errors import SourceError
from shop_assets_tests.acceptance.reading import attempt, expect_rows, read
from shop_assets_tests.acceptance.subject import NOW, At, needs, representative
from shop_assets_tests.acceptance.test_broken_answers import calls_of, first_times


@needs("http")
@representative
def test_each_call_is_made_again_once_it_is_refused(at: At) -> None:
    at.pages()
    for status in (429, 500, 503):
        at.faults.clear()
        at.faults.answer(status, b'{"error": "not now"}', matches=first_times(), times=None)
        expect_rows(read(at), at.truth())


@needs("http")
@representative
def test_refusals_that_are_no_json_are_refusals(at: At) -> None:
    at.pages(1.4)
    at.faults.answer(503, b"<html>busy</html>", matches=first_times(), times=None)
    expect_rows(read(at), at.truth())


@needs("http")
@representative
def test_the_source_is_left_alone_as_long_as_it_says(at: At) -> None:
    at.pages(0.1)
    later = format_datetime(NOW.replace(second=1), usegmt=True)
    for after in ("1", later):
        at.faults.clear()
        at.faults.answer(429, b"{}", headers={"retry-after": after})
        began = time.monotonic()
        expect_rows(read(at), at.truth())
        assert 1.0 <= time.monotonic() - began < 10


@needs("http")
@representative
def test_a_wait_that_is_longer_than_the_budget_is_an_error_at_once(at: At) -> None:
    at.pages(0.1)
    at.faults.answer(429, b"{}", headers={"retry-after": "86400"}, times=None)
    began = time.monotonic()
    outcome = attempt(at, retry_budget_seconds=5)
    assert isinstance(outcome, SourceError)
    assert outcome.transient
    assert time.monotonic() - began < 4


@needs("http")
@representative
def test_an_answer_that_does_not_come_in_time_is_asked_for_again(at: At) -> None:
    at.pages(1.4)
    number = calls_of(at)
    at.faults.stall(1.0, skip=number - 1)
    began = time.monotonic()
    expect_rows(read(at, timeout_seconds=0.3), at.truth())
    assert time.monotonic() - began >= 0.3


@needs("http")
@representative
def test_a_source_that_refuses_for_good_is_one_transient_error(at: At) -> None:
    at.pages(0.1)
    for status in (429, 500):
        at.faults.clear()
        at.faults.answer(status, b'{"error": "never"}', times=None)
        began = time.monotonic()
        outcome = attempt(at, retry_budget_seconds=0.4)
        assert isinstance(outcome, SourceError)
        assert outcome.transient
        assert str(status) in str(outcome)
        assert time.monotonic() - began < 5
        assert len(at.faults.calls) > 1


@needs("http")
@representative
def test_a_source_that_answers_no_more_is_one_transient_error(at: At) -> None:
    at.pages(0.1)
    at.faults.stall(3, times=None)
    began = time.monotonic()
    outcome = attempt(at, retry_budget_seconds=0.1, timeout_seconds=0.2)
    assert isinstance(outcome, SourceError)
    assert outcome.transient
    assert time.monotonic() - began < 8


@needs("http")
@representative
def test_a_key_that_is_refused_is_an_error_that_waiting_does_not_cure(at: At) -> None:
    at.pages(0.1)
    for status in (401, 403):
        at.faults.clear()
        at.faults.answer(status, b'{"error": "no"}', times=None)
        outcome = attempt(at)
        assert isinstance(outcome, SourceError)
        assert not outcome.transient
        assert len(at.faults.calls) == 1


@needs("http")
@representative
def test_a_call_that_is_redirected_is_an_error(at: At) -> None:
    at.pages(0.1)
    at.faults.answer(302, b"", headers={"location": "http://127.0.0.1:9/other"}, times=None)
    outcome = attempt(at)
    assert isinstance(outcome, SourceError)
