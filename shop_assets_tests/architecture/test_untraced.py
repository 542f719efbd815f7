"""Tests that are not to be traced are not, by anything: of many examples, tracing takes longer."""

from __future__ import annotations

import os
import sys

import pytest
from coverage import Coverage


@pytest.fixture
def traced_before() -> bool:
    return sys.gettrace() is not None or "COVERAGE_PROCESS_CONFIG" in os.environ


@pytest.mark.no_cover
def test_neither_an_untraced_test_nor_what_it_needs_or_starts_is_traced(
    traced_before: bool,
) -> None:
    assert not traced_before
    assert sys.gettrace() is None
    assert "COVERAGE_PROCESS_CONFIG" not in os.environ


def test_another_test_is_traced_where_coverage_is_asked_for(pytestconfig: pytest.Config) -> None:
    asked = pytestconfig.pluginmanager.hasplugin("_cov")
    assert (Coverage.current() is not None) == asked
    assert (sys.gettrace() is not None) == asked
    assert ("COVERAGE_PROCESS_CONFIG" in os.environ) == asked
