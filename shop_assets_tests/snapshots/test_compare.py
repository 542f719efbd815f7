"""Comparing loses no row, whatever is read when, and wherever a load ends."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from shop_assets.assets.compare import Comparison
from shop_assets.io_managers.seen_keys import seen_keys
from shop_assets.sources.protocol import PROVENANCE, Compared, Window
from shop_assets.transforms.extract import assemble
from shop_assets.warehouse import source_keys
from shop_assets.warehouse.connection import Warehouse

START = dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def batch(rows: dict[str, str], time: dt.datetime) -> pa.Table:
    count = len(rows)
    return pa.table(
        {
            "id": pa.array(rows, pa.string()),
            "word": pa.array(rows.values(), pa.string()),
            "_change_time": pa.repeat(pa.scalar(time, PROVENANCE.field(0).type), count),
            "_position": pa.array([f"rows(id={key})" for key in rows], pa.string()),
            "_delivery": pa.repeat("", count),
            "_error": pa.nulls(count, pa.string()),
            "_line": pa.nulls(count, pa.string()),
        }
    )


@dataclass
class Raw:
    """What raw holds of one stream: (change time, attempt, word) of each key; None for an end."""

    warehouse: Warehouse
    rows: dict[str, list[tuple[dt.datetime, int, str | None]]] = field(default_factory=dict)
    attempts: int = 0

    def load(self, source: dict[str, str], hour: int, *, until: str = "end") -> int:
        """One load of an hour that ends in the middle where told; how many rows it wrote."""
        self.attempts += 1
        window = Window(START + hour * HOUR, START + (hour + 1) * HOUR)
        how = Compared(("id",), window, complete=True, gone_limit=1.0)
        read = Comparison(self.warehouse, "shop", "rows", how, anew=False)
        keys = sorted(source)
        time = window.nearest(dt.datetime.now(dt.UTC))
        half = len(keys) // 2
        kept = [
            read.changed(batch({key: source[key] for key in part}, time))
            for part in (keys[:half], keys[half:])
        ]
        read.end_missing()
        gone = source_keys.found_gone(self.warehouse, "shop", "rows", window.start, window.end)
        table = assemble(kept, window.start)
        source_keys.expect(self.warehouse, "shop", "rows", seen_keys(table, ("id",), broken=True))
        if until == "write":
            return 0
        for row in table.to_pylist():
            assert window.start <= row["_change_time"] < window.end
            self.rows.setdefault(row["id"], []).append(
                (row["_change_time"], self.attempts, row["word"])
            )
        for row in gone.to_pylist():
            if row["key"] in self.rows:
                self.rows[row["key"]].append((row["gone_at"], self.attempts, None))
        if until != "remember":
            seen = seen_keys(table, ("id",), broken=True)
            source_keys.remember(self.warehouse, "shop", "rows", seen)
        return int(table.num_rows)

    def now(self) -> dict[str, str]:
        """The newest word of each key that has not ended."""
        newest = {key: max(found, key=lambda v: v[:2])[2] for key, found in self.rows.items()}
        return {key: word for key, word in newest.items() if word is not None}


def test_a_row_comes_once_and_again_when_its_load_ended_before_it_was_remembered(
    warehouse: Warehouse,
) -> None:
    raw = Raw(warehouse)
    source = {"a": "1", "b": "2"}
    assert raw.load(source, 0, until="remember") == 2
    assert raw.load(source, 0) == 2
    assert raw.load(source, 0) == 0
    assert raw.load(source | {"b": "3"}, 1, until="write") == 0
    assert raw.load(source | {"b": "3"}, 1) == 1
    assert raw.load(source, 2) == 1
    assert raw.now() == source


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_the_newest_rows_are_the_sources(seed: int, warehouse: Warehouse) -> None:
    # Hours are loaded again and in any order; a load that failed is made up for in the end.
    chance = random.Random(seed)
    raw, source = Raw(warehouse), dict[str, str]()
    hour, failed = 0, set[int]()
    for _ in range(14):
        for _ in range(chance.randrange(4)):
            key = chance.choice("abcdef")
            if chance.random() < 0.4:
                source.pop(key, None)
            else:
                source[key] = chance.choice("xyz")
        until = chance.choice(["end", "end", "write", "remember"])
        again = chance.random() < 0.3
        chosen = chance.randrange(hour + 1) if again else hour
        raw.load(source, chosen, until=until)
        (failed.discard if until == "end" else failed.add)(chosen)
        hour += chance.choice([0, 1, 2])
    for missing in chance.sample(sorted(failed), len(failed)):
        raw.load(source, missing)
    raw.load(source, hour + 1)
    assert raw.now() == source
    assert raw.load(source, hour + 2) == 0
    assert raw.now() == source
