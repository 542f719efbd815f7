"""The payment provider's ledger: one Parquet file an hour, in minor units and epoch seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from shop_assets.demo.allocation import order_sums
from shop_assets.demo.catalogue import CURRENCIES, MINOR
from shop_assets.demo.chance import (
    DAY,
    HOUR,
    NEVER,
    SECOND,
    Bools,
    Ints,
    generator,
    span,
    texts,
)
from shop_assets.demo.orders import Births
from shop_assets.demo.plan import DemoPlan

NAME = "ledger-%Y-%m-%dT%H.parquet"
KINDS = texts(["charge", "charge", "refund", "refund", "refund", "dispute", "fee"])
_PREFIX = texts(["ch", "chx", "rex", "rec", "re", "dp", "fee"])
PAID, MORE, LESS, CANCELLED, REFUNDED, DISPUTED, FEE = range(7)
_DISPUTE_FEE = 15


@dataclass(frozen=True)
class Movements:
    """Movements of money; arrays of one length. `amount` and `fee` count minor units.

    `delivered_at` says which hour's file brings a row; `repeats`: that another copy comes, in the
    same file (1) or in the next (2).
    """

    order_id: Ints
    kind: Ints
    created_at: Ints
    delivered_at: Ints
    amount: Ints
    fee: Ints
    currency: Ints
    repeats: Ints

    def take(self, rows: Ints | Bools) -> Movements:
        """Some of the movements."""
        return Movements(*(getattr(self, f.name)[rows] for f in fields(self)))


@dataclass(frozen=True)
class LedgerHour:
    """The rows of one hour's file: true ones, then copies, then some of an unknown type."""

    movements: Movements
    duplicate: Bools
    invalid: Bools

    @property
    def late(self) -> Bools:
        """Which rows came in a later hour than the money moved in."""
        m = self.movements
        return np.asarray(
            (m.created_at // HOUR < m.delivered_at // HOUR) & ~self.duplicate & ~self.invalid
        )


def of_births(plan: DemoPlan, born: Births) -> Movements:
    """All money that an hour's orders move, whenever they do."""
    chance = generator(plan.seed, "payments", born.hour)
    o, r = born.orders, born.refunds
    n = len(o.order_id)
    minor = MINOR[o.currency]
    total, change = o.total // minor, (o.total_after - o.total) // minor
    total_edited = np.where(o.edited_at < NEVER, total + change, total)
    refunded = order_sums(r.order, r.amount + r.shipping + r.tax, n) // minor
    paid = o.paid_at < NEVER
    disputed = paid & (chance.random(n) < 0.001) & (o.cancelled_at == NEVER)
    disputed_at = np.where(disputed, o.paid_at + span(chance, 20, 60, n), NEVER)
    cancelled_at = np.where(paid, o.cancelled_at, NEVER)
    fee = total * 14 // 1_000 + np.array([25, 40, 80])[o.currency]
    none = np.zeros(n, dtype=np.int64)
    dispute_fee = none + _DISPUTE_FEE * 1_000_000 // minor
    rows = [
        (PAID, o.paid_at, total, fee),
        (MORE, np.where(change > 0, o.edited_at, NEVER), change, change * 14 // 1_000),
        (LESS, np.where(change < 0, o.edited_at, NEVER), change, none),
        (CANCELLED, cancelled_at, -total_edited, none),
        (REFUNDED, np.where(refunded > 0, o.refunded_at, NEVER), -refunded, none),
        (DISPUTED, disputed_at, -total, none),
        (FEE, disputed_at, -dispute_fee, none),
    ]
    created = np.concatenate([at for _, at, _, _ in rows])
    m = len(created)
    late = chance.random(m) < 0.01
    every = Movements(
        order_id=np.tile(o.order_id, len(rows)),
        kind=np.repeat(np.array([kind for kind, *_ in rows], dtype=np.int64), n),
        created_at=created,
        delivered_at=created + np.where(late, span(chance, 1, 8, m), 0),
        amount=np.concatenate([amount for _, _, amount, _ in rows]),
        fee=np.concatenate([f for *_, f in rows]),
        currency=np.tile(o.currency, len(rows)),
        repeats=chance.choice([0, 1, 2], m, p=[0.994, 0.004, 0.002]).astype(np.int64),
    )
    every = every.take(every.created_at < NEVER)
    return every.take(np.lexsort((every.kind, every.order_id, every.delivered_at)))


def compose(plan: DemoPlan, hour: int, known: Sequence[Movements]) -> LedgerHour:
    """The rows of an hour's file, from the movements of all orders that can concern it."""
    start = plan.hour_start(hour)
    now, before = [], []
    for movements in known:
        low, middle, high = np.searchsorted(
            movements.delivered_at, [start - HOUR, start, start + HOUR]
        )
        before.append(movements.take(np.arange(low, middle)))
        now.append(movements.take(np.arange(middle, high)))
    fresh, old = _joined(now), _joined(before)
    chance = generator(plan.seed, "ledger", hour)
    spoilt = chance.random(len(fresh.kind)) < plan.dirt
    parts = [
        fresh,
        fresh.take(fresh.repeats == 1),
        old.take(old.repeats == 2),
        fresh.take(spoilt),
    ]
    sizes = [len(part.kind) for part in parts]
    duplicate = np.repeat([False, True, True, False], sizes)
    return LedgerHour(_joined(parts), duplicate, np.repeat([False, False, False, True], sizes))


def _joined(parts: Sequence[Movements]) -> Movements:
    return Movements(
        *(
            np.concatenate([np.zeros(0, dtype=np.int64), *(getattr(p, f.name) for p in parts)])
            for f in fields(Movements)
        )
    )


def table(rows: LedgerHour) -> pa.Table:
    """The file's rows."""
    m = rows.movements
    ids = _PREFIX[m.kind] + "_" + m.order_id.astype(str).astype(object)
    kinds = np.where(rows.invalid, "hold_v2", KINDS[m.kind])
    created = m.created_at // SECOND
    status = np.where(m.kind == DISPUTED, "needs_response", "succeeded")
    return pa.table(
        {
            "id": pa.array(np.where(rows.invalid, ids + "_h", ids), pa.string()),
            "type": pa.array(kinds, pa.string()),
            "status": pa.array(status, pa.string()),
            "order_id": pa.array(m.order_id.astype(str), pa.string()),
            "amount": m.amount,
            "fee": m.fee,
            "currency": pa.array([c.lower() for c in CURRENCIES[m.currency]], pa.string()),
            "created": created,
            "available_on": created // (DAY // SECOND) * (DAY // SECOND) + 7 * DAY // SECOND,
        }
    )
