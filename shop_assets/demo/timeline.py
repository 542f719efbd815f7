"""Which rows of a table change when: found by time, without looking at the others."""

from __future__ import annotations

import numpy as np

from shop_assets.demo.chance import NEVER, Bools, Ints


class Timeline:
    """The moments at which each of `n` rows changes; the first moment of a row creates it.

    `events`: arrays of length n, the creation first, `NEVER` for what does not happen.
    """

    def __init__(self, events: list[Ints]) -> None:
        self.matrix: Ints = np.column_stack(events)
        flat = self.matrix.ravel()
        order = np.argsort(flat, kind="stable")
        order = order[: np.searchsorted(flat[order], NEVER)]
        self._times = flat[order]
        self._rows = order // self.matrix.shape[1]

    def changed(self, start: int, end: int) -> Ints:
        """The rows (in order) with a change in `[start, end)`."""
        low, high = np.searchsorted(self._times, [start, end])
        return np.unique(self._rows[low:high])

    def lasts_until(self, moment: int) -> Bools:
        """Which rows change at that moment or later."""
        return np.asarray(((self.matrix >= moment) & (self.matrix < NEVER)).any(axis=1))

    def updated_at(self, rows: Ints, before: int) -> Ints:
        """The last change of each of the rows before a moment."""
        matrix = self.matrix[rows]
        return np.asarray(np.where(matrix < before, matrix, -1).max(axis=1), dtype=np.int64)
