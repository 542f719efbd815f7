"""Rows that vanish from a source: found by comparing keys, and told to raw as tombstones."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.io_managers.delta_store import DeltaStore
from shop_assets.io_managers.seen_keys import is_row
from shop_assets.partitions import HOUR
from shop_assets.sources.key_text import key_text
from shop_assets.transforms.extract import ADDED_LATER, DELETED
from shop_assets.transforms.retyped import merged_types
from shop_assets.warehouse.source_keys import KnownKeys

_KEYS_A_RANGE = 64
_MOST_RANGES = 65_536


class Keys(Protocol):
    """The keys of a source at one moment, by ranges of their hashes."""

    def ranges(self, ranges: int) -> pa.Table | None:
        """`range`, `keys` and `checksum` of each range; None where they cannot be computed."""
        ...

    def keys(self, ranges: int, chosen: Sequence[int]) -> pa.ChunkedArray:
        """The keys of the chosen ranges, or of all."""
        ...


@dataclass(frozen=True)
class Comparison:
    """What a sweep found. `gone`: known, but no longer there; `not_loaded`: the other way round.

    `ranges`: how many there are, of which `ranges_read` differed; `keys_read`: how many keys the
    source then gave.
    """

    ranges: int
    ranges_read: int
    keys_read: int
    gone: pa.ChunkedArray
    not_loaded: int


def compare(known: KnownKeys, there: Keys) -> Comparison:
    """Find the known keys that are no longer there.

    Ranges whose number of keys and checksum agree hold the same keys; those of the others are read.
    """
    ranges = _ranges(known.count)
    ours, theirs = known.ranges(ranges), there.ranges(ranges)
    everything = list(range(ranges))
    differing = everything if theirs is None else _differing(ours, theirs)
    if not differing:
        return Comparison(ranges, 0, 0, pa.chunked_array([], pa.string()), 0)
    mine, found = known.keys(ranges, differing), there.keys(ranges, differing)
    gone = mine.filter(pc.invert(pc.is_in(mine, value_set=found.combine_chunks())))
    new = pc.invert(pc.is_in(found, value_set=mine.combine_chunks()))
    return Comparison(ranges, len(differing), len(found), gone, int(pc.sum(new).as_py() or 0))


def _ranges(keys: int) -> int:
    """A power of two, so that a range has some dozens of keys."""
    return min(_MOST_RANGES, 1 << max(0, (keys // _KEYS_A_RANGE).bit_length()))


def _differing(ours: pa.Table, theirs: pa.Table) -> list[int]:
    both = pd.concat([ours.to_pandas().astype("str"), theirs.to_pandas().astype("str")])
    alone = both.drop_duplicates(keep=False)
    return sorted({int(number) for number in alone["range"]})


def tombstones(lake: DeltaStore, table: str, gone: pa.Table, key: Collection[str]) -> pa.Table:
    """The newest raw row of each deletion (see `found_gone`), as raw keeps it, marked as deleted.

    A tombstone's change time is that of the sweep, and at any rate later than its row's. A load
    that ended early may have left the row in a later hour than is known: it is looked for there.
    One whose row raw does not hold is left out: there is nothing to end, so far.
    """
    frame = gone.to_pandas()
    made = [_newest(lake, table, day, tuple(key)) for day in _by_day(frame)]
    found = [(ended, chosen) for ended, chosen in made if ended.num_rows]
    known = {
        place for _, chosen in found for place in zip(*(chosen[n] for n in _PLACE), strict=True)
    }
    named = zip(*(frame[name] for name in _PLACE), strict=True)
    left = frame[[place not in known for place in named]]
    if len(left):
        found.append(_newest(lake, table, left, tuple(key), anywhere=True))
    tables = [ended for ended, _ in found if ended.num_rows]
    return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})


def without_row(gone: pa.Table, made: pa.Table, key: Collection[str]) -> pa.ChunkedArray:
    """The keys of deletions of which no tombstone was `made`: raw does not hold their rows."""
    if not made.num_rows:
        return gone["key"]
    ended = key_text(merged_types(made, key), tuple(key)).combine_chunks()
    return gone["key"].filter(pc.invert(pc.is_in(gone["key"], value_set=ended)))


_PLACE = ("key", "hour", "gone_at")


def _by_day(gone: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for _, day in gone.groupby(gone["row_hour"].dt.floor("D")):
        yield day


def _newest(
    lake: DeltaStore,
    table: str,
    gone: pd.DataFrame,
    key: tuple[str, ...],
    *,
    anywhere: bool = False,
) -> tuple[pa.Table, pd.DataFrame]:
    """The tombstones of some deletions whose rows stand in their hours, or `anywhere` later."""
    first, last = gone["row_hour"].min(), gone["row_hour"].max()
    if anywhere:
        # What was found changed late stands in a later hour than its time's.
        last = max(last, gone["gone_at"].max().floor("h"), gone["hour"].max())
    rows = lake.read(table, first.to_pydatetime(), last.to_pydatetime() + HOUR)
    if rows is None or not rows.num_rows:
        return pa.table({}), gone.head(0)
    texts = key_text(merged_types(rows, key), key)
    usable = pc.and_(pc.is_in(texts, pa.array(gone["key"], pa.string())), is_row(rows))
    rows, texts = rows.filter(usable), texts.filter(usable)
    found = pd.DataFrame(
        {
            "key": texts.to_pandas(),
            "changed": rows["_change_time"].to_pandas(),
            "extracted": rows["_extracted_at"].to_pandas(),
            "row_hour": rows["_hour"].to_pandas(),
            "row": np.arange(rows.num_rows),
        }
    )
    if anywhere:
        places = gone.drop(columns="row_hour").merge(found, on="key")
    else:
        places = gone.merge(found, on=["key", "row_hour"])
    # What came back within the same hour is none of the deletion's.
    places["earlier"] = places["changed"] < places["gone_at"]
    places = places.sort_values(["earlier", "changed", "extracted"], kind="stable")
    chosen = places.drop_duplicates(list(_PLACE), keep="last").sort_index()
    if chosen.empty:
        return pa.table({}), chosen
    time = pa.timestamp("us", "UTC")
    later = chosen["changed"] + pd.Timedelta(microseconds=1)
    moment = chosen["gone_at"].where(chosen["gone_at"] > later, later)
    kept = rows.take(pa.array(chosen["row"]))
    position = pc.binary_join_element_wise(
        kept["_position"],
        pa.array(moment.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ").astype(object), pa.string()),
        " gone at ",
    )
    for name, values in (
        ("_change_time", pa.array(moment, time)),
        ("_position", position),
        ("_hour", pa.array(chosen["hour"], time)),
        (DELETED, pa.repeat(True, len(chosen))),
    ):
        kept = (
            kept.set_column(kept.column_names.index(name), name, values)
            if name in kept.column_names
            else kept.append_column(name, values)
        )
    return kept.drop_columns([n for n in ADDED_LATER if n in kept.column_names]), chosen
