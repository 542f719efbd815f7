"""Two years of a real shop (Online Retail II), as one command; needs SHOP_REAL_DATA."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.loads import load, table_of
from benchmarks.place import Place
from benchmarks.results import Section
from benchmarks.sizes import Size

_REPOSITORY = Path(__file__).parents[2]
_START = dt.datetime(2009, 12, 1, tzinfo=dt.UTC)
_HOURS = {"tiny": 24, "quick": 31 * 24, "full": 739 * 24}


def measure(place: Place, size: Size) -> Iterator[Section]:
    """From December 2009 on: all 739 days, or the first ones."""
    data = Path(os.environ.get("SHOP_REAL_DATA", _REPOSITORY.parent / "shared" / "data"))
    section = Section("The real shop, as one command")
    if not (data / "online_retail").is_dir():
        section.notes = ["Left out: neither SHOP_REAL_DATA nor ../shared/data has online_retail."]
        yield section
        return
    variables = {
        "SHOP_REAL_DATA": str(data.resolve()),
        "SHOP_CONFIG": str(_REPOSITORY / "examples" / "online_retail" / "shop.yaml"),
    }
    hours = _HOURS[size.name]
    loaded = load(place.home, variables, _START, hours)
    section.rows = table_of({f"{hours:,} hours": loaded})
    yield section
