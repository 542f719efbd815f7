"""What raw would hold of a stream that is compared, load after load, wherever a load ends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.assets.compare import Comparison
from shop_assets.io_managers.seen_keys import seen_keys
from shop_assets.partitions import HOUR
from shop_assets.sources.key_text import key_text
from shop_assets.sources.protocol import Batch, Compared
from shop_assets.transforms.extract import assemble
from shop_assets.warehouse import source_keys
from shop_assets.warehouse.connection import Warehouse

START = dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC)
Version = tuple[dt.datetime, int, str | None]
"""When a key's row changed, the attempt that brought it, and its word; None for its end."""


@dataclass
class Raw:
    """The rows of each key."""

    warehouse: Warehouse
    rows: dict[str, list[Version]] = field(default_factory=dict)
    attempts: int = 0

    def take(
        self,
        how: Compared,
        batches: Iterable[Batch],
        *,
        span: tuple[dt.datetime, dt.datetime],
        until: str = "end",
    ) -> int:
        """One load of a span of hours; how many rows it wrote.

        `until`: where it ends: before it would "write" or "remember".
        """
        self.attempts += 1
        stream, (first, end) = (self.warehouse, "shop", "rows"), span
        read = Comparison(*stream, how, start=first, anew=False)
        kept = [read.changed(batch) for batch in batches]
        read.end_missing()
        gone = source_keys.found_gone(*stream, first, end)
        ended = [key in self.rows for key in gone["key"].to_pylist()]
        read.look_again(gone["key"].filter(pc.invert(pa.array(ended, pa.bool_()))))
        gone = gone.filter(pa.array(ended, pa.bool_()))
        table = assemble(kept, first)
        if until == "write":
            return 0
        keys = key_text(table, how.key).to_pylist() if table.num_rows else []
        for key, row in zip(keys, table.to_pylist(), strict=True):
            assert row["_change_time"] < how.window.end
            assert first <= row["_hour"] < end
            version = (row["_change_time"], self.attempts, row["word"])
            self.rows.setdefault(key, []).append(version)
        for row in gone.to_pylist():
            assert row["gone_at"] < how.window.end
            self.rows[row["key"]].append((row["gone_at"], self.attempts, None))
        if until != "remember":
            source_keys.remember(*stream, seen_keys(table, how.key, broken=True))
        return int(table.num_rows)

    def put_off_to(self, hour: dt.datetime) -> None:
        """Let what was put off to the hour in which this runs have been so to one of the shop's."""
        with self.warehouse.transaction() as cursor:
            cursor.execute(
                "UPDATE meta.source_deletions SET hour = $1 WHERE hour > now() - interval '1 day'",
                parameters=(hour,),
            )

    def now(self) -> dict[str, str]:
        """The newest word of each key that has not ended."""
        newest = {key: max(found, key=lambda v: v[:2])[2] for key, found in self.rows.items()}
        return {key: word for key, word in newest.items() if word is not None}

    def ended(self) -> list[tuple[int, str, dt.datetime]]:
        """Each end that was found: the hour (counted from `START`) whose load has it, key, time."""
        found = source_keys.found_gone(
            self.warehouse, "shop", "rows", START - 99 * HOUR, START + 999 * HOUR
        )
        return [
            (int((row["hour"] - START) / HOUR), row["key"], row["gone_at"])
            for row in found.to_pylist()
        ]
