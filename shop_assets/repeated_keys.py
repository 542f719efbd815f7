"""Rows whose key stands once, as they came; those of a key that stands more than once, together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shop_assets.spool import IN_MEMORY, Buckets, Spool
from shop_assets.transforms.hashes import Hashes, hashed
from shop_assets.transforms.parts import ROWS

_NUMBER = "_key_number"


class RepeatedKeys:
    """Tables of several kinds, of which rows with the same key come out together.

    Unlike `Buckets`, it is for keys few of which stand more than once: only rows whose key's
    number another row has are shared out, all others stay where they are. `key`: the columns that
    name a row, the same in all kinds. Up to so many `rows` and bytes (`size`) in all come out at
    once.
    """

    def __init__(
        self, kinds: int, key: tuple[str, ...], rows: int = 4 * ROWS, size: int = IN_MEMORY
    ) -> None:
        self._key = key
        self._rows, self._size = rows, size
        self._spools = [Spool(IN_MEMORY // kinds) for _ in range(kinds)]
        self._numbers: list[Hashes] = []

    def add(self, kind: int, table: pa.Table) -> None:
        """Add rows of a kind."""
        numbers = hashed(table, self._key)
        self._numbers.append(numbers)
        self._spools[kind].append(table.append_column(_NUMBER, pa.array(numbers)))

    def __iter__(self) -> Iterator[list[pa.Table]]:
        """All rows, some at a time: one table for each kind."""
        rows = sum(spool.num_rows for spool in self._spools)
        if rows <= self._rows and sum(spool.size for spool in self._spools) <= self._size:
            yield [_own(spool.parts().whole()) for spool in self._spools]
            return
        several = _several(np.concatenate(self._numbers))
        together = Buckets(len(self._spools), self._key, self._rows, self._size)
        schemas = [_own(spool.parts().schema.empty_table()).schema for spool in self._spools]
        for kind, spool in enumerate(self._spools):
            for table in spool:
                meet = _is_among(several, table[_NUMBER].to_numpy())
                together.add(kind, _own(table.filter(pa.array(meet))))
                if not meet.all():
                    alone = [schema.empty_table() for schema in schemas]
                    alone[kind] = _own(table.filter(pa.array(~meet)))
                    yield alone
        yield from together


def _several(numbers: Hashes) -> Hashes:
    """The numbers that stand more than once, ascending."""
    ordered = np.sort(numbers)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _is_among(ordered: Hashes, numbers: Hashes) -> npt.NDArray[np.bool_]:
    """Which numbers are among those, which are ascending."""
    if not len(ordered):
        return np.zeros(len(numbers), np.bool_)
    places = np.searchsorted(ordered, numbers).clip(max=len(ordered) - 1)
    return np.asarray(ordered[places] == numbers, np.bool_)


def _own(table: pa.Table) -> pa.Table:
    """The table's own columns; one that has none is as it is."""
    return table.drop_columns([_NUMBER]) if _NUMBER in table.column_names else table
