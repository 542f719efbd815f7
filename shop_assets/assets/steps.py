"""How an asset's function becomes a step: its value kept, its faults retried, mistakes not."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from dagster import Backoff, Failure, Jitter, RetryPolicy

from shop_assets.errors import UserError

Compute = TypeVar("Compute", bound=Callable[..., Any])

RETRIES = RetryPolicy(max_retries=2, delay=5, backoff=Backoff.EXPONENTIAL, jitter=Jitter.PLUS_MINUS)
"""For what may pass by itself: a lost connection, a deadlock, a server that restarts."""

_MISTAKE = "users_mistake"
_LONGEST = frozenset({"web_events", "web_activity"})


def priority(*tables: str) -> dict[str, str]:
    """The op tags of a step of these entities or tables.

    Of the steps that are ready, those of web events begin first: they are twenty times as many as
    orders, so that nothing takes longer than one after the other of theirs.
    """
    return {"dagster/priority": "1"} if _LONGEST.intersection(tables) else {}


def step(compute: Compute) -> Compute:
    """Make an asset's function fit to be a Dagster step.

    A `UserError` fails the step with its sentence, and is retried only where it says that it is
    transient. The return annotation is hidden from Dagster, which takes an asset with checks that
    is annotated `MaterializeResult` for one without a value, and would not call its IO manager.
    """

    if inspect.isgeneratorfunction(compute):

        @functools.wraps(compute)
        def run(*arguments: Any, **named: Any) -> Any:
            with _mistakes_told():
                yield from compute(*arguments, **named)

    else:

        @functools.wraps(compute)
        def run(*arguments: Any, **named: Any) -> Any:
            with _mistakes_told():
                return compute(*arguments, **named)

    run.__annotations__ = {k: v for k, v in compute.__annotations__.items() if k != "return"}
    return cast("Compute", run)


@contextmanager
def _mistakes_told() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise Failure(
            str(error),
            metadata={_MISTAKE: True},
            allow_retries=bool(getattr(error, "transient", False)),
        ) from error


def is_users_mistake(failure: Any) -> bool:
    """Whether a step's failure (Dagster's `user_failure_data`) says what the user can put right."""
    return _MISTAKE in failure.metadata
