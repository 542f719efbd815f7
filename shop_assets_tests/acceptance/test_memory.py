"""However many rows there are, a read holds a few pages of them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from shop_assets_tests.acceptance.child import Came, came, started, task
from shop_assets_tests.acceptance.subject import HOUR, At, representative

_FAT, _LONG = "x" * 8_000, "x" * 500
pytestmark = pytest.mark.no_cover
_ENOUGH = 30.0
"""MiB of rows, below which nothing can be said of memory."""


@representative
def test_many_rows_are_read_in_bounded_memory(at: At) -> None:
    """Many rows, or many long ones, where each page is a call."""
    many = at.subject.many
    at.source.fill(at.stream, many, _FAT if "http" in at.subject.features else _LONG)
    expect_bounded(at, many)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_million_rows_are_read_in_bounded_memory(at: At) -> None:
    began = time.process_time()
    at.source.flood(at.stream, 1_000_000)
    found = expect_bounded(at, 1_000_000, **at.subject.widely)
    spent = time.process_time() - began
    print(
        f"\n{at.subject.name}-{at.stream}: {found.rows[0]:,} rows of {found.megabytes:.0f} MiB in "
        f"{found.growth:.0f} MiB; CPU {found.seconds:.0f} s, of the server {spent:.0f} s"
    )


def expect_bounded(at: At, rows: int, **options: Any) -> Came:
    """A read gives so many rows and never holds half of them."""
    with started([task(at, HOUR, **options)]) as [process]:
        found = came(process, 3000)
    assert found.rows[0] >= rows
    assert found.megabytes > _ENOUGH
    assert found.growth < max(found.megabytes / 2, at.subject.holds), (
        f"{found.growth:.0f} MiB more at its peak"
    )
    assert found.growth < 200, f"{found.growth:.0f} MiB more at its peak"
    return found
