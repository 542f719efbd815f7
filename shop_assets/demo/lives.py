"""What becomes of an order: paid or not, edited, cancelled, fulfilled, refunded, deleted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shop_assets.demo.chance import NEVER, SECOND, Bools, Ints, span


@dataclass(frozen=True)
class Life:
    """When each thing happens to each order, in microseconds; `full`: whether all goes back."""

    paid_at: Ints
    failed_at: Ints
    edited_at: Ints
    cancelled_at: Ints
    fulfilled_at: Ints
    refunded_at: Ints
    deleted_at: Ints
    full: Bools

    @staticmethod
    def draw(chance: np.random.Generator, placed: Ints, is_test: Bools) -> Life:
        """The lives of orders placed at these moments. Test orders are only ever deleted."""
        n = len(placed)
        never = np.full(n, NEVER, dtype=np.int64)
        fate = np.where(is_test, 1.0, chance.random(n))
        unpaid, cancelled = fate < 0.02, (fate >= 0.02) & (fate < 0.045)
        edited = (fate >= 0.045) & (fate < 0.07)
        pays = np.minimum(chance.exponential(90.0, n), 1800.0) * SECOND
        paid = placed + SECOND + pays.astype(np.int64)
        gives_up = unpaid & (chance.random(n) < 0.5)
        failed = placed + span(chance, 6, 12, n)
        # Edited only after an hour and a half: an hourly reader sees the order as it was before.
        edit = placed + span(chance, 1.5, 5, n)
        cancel = np.where(gives_up, failed + span(chance, 6, 20, n), paid + span(chance, 0.2, 9, n))
        fulfil = np.where(edited, edit, paid) + span(chance, 1, 26, n)
        goes = ~unpaid & ~cancelled & ~is_test
        refunded = goes & (chance.random(n) < 0.06)
        refund = fulfil + span(chance, 1, 52, n)
        deleted = is_test & (chance.random(n) < 0.6)
        return Life(
            np.where(unpaid | is_test, never, paid),
            np.where(unpaid, failed, never),
            np.where(edited, edit, never),
            np.where(cancelled | gives_up, cancel, never),
            np.where(goes, fulfil, never),
            np.where(refunded, refund, never),
            np.where(deleted, placed + span(chance, 0.2, 5, n), never),
            chance.random(n) < 0.45,
        )
