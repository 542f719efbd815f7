"""Written in bulk, the event log answers every question as Dagster's own does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance

from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.dagster_storage.conftest import OURS, STOCK, dagster
from shop_assets_tests.dagster_storage.history import QUESTIONS, play

# One worker plays the history that all questions are asked of.
pytestmark = pytest.mark.xdist_group("same_answers")
Played = tuple[DagsterInstance, dict[str, str]]


@pytest.fixture(scope="module")
def stock(stack: Endpoints, homes: tuple[Path, Path]) -> Iterator[Played]:
    with dagster(stack, homes[0], STOCK, "0") as instance:
        yield instance, play(instance)


@pytest.fixture(scope="module")
def ours(stack: Endpoints, homes: tuple[Path, Path]) -> Iterator[Played]:
    with dagster(stack, homes[1], OURS, "1000") as instance:
        yield instance, play(instance)


@pytest.mark.parametrize("question", list(QUESTIONS))
def test_both_give_the_same_answer(stock: Played, ours: Played, question: str) -> None:
    ask: Any = QUESTIONS[question]
    expected = ask(*stock)
    assert expected
    assert ask(*ours) == expected
