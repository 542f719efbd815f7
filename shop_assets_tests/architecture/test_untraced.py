"""Tests that are not to be traced are not, by anything: of many examples, tracing takes longer."""

from __future__ import annotations

import os

import pytest
from coverage import Coverage


def traced() -> list[bool]:
    """Whether this process is traced for coverage, and whether one is that it starts."""
    return [Coverage.current() is not None, "COVERAGE_PROCESS_CONFIG" in os.environ]


@pytest.fixture
def traced_before() -> list[bool]:
    return traced()


@pytest.mark.no_cover
def test_neither_an_untraced_test_nor_what_it_needs_or_starts_is_traced(
    traced_before: list[bool],
) -> None:
    assert traced_before == traced() == [False, False]


def test_another_test_is_traced_where_coverage_is_asked_for(pytestconfig: pytest.Config) -> None:
    asked = pytestconfig.pluginmanager.hasplugin("_cov")
    assert traced() == [asked, asked]
