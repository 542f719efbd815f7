"""From a change in the source until the marts show it, through the running system."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import declared
from benchmarks.place import Place
from benchmarks.results import Cell, Section, Verdict
from benchmarks.scripts import said_by
from benchmarks.sizes import Size

_MINUTES = {"tiny": 1, "quick": 3, "full": 5}


def measure(place: Place, size: Size) -> Iterator[Section]:
    """With the load of a normal hour, and ten times that with a backfill beside it."""
    section = Section("Freshness: seconds from an order until the marts show it")
    minutes = ("--minutes", str(_MINUTES[size.name]))
    normal = said_by("freshness.py", *minutes, "--orders-per-hour", str(size.hour_orders))
    busy = said_by(
        "freshness.py", *minutes, "--orders-per-hour", str(size.peak_orders), "--backfill"
    )
    section.rows = [
        _row("normal load", normal),
        _row("the peak's load, with a backfill beside it", busy),
    ]
    section.verdicts = [
        Verdict(
            "freshness at normal load, p95",
            normal["latency_seconds"]["p95"],
            declared.FRESHNESS_P95_SECONDS,
            "lower",
            "s",
            judged=size.judged,
        )
    ]
    section.notes = ["See `benchmarks/freshness.py`; each loads what is new once a minute."]
    yield section


def _row(what: str, found: dict[str, object]) -> dict[str, Cell]:
    latencies = found["latency_seconds"]
    loads = found["seconds_a_load"]
    assert isinstance(latencies, dict)
    assert isinstance(loads, list)
    return {
        "what": what,
        "orders": int(str(found["orders_measured"])),
        **{f"{share} s": float(value) for share, value in latencies.items()},
        "loads": len(loads),
        "slowest load s": max(loads, default=None),
    }
