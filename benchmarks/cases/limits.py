"""The limits beside which the targets were declared, on this machine."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import machine_limits
from benchmarks.place import Place
from benchmarks.results import Section
from benchmarks.sizes import Size


def measure(place: Place, size: Size) -> Iterator[Section]:
    """A million rows each way, as `docs/performance.md` has them."""
    found = machine_limits.measured(place, size.ledger_rows, size.runs)
    section = Section("A million rows of twelve columns: the machine beside that of the targets")
    section.rows = [
        {
            "how": limit.how,
            "a second, there": round(limit.declared, 2),
            "a second, here": round(limit.measured, 2),
            "here is": f"{limit.speed:.2f}x",
        }
        for limit in found
    ]
    section.notes = [f"In the mean (geometric) {machine_limits.speed_of(found)} times as fast."]
    yield section
