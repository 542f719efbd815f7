"""Rows of a source that says no times, compared with what was last read: the new, changed and gone.

What a key's row held is known by a hash (`meta.source_keys.row_hash`), which is written once the
row is in raw. Should a load end in between, the row is found changed once more: it may come twice
to raw, where the same content at the same place counts once, but never not at all.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.checks import deletions
from shop_assets.checks.outcome import Outcome
from shop_assets.io_managers.seen_keys import seen_keys
from shop_assets.partitions import floor_hour
from shop_assets.sources.key_text import key_spans, key_text
from shop_assets.sources.protocol import Batch, Compared
from shop_assets.transforms.extract import ROW_HASH, placed, row_hashes
from shop_assets.warehouse import source_keys
from shop_assets.warehouse.connection import Warehouse

_TIME = pa.timestamp("us", "UTC")
_NEVER = np.iinfo(np.int64).min
_MICROSECOND = dt.timedelta(microseconds=1)


class Comparison:
    """One read of one stream, compared batch by batch.

    `start`: the first hour that is loaded. `anew`: whether raw holds nothing, so that every row is
    new to it, whatever was known.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        source: str,
        stream: str,
        how: Compared,
        *,
        start: dt.datetime,
        anew: bool,
    ) -> None:
        self._warehouse = warehouse
        self._stream = (source, stream)
        self._how = how
        self._anew = anew
        self._start = start
        self._hour = max(start, floor_hour(how.window.end - _MICROSECOND))
        # A tombstone needs a time that is later than its row's, and in the window.
        self._latest = how.window.end - 2 * _MICROSECOND
        self._began = source_keys.now(warehouse)
        self._known = 0
        if how.complete:
            with source_keys.known(warehouse, source, stream) as known:
                # Before what this read brings is known, too.
                self._known = known.count
        self._seen: list[npt.NDArray[np.uint64]] = []
        self._lacking: list[pa.Table] = []
        self._nameless = False

    def changed(self, batch: Batch) -> pa.Table:
        """A batch's rows that are new or changed, as raw has them, each later than all before it.

        They are expected from now on (see `source_keys.expect`). A row for which the window has no
        time left (a later one has been loaded already) is left to the next read: it is still found
        changed then.
        """
        rows = batch.rows
        keys, hashes = key_text(rows, self._how.key), row_hashes(rows)
        if batch.wholes is not None and batch.wholes.num_rows:
            self._note_lacking(batch.wholes, keys)
        rows = rows.append_column(ROW_HASH, hashes)
        if not rows.num_rows:
            return rows
        named = self._named(rows)
        self._nameless |= not named.all()
        self._seen.append(_hashed(keys.filter(pa.array(named))))
        known = source_keys.look_up(self._warehouse, *self._stream, keys)
        times = _micros(rows["_change_time"])
        last, gone = _micros(known["changed_at"]), _micros(known["deleted_at"])
        before = known["row_hash"].cast(pa.int64())
        differs = before.fill_null(0).to_numpy() != hashes.to_numpy()
        differs |= before.is_null().to_numpy() | (gone != _NEVER)
        if self._anew:
            differs[:] = True
        # A row that is there again is later than its tombstone, which is later than its row.
        after = np.where(gone == _NEVER, last + 1, np.maximum(last + 2, gone + 1))
        times = np.where(last == _NEVER, times, np.maximum(times, after))
        end = pa.scalar(self._how.window.end, _TIME).cast(pa.int64()).as_py()
        kept = pa.array((differs & (times < end)) | ~named)
        moved = pa.array(times).cast(pa.timestamp("us")).cast(_TIME)
        place = rows.column_names.index("_change_time")
        rows = rows.set_column(place, rows.field(place), moved).filter(kept)
        rows = placed(rows, self._start)
        seen = seen_keys(rows, self._how.key, broken=True)
        source_keys.expect(self._warehouse, *self._stream, seen)
        return rows

    def end_missing(self) -> Outcome | None:
        """Mark as gone, in the last hour that is loaded, the known keys that no row had.

        What the load of the hour makes of them: see `shop_assets.assets.sweep.tombstones`. None
        where the read does not give every row there is: only what whole parents lack is gone then.
        """
        seen = np.concatenate([np.empty(0, np.uint64), *self._seen])
        self._end_lacking(seen)
        if not self._how.complete:
            return None
        window = self._how.window
        with source_keys.known(self._warehouse, *self._stream) as known:
            earlier = known.before(self._began, self._latest)
            missing = [part.filter(pa.array(~np.isin(_hashed(part), seen))) for part in earlier]
            gone = pa.chunked_array([c for part in missing for c in part.chunks], pa.string())
            count = 0 if self._nameless else len(gone)
            outcome = deletions.judge(count, self._known, self._how.gone_limit)
        if count and outcome.passed:
            moment = pa.scalar(window.nearest(self._began), _TIME)
            self._mark(pa.table({"key": gone, "gone_at": pa.repeat(moment, len(gone))}))
        return outcome

    def look_again(self, gone: pa.ChunkedArray) -> None:
        """Of keys that were found gone, but whose rows raw does not hold, see to it that these end.

        Another load, which has read them before they were gone, may be about to write them. A read
        of every row there is finds them gone once more; what whole parents lack may not be read
        again, and is ended by the next hour's load as well.
        """
        later = source_keys.find_again if self._how.complete else source_keys.put_off
        later(self._warehouse, *self._stream, gone)

    def _note_lacking(self, wholes: pa.Table, keys: pa.ChunkedArray) -> None:
        """Note the known keys of whole parents that are not among a batch's."""
        first, bound = key_spans(wholes, self._how.within)
        times, latest = wholes["_change_time"].cast(_TIME), pa.scalar(self._latest, _TIME)
        times = pc.if_else(pc.less(times, latest), times, latest)
        parents = pa.table({"begins": first, "beyond": bound, "gone_at": times})
        known = source_keys.of_parents(self._warehouse, *self._stream, parents, self._latest)
        there = pc.is_in(known["key"], value_set=keys.combine_chunks())
        self._lacking.append(known.filter(pc.invert(there)))

    def _end_lacking(self, seen: npt.NDArray[np.uint64]) -> None:
        """Mark as gone what whole parents lacked; not what another batch had after all.

        However many these are: of an order's two lines one is half.
        """
        if not self._lacking:
            return
        gone = pa.concat_tables(self._lacking)
        gone = gone.filter(pa.array(~np.isin(_hashed(gone["key"]), seen)))
        if gone.num_rows:
            self._mark(gone, dated=True)

    def _mark(self, gone: pa.Table, *, dated: bool = False) -> None:
        source_keys.mark_missing(
            self._warehouse,
            *self._stream,
            gone,
            known_at=self._began,
            hour=self._hour,
            dated=dated,
        )

    def _named(self, rows: pa.Table) -> npt.NDArray[np.bool_]:
        """Which rows say their key: a broken one may not."""
        named = pc.is_null(rows["_error"])
        whole = pc.is_valid(rows[self._how.key[0]])
        for name in self._how.key[1:]:
            whole = pc.and_(whole, pc.is_valid(rows[name]))
        found: npt.NDArray[np.bool_] = pc.or_(named, whole).to_numpy()
        return found


def _hashed(keys: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """Keys in 8 bytes each. Should two be alike, of 10^9, one is not found gone."""
    return pd.util.hash_array(keys.to_numpy().astype(object), categorize=False)


def _micros(times: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    counts: npt.NDArray[np.int64] = times.cast(_TIME).cast(pa.int64()).fill_null(_NEVER).to_numpy()
    return counts
