"""The simulated shop's movements of money as what happens in a Stripe account.

The same movements twice change nothing, and ids follow from the shop's: `ch_1001`, its further
charge `ch_1001x`, refunds `re_1001`, `re_1001x` (of an edit), `re_1001c` (of a cancellation),
disputes `dp_1001`, transactions `txn_ch1001`.

What Stripe does not have, or has differently:

- Times are whole seconds. There are no charges of nothing.
- A refund is of one charge: one that is more than is left of the first takes the rest of it from
  the second (`re_1001b`).
- A dispute's fee is part of the dispute's balance transaction.
- Stripe takes fils by the ten, the shop counts each: they are left as the shop counts them.
- A day's payouts (of each currency, at midnight UTC) leave after an hour and arrive after a day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import pairwise

import numpy as np

from shop_assets.demo.apis.stripe import StripeServer
from shop_assets.demo.catalogue import CURRENCIES
from shop_assets.demo.chance import DAY, HOUR, SECOND
from shop_assets.demo.payments import (
    CANCELLED,
    DISPUTED,
    FEE,
    LESS,
    MORE,
    PAID,
    REFUNDED,
    Movements,
)

_CHARGED = {PAID: "", MORE: "x"}
_SUFFIX = {LESS: "x", CANCELLED: "c", REFUNDED: ""}
_REASON = {LESS: None, CANCELLED: None, REFUNDED: "requested_by_customer"}


class StripeFeed:
    """Puts the shop's movements of money into an account."""

    def __init__(self, server: StripeServer) -> None:
        self._server = server
        server.counts_thousandths = True

    def put(self, money: Sequence[Movements], start: int, end: int) -> None:
        """Put what moved in `[start, end)`, microseconds since 1970; spans in their order.

        What is put of a span is put as a whole between two dates of payouts.
        """
        moved = _within(money, start, end)
        for low, high in _parts(start, end):
            self._pay_out(low)
            self._put(moved.take((moved.created_at >= low) & (moved.created_at < high)))

    def _put(self, moved: Movements) -> None:
        fees = {
            order: -amount
            for order, kind, amount in zip(
                moved.order_id.tolist(), moved.kind.tolist(), moved.amount.tolist(), strict=True
            )
            if kind == FEE
        }
        with self._server.writing():
            for order, kind, at, amount, fee, currency in zip(
                moved.order_id.tolist(),
                moved.kind.tolist(),
                (moved.created_at // SECOND).tolist(),
                moved.amount.tolist(),
                moved.fee.tolist(),
                [str(code).lower() for code in CURRENCIES[moved.currency]],
                strict=True,
            ):
                if kind in _CHARGED:
                    self._charge(order, kind, at, amount, fee, currency)
                elif kind in _SUFFIX:
                    self._refund(order, kind, at, -amount)
                elif kind == DISPUTED:
                    self._dispute(order, at, -amount, fees.get(order, 0))

    def _charge(self, order: int, kind: int, at: int, amount: int, fee: int, currency: str) -> None:
        key = f"ch_{order}{_CHARGED[kind]}"
        if amount > 0 and not self._server.knows(key):
            number = str(order)
            self._server.charge(amount, currency, order_id=number, fee=fee, id=key, at=at)

    def _refund(self, order: int, kind: int, at: int, amount: int) -> None:
        first = f"re_{order}{_SUFFIX[kind]}"
        for charge, key in ((f"ch_{order}", first), (f"ch_{order}x", f"{first}b")):
            if not self._server.knows(charge):
                continue
            if self._server.knows(key):
                amount -= self._server.body(key)["amount"]
                continue
            paid = self._server.body(charge)
            part = min(amount, paid["amount_captured"] - paid["amount_refunded"])
            if part > 0:
                self._server.refund(charge, part, reason=_REASON[kind], id=key, at=at)
                amount -= part

    def _dispute(self, order: int, at: int, amount: int, fee: int) -> None:
        charge, key = f"ch_{order}", f"dp_{order}"
        if self._server.knows(charge) and not self._server.knows(key):
            self._server.dispute(charge, amount, fee=fee, id=key, at=at)

    def _pay_out(self, moment: int) -> None:
        """What is due then: the day's payouts are made, or sent, and those of yesterday arrive."""
        at = moment // SECOND
        if moment % DAY == 0:
            self._server.pay_out(at=at)
            for payout in self._payouts_of(moment - DAY, "in_transit"):
                self._server.settle_payout(payout, at=at)
        elif moment % DAY == HOUR:
            for payout in self._payouts_of(moment - HOUR, "pending"):
                self._server.send_payout(payout, at=at)

    def _payouts_of(self, moment: int, status: str) -> list[str]:
        found = self._server.store.select("payout", "created = ?", (moment,))
        return [each.id for each in found if each.body["status"] == status]


def _within(money: Sequence[Movements], start: int, end: int) -> Movements:
    """The movements of a span, as they happened."""
    parts = [each.take((each.created_at >= start) & (each.created_at < end)) for each in money]
    none = np.zeros(0, dtype=np.int64)
    joined = Movements(
        *(
            np.concatenate([none, *(getattr(part, field.name) for part in parts)])
            for field in fields(Movements)
        )
    )
    return joined.take(np.lexsort((joined.kind, joined.order_id, joined.created_at)))


def _parts(start: int, end: int) -> Iterator[tuple[int, int]]:
    """A span cut at the moments of payouts: midnight and an hour later."""
    first = start // DAY * DAY
    days = range(first, end, DAY)
    dates = [at for day in days for at in (day, day + HOUR) if start < at < end]
    edges = [start, *dates, end]
    yield from pairwise(edges)
