"""What a check found, and how long it took: of one look, and of many."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from dagster import AssetCheckSeverity

from shop_assets.assets.clean import cleaned_rows
from shop_assets.checks.outcome import Outcome, Stopwatch, timed, together
from shop_assets.entities import ENTITIES
from shop_assets.errors import UserError
from shop_assets.transforms.judge import judge, map_rows
from shop_assets.transforms.parts import Parts
from shop_assets_tests.histories import configuration
from shop_assets_tests.histories.configuration import settings_with
from shop_assets_tests.transforms.raw_rows import load, read

ERROR = AssetCheckSeverity.ERROR
ROW = dict.fromkeys(("product_id", "name", "category"), "x")
ROW |= dict.fromkeys(("created_at", "changed"), "2026-05-04T09:00Z") | {"deleted": "false"}


def test_a_stopwatch_counts_what_is_within_it_and_all_of_its_times() -> None:
    spent = Stopwatch()
    for _ in range(2):
        with spent:
            time.sleep(0.02)
        time.sleep(0.5)
    assert 0.04 <= spent.seconds < 1


def test_an_outcome_tells_how_long_it_took_and_is_else_the_same() -> None:
    @timed
    def judge(check: str, *, failed: bool) -> Outcome:
        time.sleep(0.02)
        return Outcome(check, ERROR, whole_failed=failed)

    found = judge("c", failed=True)
    assert found == Outcome("c", ERROR, whole_failed=True)
    assert found.seconds >= 0.02


def test_of_outcomes_of_parts_counts_and_seconds_are_summed() -> None:
    parts = [
        Outcome("c", ERROR, {"h1": {"failures": 1}}, {"rows": 2, "sample": "x"}, seconds=0.5),
        Outcome("c", ERROR, {"h1": {"failures": 3}}, {"rows": 5, "sample": "y"}, True, 0.25),
    ]
    found = together(parts)
    expected = Outcome("c", ERROR, {"h1": {"failures": 4}}, {"rows": 7, "sample": "x"}, True)
    assert found == expected
    assert found.seconds == 0.75


def test_a_rule_that_sets_what_cannot_be_is_told_as_a_mistake_of_its_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unfit = ("products", "when: {category: {is: x}}, set: {version_at: soon}")
    monkeypatch.setitem(configuration.RULES, "unfit", unfit)
    settings = settings_with(frozenset({"unfit"}))
    raw = {("shop", "products"): Parts.of(load(read([ROW])))}
    with pytest.raises(UserError, match=r"sources\.shop\.streams\.products: 'soon', to which rule"):
        cleaned_rows(settings, ENTITIES["products"], raw, 1)


def test_the_contract_of_cleaned_rows_counts_the_judging_of_each_row_and_not_the_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slow(work: Callable[..., Any], seconds: float) -> Callable[..., Any]:
        def slower(*arguments: Any, **named: Any) -> Any:
            time.sleep(seconds)
            return work(*arguments, **named)

        return slower

    monkeypatch.setattr("shop_assets.assets.clean.judge", slow(judge, 0.2))
    monkeypatch.setattr("shop_assets.assets.clean.map_rows", slow(map_rows, 2))
    raw = {("shop", "products"): Parts.of(load(read([ROW])))}
    made, contract = cleaned_rows(settings_with(frozenset()), ENTITIES["products"], raw, 1)
    assert [part.num_rows for part in made.published.each()] == [1]
    assert 0.2 <= contract.seconds < 2
