"""Incremental = full rebuild: whatever happened, in whichever order it was loaded.

The ordinary run plays the same histories every time. `make soak` plays thousands of new ones: as
many as `SOAK_HISTORIES` says, drawn from the number that is printed, or from `SOAK_SEED`.
"""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from shop_assets_tests.histories.comparison import Bench
from shop_assets_tests.histories.machine import Autumn, Histories, Spring

ORDINARY = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=51,
    stateful_step_count=11,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.no_cover
@pytest.mark.parametrize("season", [Spring, Autumn])
def test_after_any_history_the_warehouse_is_what_a_rebuild_makes(
    bench: Bench, season: type[Histories]
) -> None:
    Histories.bench = bench
    run_state_machine_as_test(season, settings=ORDINARY)


@pytest.mark.timeout(0)
@pytest.mark.soak
def test_after_thousands_of_histories_too(bench: Bench) -> None:
    Histories.bench = bench
    count = int(os.environ.get("SOAK_HISTORIES", "2000"))
    drawn = int(os.environ.get("SOAK_SEED") or random.randrange(2**32))
    print(f"\n{count} histories from SOAK_SEED={drawn}", flush=True)
    soaking = settings(ORDINARY, derandomize=False, max_examples=count, stateful_step_count=24)
    run_state_machine_as_test(seed(drawn)(Histories), settings=soaking)
