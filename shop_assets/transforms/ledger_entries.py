"""Rows of the ledger as arrays: what an amount changes by, at each moment at which it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shop_assets.entities.ledger import LEDGER_KINDS
from shop_assets.transforms.versions import Ints, changes

KIND = {kind: code for code, kind in enumerate(LEDGER_KINDS)}
MOMENT, CANCELLED = -1, -2
"""Events that are no refund's: the moment of a version, and the order's cancellation."""


@dataclass(frozen=True)
class Entries:
    """Ledger rows as arrays: `time` in micros, `event` a refund's number, MOMENT or CANCELLED."""

    item: Ints
    kind: Ints
    event: Ints
    time: Ints
    quantity: Ints
    amount: Ints

    def take(self, rows: Ints) -> Entries:
        """The entries at these positions."""
        return Entries(
            self.item[rows],
            self.kind[rows],
            self.event[rows],
            self.time[rows],
            self.quantity[rows],
            self.amount[rows],
        )

    @classmethod
    def joined(cls, parts: Sequence[Entries]) -> Entries:
        """All entries of the parts, one part after the other."""
        names = ("item", "kind", "event", "time", "quantity", "amount")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    @classmethod
    def of(
        cls,
        kind: str,
        event: Ints | int,
        key: Ints,
        item: Ints,
        time: Ints,
        quantity: Ints,
        amount: Ints,
    ) -> Entries:
        """What quantities and amounts of things change by; rows are sorted by `key` and `time`."""
        quantity, amount = changes(key, quantity), changes(key, amount)
        rows = np.flatnonzero((quantity != 0) | (amount != 0))
        return cls(
            item[rows],
            np.full(len(rows), KIND[kind], dtype=np.int64),
            np.broadcast_to(np.asarray(event, dtype=np.int64), len(key))[rows],
            time[rows],
            quantity[rows],
            amount[rows],
        )
