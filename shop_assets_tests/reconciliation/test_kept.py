"""Differences are kept, and brought up to date: as if everything had been compared anew."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.compared_keys import BY_ORDER, BY_PAYOUT
from shop_assets_tests.histories.comparison import Bench
from shop_assets_tests.reconciliation.histories import PARTS, Books, life
from shop_assets_tests.warehouse.databases import copied

ORDINARY = 5
"""Histories of each part of the books in an ordinary run."""


@pytest.fixture(scope="module")
def bench(stack: Endpoints, warehouse_template: str) -> Iterator[Bench]:
    with copied(stack, warehouse_template) as url:
        made = Bench(url)
        yield made
        made.close()


def play(bench: Bench, seed: int, tables: tuple[str, ...]) -> None:
    """Let a history happen; each time that something is compared it is held to the whole."""
    bench.empty()
    books = Books(bench.warehouse)
    books.begin()
    about = BY_PAYOUT if "payouts" in tables else BY_ORDER
    for step in life(seed, tables):
        books.do(step, about)
    books.compare(*about)
    for name in about:
        assert books.compare(name, anew=True) == 0


@pytest.mark.no_cover
@pytest.mark.parametrize("tables", PARTS, ids="+".join)
def test_after_any_history_they_are_those_that_are_found_from_nothing(
    bench: Bench, tables: tuple[str, ...]
) -> None:
    for seed in range(ORDINARY):
        play(bench, seed, tables)


@pytest.mark.timeout(0)
@pytest.mark.soak
def test_after_thousands_of_histories_too(bench: Bench) -> None:
    count = int(os.environ.get("SOAK_HISTORIES", "2000"))
    drawn = int(os.environ.get("SOAK_SEED") or random.randrange(2**32))
    print(f"\n{count} histories of books from SOAK_SEED={drawn}", flush=True)
    for number in range(count):
        play(bench, drawn + number, PARTS[number % len(PARTS)])
