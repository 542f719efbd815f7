"""The same hour after 1, 100 and 10,000 hours of history: `benchmarks/history.py`."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.place import Place
from benchmarks.results import Section, Verdict
from benchmarks.scripts import said_by
from benchmarks.sizes import Size

_NOTE = (
    "Rounds of all histories in turn; the ratio is the median of the rounds'. The lake and Dagster "
    "are not in it."
)
_ORDERS = {"tiny": ("20", "1"), "quick": ("100", "5"), "full": ("200", "20")}


def measure(place: Place, size: Size) -> Iterator[Section]:
    """What the warehouse does for an hour; it has servers of its own beside the place's."""
    found = said_by("history.py", *_ORDERS[size.name])
    section = Section("The same hour, with more and more history")
    section.rows = [
        {
            "what": f"after {int(hours):,} hours",
            "median s": round(median, 3),
            "fastest s": round(min(found["seconds"][hours]), 3),
            "slowest s": round(max(found["seconds"][hours]), 3),
        }
        for hours, median in found["median_seconds"].items()
    ]
    section.verdicts = [
        Verdict(
            "longest to shortest history",
            round(found["ratio"], 3),
            found["target"],
            "lower",
            judged=size.judged,
        )
    ]
    new, past = found["new_orders"], found["past_orders_an_hour"]
    section.notes = [f"{new} orders in the hour, {past} in each past one. {_NOTE}"]
    yield section
