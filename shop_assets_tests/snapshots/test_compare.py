"""Comparing loses no row, whatever is read when, and wherever a load ends."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator

import pyarrow as pa
import pytest

from shop_assets.partitions import HOUR
from shop_assets.sources.protocol import PROVENANCE, Batch, Compared, Window
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.snapshots.raw_zone import START, Raw


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


class Snapshots(Raw):
    """Raw of a stream that each load reads as a whole."""

    def load(
        self,
        source: dict[str, str],
        hour: int,
        *,
        until: str = "end",
        meanwhile: Callable[[], object] = int,
    ) -> int:
        """One load of an hour that ends in the middle where told; how many rows it wrote.

        `meanwhile`: what happens between the last row and the end of the read.
        """
        window = Window(START + hour * HOUR, START + (hour + 1) * HOUR)
        keys = sorted(source)
        time = window.nearest(dt.datetime.now(dt.UTC))
        half = len(keys) // 2
        batches = [
            Batch(batch({key: source[key] for key in part}, time))
            for part in (keys[:half], keys[half:])
        ]
        how = Compared(("id",), window, complete=True, gone_limit=1.0)

        def read() -> Iterator[Batch]:
            yield from batches
            meanwhile()

        return self.take(how, read(), span=(window.start, window.end), until=until)


def test_a_row_comes_once_and_again_when_its_load_ended_before_it_was_remembered(
    warehouse: Warehouse,
) -> None:
    raw = Snapshots(warehouse)
    source = {"a": "1", "b": "2"}
    assert raw.load(source, 0, until="remember") == 2
    assert raw.load(source, 0) == 2
    assert raw.load(source, 0) == 0
    assert raw.load(source | {"b": "3"}, 1, until="write") == 0
    assert raw.load(source | {"b": "3"}, 1) == 1
    assert raw.load(source, 2) == 1
    assert raw.now() == source


@pytest.mark.parametrize("until", ["end", "remember"])
def test_a_row_that_a_slower_load_has_still_to_write_is_found_gone_once_more(
    warehouse: Warehouse, until: str
) -> None:
    raw, source = Snapshots(warehouse), {"a": "1", "b": "2"}
    without = {"a": "1"}
    raw.load(source, 1, until=until, meanwhile=lambda: raw.load(without, 2))
    for hour in (3, 4):
        raw.load(without, hour)
        assert raw.now() == without
    assert [(hour, key) for hour, key, _ in raw.ended()] == [(2, "b"), (3, "b")]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_the_newest_rows_are_the_sources(seed: int, warehouse: Warehouse) -> None:
    # Hours are loaded again and in any order; a load that failed is made up for in the end.
    chance = random.Random(seed)
    raw, source = Snapshots(warehouse), dict[str, str]()
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
