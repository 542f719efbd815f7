"""The warehouse-management database: stock that moves, and readings of what is there.

Movements carry the local time of the warehouse without a zone, as such systems do. Readings are
published once a minute for what has changed. Stock depends on all that went before, so the levels
at the start of the hour are the one thing that the simulation has to remember.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from shop_assets.demo.catalogue import Catalogue
from shop_assets.demo.chance import (
    HOUR,
    MINUTE,
    NEVER,
    SECOND,
    Bools,
    Ints,
    generator,
    moments,
    texts,
)
from shop_assets.demo.orders import Births
from shop_assets.demo.plan import ZONE, DemoPlan

LOCATIONS = texts(["BER", "MUC"])
metadata = sa.MetaData()
STOCK_MOVEMENTS = sa.Table(
    "stock_movements",
    metadata,
    sa.Column("movement_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("booked_at", sa.TIMESTAMP(timezone=False), nullable=False, index=True),
    sa.Column("sku", sa.Text),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("order_id", sa.BigInteger),
)
STOCK_LEVELS = sa.Table(
    "stock_levels",
    metadata,
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("location", sa.Text, primary_key=True),
    sa.Column("measured_at", sa.TIMESTAMP(timezone=True), primary_key=True, index=True),
    sa.Column("available", sa.BigInteger, nullable=False),
    sa.Column("committed", sa.BigInteger, nullable=False),
    sa.Column("unavailable", sa.BigInteger, nullable=False),
)
TABLES = (STOCK_MOVEMENTS, STOCK_LEVELS)

_REASONS = texts(["", "sale", "return", "receipt", "correction"])
_RESERVE, _SALE, _RETURN, _RECEIPT, _CORRECTION = range(5)
_MOVEMENTS_PER_HOUR = 10_000_000
_PACK = 10


@dataclass(frozen=True)
class Levels:
    """Units per cell (a product at a location: product x 2 + location), at one moment."""

    on_hand: Ints
    committed: Ints
    unavailable: Ints

    @property
    def available(self) -> Ints:
        """Units that can be sold; negative where more was sold than there is."""
        return self.on_hand - self.committed - self.unavailable


@dataclass(frozen=True)
class _Changes:
    at: Ints
    cell: Ints
    on_hand: Ints
    committed: Ints
    reason: Ints
    order_id: Ints

    @staticmethod
    def of(
        at: Ints, cell: Ints, on_hand: Ints, committed: Ints, reason: int, order: Ints
    ) -> _Changes:
        return _Changes(at, cell, on_hand, committed, np.full(len(at), reason), order)

    def take(self, rows: Ints | Bools) -> _Changes:
        return _Changes(
            self.at[rows],
            self.cell[rows],
            self.on_hand[rows],
            self.committed[rows],
            self.reason[rows],
            self.order_id[rows],
        )


def _joined(parts: Sequence[_Changes]) -> _Changes:
    fields = ("at", "cell", "on_hand", "committed", "reason", "order_id")
    return _Changes(*(np.concatenate([getattr(p, f) for p in parts]) for f in fields))


@dataclass(frozen=True)
class StockHour:
    """One hour of the warehouse: its rows with their moments, and the levels at its end."""

    movements: pa.Table
    moved_at: Ints
    readings: pa.Table
    read_at: Ints
    end: Levels

    def movement_rows(self, start: int, end: int) -> pa.Table:
        """The movements booked in `[start, end)`."""
        return self.movements.filter(pa.array((self.moved_at >= start) & (self.moved_at < end)))

    def reading_rows(self, start: int, end: int) -> pa.Table:
        """The readings made in `[start, end)`."""
        return self.readings.filter(pa.array((self.read_at >= start) & (self.read_at < end)))


class Warehouse:
    """The stock of a plan's products in two places."""

    def __init__(self, plan: DemoPlan, catalogue: Catalogue) -> None:
        self._plan = plan
        self._catalogue = catalogue
        self._sold: dict[int, _Changes] = {}
        split = np.array([0.65, 0.35])
        units = plan.orders_per_hour * 24 * 2.0 * 1.5
        self._daily = (catalogue.popularity[:, None] * units * split).ravel()

    def opening(self) -> Levels:
        """The levels when the shop opens."""
        chance = generator(self._plan.seed, "stock")
        days = chance.uniform(0.8, 2.0, len(self._daily))
        on_hand = (self._daily * days).astype(np.int64) + 20
        return Levels(on_hand, np.zeros_like(on_hand), chance.integers(0, 3, len(on_hand)))

    def hour(self, number: int, alive: Sequence[Births], before: Levels) -> StockHour:
        """All that happens in an hour, from the levels at its start.

        `alive`: the births of every hour that can still change stock in this one.
        """
        start = self._plan.hour_start(number)
        known = {b.hour for b in alive}
        self._sold = {h: c for h, c in self._sold.items() if h in known}
        parts = [self._own(number, before)]
        for born in alive:
            if born.hour not in self._sold:
                self._sold[born.hour] = _of_orders(born)
            # What happened before is not asked for again.
            to_come = self._sold[born.hour]
            low, high = np.searchsorted(to_come.at, [start, start + HOUR])
            parts.append(to_come.take(np.arange(low, high)))
            self._sold[born.hour] = to_come.take(np.arange(low, len(to_come.at)))
        found = _joined(parts)
        found = found.take(np.lexsort((found.order_id, found.reason, found.cell, found.at)))
        moved = found.take(found.reason != _RESERVE)
        movements, moved_at = self._movements(number, moved)
        read_at, readings, end = self._readings(start, found, before)
        return StockHour(movements, moved_at, readings, read_at, end)

    def _own(self, number: int, before: Levels) -> _Changes:
        """Deliveries from suppliers, corrections, and a first look at everything."""
        plan = self._plan
        chance = generator(plan.seed, "warehouse", number)
        start, cells = plan.hour_start(number), len(self._daily)
        every = np.arange(cells, dtype=np.int64)
        # Each product has its hour of the morning, when what was ordered the day before arrives.
        due = (every // 2) % 5 + 5 == plan.local(number).hour
        free = before.on_hand - before.committed
        lacking = due & (free < self._daily * 1.2 + 10)
        wanted = ((self._daily * 2.4 + 30 - free) // _PACK + 1).astype(np.int64) * _PACK
        receipts = np.flatnonzero(lacking)
        at = start + chance.integers(0, HOUR, cells)[receipts]
        none = np.zeros(len(receipts), dtype=np.int64)
        parts = [_Changes.of(at, receipts, wanted[receipts], none, _RECEIPT, none)]
        count = int(chance.poisson(cells / 240))
        corrected = chance.integers(0, cells, count)
        by = chance.choice([-3, -2, -1, 1], count).astype(np.int64)
        at = start + chance.integers(0, HOUR, count)
        none = np.zeros(count, dtype=np.int64)
        parts.append(_Changes.of(at, corrected, by, none, _CORRECTION, none))
        if number == 0:
            none = np.zeros(cells, dtype=np.int64)
            parts.append(_Changes.of(none + start, every, none, none, _RESERVE, none))
        return _joined(parts)

    def _movements(self, number: int, moved: _Changes) -> tuple[pa.Table, Ints]:
        chance = generator(self._plan.seed, "movements", number)
        n = len(moved.at)
        junk = chance.random(n) < self._plan.dirt
        # A booking without article: made twice, once with it and once without.
        rows = np.concatenate([np.arange(n), np.flatnonzero(junk)])
        nameless = np.arange(len(rows)) >= n
        found = moved.take(rows)
        local = pc.local_timestamp(moments(found.at).cast(pa.timestamp("us", ZONE.key)))
        order = found.order_id
        table = pa.table(
            {
                "movement_id": (number + 1) * _MOVEMENTS_PER_HOUR + np.arange(len(rows)),
                "booked_at": local,
                "sku": pa.array(self._catalogue.skus[found.cell // 2], pa.string(), mask=nameless),
                "location": pa.array(LOCATIONS[found.cell % 2], pa.string()),
                "quantity": found.on_hand,
                "reason": pa.array(_REASONS[found.reason], pa.string()),
                "order_id": pa.array(order, mask=order == 0),
            }
        )
        return table, found.at

    def _readings(
        self, start: int, found: _Changes, before: Levels
    ) -> tuple[Ints, pa.Table, Levels]:
        by_cell = np.argsort(found.cell, kind="stable")
        cell, minute = found.cell[by_cell], (found.at[by_cell] - start) // MINUTE
        first = np.searchsorted(cell, cell, side="left")

        def level(change: Ints, opening: Ints) -> Ints:
            running = np.concatenate([[0], np.cumsum(change[by_cell])])
            return np.asarray(opening[cell] + running[1:] - running[first], dtype=np.int64)

        on_hand = level(found.on_hand, before.on_hand)
        committed = level(found.committed, before.committed)
        n = len(cell)
        last = np.ones(n, dtype=bool)
        last[:-1] = (cell[1:] != cell[:-1]) | (minute[1:] != minute[:-1])
        rows = np.flatnonzero(last)
        at = start + (minute[rows] + 1) * MINUTE - SECOND
        where, unavailable = cell[rows], before.unavailable[cell[rows]]
        table = pa.table(
            {
                "sku": pa.array(self._catalogue.skus[where // 2], pa.string()),
                "location": pa.array(LOCATIONS[where % 2], pa.string()),
                "measured_at": moments(at),
                "available": on_hand[rows] - committed[rows] - unavailable,
                "committed": committed[rows],
                "unavailable": unavailable,
            }
        )
        after_hand, after_committed = before.on_hand.copy(), before.committed.copy()
        np.add.at(after_hand, found.cell, found.on_hand)
        np.add.at(after_committed, found.cell, found.committed)
        return at, table, Levels(after_hand, after_committed, before.unavailable)


def _of_orders(born: Births) -> _Changes:
    """What an hour's orders do to stock, whenever they do it, ordered by time."""
    o, i, r = born.orders, born.items, born.refunds
    rows = np.flatnonzero(~i.is_gift & ~o.is_test[i.order])
    order = i.order[rows]
    cell = i.product[rows] * 2 + o.location[order]
    order_id = o.order_id[order]
    quantity, zero = i.quantity[rows], np.zeros(len(rows), dtype=np.int64)
    final = np.where(i.removed[rows], 0, i.quantity_after[rows])
    # What is neither paid nor cancelled is promised until the payment has failed.
    released = np.minimum(o.failed_at, o.cancelled_at)[order]
    back = r.restocked & ~i.is_gift[r.item]
    back_order, back_item = r.order[back], r.item[back]
    back_quantity = r.quantity[back]
    parts = [
        _Changes.of(i.created_at[rows], cell, zero, quantity, _RESERVE, order_id),
        _Changes.of(i.edited_at[rows], cell, zero, final - quantity, _RESERVE, order_id),
        _Changes.of(released, cell, zero, -final, _RESERVE, order_id),
        _Changes.of(o.fulfilled_at[order], cell, -final, -final, _SALE, order_id),
        _Changes.of(
            r.refunded_at[back],
            i.product[back_item] * 2 + o.location[back_order],
            back_quantity,
            np.zeros(len(back_item), dtype=np.int64),
            _RETURN,
            o.order_id[back_order],
        ),
    ]
    every = _joined(parts)
    happens = (every.at < NEVER) & ((every.on_hand != 0) | (every.committed != 0))
    every = every.take(happens)
    return every.take(np.argsort(every.at, kind="stable"))
