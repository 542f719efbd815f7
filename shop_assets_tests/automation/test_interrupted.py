"""Ctrl-C ends a load, and is no failed step that is tried again."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from dagster import RetryPolicy, job, op

from shop_assets.backfill import beside_signals

begun = threading.Event()
released = threading.Event()


@op(retry_policy=RetryPolicy(max_retries=2))
def waits() -> None:
    begun.set()
    released.wait(20)


@job
def waiting() -> None:
    waits()


def test_a_signal_reaches_the_command_while_a_step_is_under_way() -> None:
    begun.clear()
    released.clear()
    # Workers of a test run ignore the signal; a command does not.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=_interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            beside_signals(waiting.execute_in_process)
    finally:
        signal.signal(signal.SIGINT, before)
    assert not released.is_set(), "it waits for nothing"
    released.set()


def test_a_command_that_handles_signals_ends_after_the_step() -> None:
    begun.clear()
    released.clear()
    heard: list[int] = []

    def hear(number: int, _: object) -> None:
        heard.append(number)
        released.set()

    before = signal.signal(signal.SIGINT, hear)
    try:
        threading.Thread(target=_interrupt, daemon=True).start()
        assert beside_signals(waiting.execute_in_process).success
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


def test_what_goes_wrong_in_it_is_raised() -> None:
    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        beside_signals(fails)


def _interrupt() -> None:
    assert begun.wait(20)
    os.kill(os.getpid(), signal.SIGINT)
