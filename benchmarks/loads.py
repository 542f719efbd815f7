"""One load of hours through the real command, split into what it spent its time on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.command import shop_assets, steps
from benchmarks.results import Cell
from benchmarks.step_times import ANALYTICS, BOOKKEEPING, PARTS

HOUR = dt.timedelta(hours=1)
START = "process start"
BETWEEN = "between and after runs"
ALL_PARTS = (START, BOOKKEEPING, *PARTS, BETWEEN)
_ENTITIES = {
    "rows read: orders": "orders",
    "rows read: items": "order_items",
    "rows read: payments": "payments",
    "rows read: web events": "web_events",
}


@dataclass(frozen=True)
class Loaded:
    """One load: seconds in all and by part (they sum to it), rows by entity, MiB."""

    hours: int
    seconds: float
    parts: dict[str, float]
    rows: dict[str, int]
    peak: float
    servers: float

    @property
    def to_marts(self) -> float:
        """The seconds until the marts were made, without what is made of them."""
        return self.seconds - self.parts[ANALYTICS]

    @property
    def work(self) -> float:
        """Of these the seconds that went into steps."""
        return sum(self.parts[name] for name in PARTS if name != ANALYTICS)


def table_of(loads: Mapping[str, Loaded]) -> list[dict[str, Cell]]:
    """The rows of a table with a column for each load."""
    columns = {name: _column(loaded) for name, loaded in loads.items()}
    first = next(iter(columns.values()))
    return [
        {"what": what, **{name: column[what] for name, column in columns.items()}} for what in first
    ]


def _column(loaded: Loaded) -> dict[str, Cell]:
    return {
        **{what: loaded.rows.get(entity, 0) for what, entity in _ENTITIES.items()},
        "seconds": round(loaded.seconds, 2),
        "seconds, raw to marts": round(loaded.to_marts, 2),
        **{f"- {part}": round(loaded.parts[part], 2) for part in ALL_PARTS},
        "memory of the process, MiB": round(loaded.peak),
        "memory of the servers, MiB": round(loaded.servers),
    }


def load(
    home: Path,
    variables: Mapping[str, str],
    first: dt.datetime,
    hours: int,
    *,
    data_limit: float | None = None,
    servers_of: Path | None = None,
) -> Loaded:
    """`shop-assets run` over so many hours from `first` on, with the split of its time.

    See `command.shop_assets` for `data_limit` and `servers_of`.
    """
    span = ("--from", f"{first:%Y-%m-%dT%H:%M}", "--to", f"{first + hours * HOUR:%Y-%m-%dT%H:%M}")
    done = shop_assets(home, variables, "run", *span, data_limit=data_limit, servers_of=servers_of)
    spent = steps(home, variables, done.began)
    parts = {START: spent["first"] - done.began, BOOKKEEPING: spent[BOOKKEEPING]}
    parts |= {name: spent.get(name, 0.0) for name in PARTS}
    parts[BETWEEN] = done.seconds - sum(parts.values())
    rows: dict[str, int] = {}
    for row in done.said["rows"]:
        rows[row["entity"]] = rows.get(row["entity"], 0) + row["read"]
    return Loaded(hours, done.seconds, parts, rows, done.peak, done.servers)
