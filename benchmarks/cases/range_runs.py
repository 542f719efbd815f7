"""What Dagster's bookkeeping costs in a run over many hours of assets that do nothing."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import declared
from benchmarks.place import Place
from benchmarks.results import Cell, Section, Verdict
from benchmarks.scripts import said_by
from benchmarks.sizes import Size

_NOTE = (
    "See `benchmarks/event_log.py`. The cost of beginning the run is in it, and weighs more the "
    "fewer hours there are."
)
_ASSETS = 15
_HOURS = {"tiny": 4, "quick": 100, "full": 744}
_UPSTREAM_HOURS = {"tiny": 2, "quick": 12, "full": 48}


def measure(place: Place, size: Size) -> Iterator[Section]:
    """A month as one run, events written in batches; some days with Dagster's own storage."""
    ours = _run(place, "batching", _HOURS[size.name])
    theirs = _run(place, "upstream", _UPSTREAM_HOURS[size.name])
    section = Section("Range runs: Dagster's bookkeeping alone")
    section.rows = [ours, theirs]
    section.verdicts = [
        Verdict(
            "range runs, an asset and hour",
            float(str(ours["ms per asset and hour"])),
            declared.RANGE_RUN_MILLISECONDS,
            "lower",
            "ms",
            judged=size.judged,
        )
    ]
    section.notes = [_NOTE]
    yield section


def _run(place: Place, storage: str, hours: int) -> dict[str, Cell]:
    url = place.database(f"range_runs_{storage}")
    url = url.replace("postgresql://", "postgresql+psycopg2://", 1)
    size = ("--hours", str(hours), "--assets", str(_ASSETS))
    found = said_by("event_log.py", url, "--storage", storage, *size)
    return {
        "storage": storage,
        "hours": hours,
        "assets": _ASSETS,
        "seconds": float(found["seconds"]),
        "before the first step s": float(found["seconds_before_the_first_step"]),
        "ms per asset and hour": float(found["ms_per_asset_and_hour"]),
    }
