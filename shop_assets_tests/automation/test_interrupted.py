"""Ctrl-C ends a load, and is no failed step that is tried again, nor a lost signal."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from adbc_driver_postgresql import dbapi
from dagster import RetryPolicy, job, op

from shop_assets.signals import asked_to_stop, beside_signals
from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.warehouse.databases import admin_url

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


def test_a_statement_of_the_simulated_shop_neither_ends_by_a_signal_nor_loses_it(
    stack: Endpoints,
) -> None:
    begun.clear()

    def read() -> object:
        with dbapi.connect(admin_url(stack)) as connection, connection.cursor() as cursor:
            begun.set()
            cursor.execute("SELECT pg_sleep(1)::text")
            return cursor.fetchone()

    with asked_to_stop() as stopping:
        threading.Thread(target=_interrupt, args=(0.3,), daemon=True).start()
        assert beside_signals(read) == ("",)
        assert stopping.asked


def _interrupt(after: float = 0.0) -> None:
    assert begun.wait(20)
    time.sleep(after)
    os.kill(os.getpid(), signal.SIGINT)
