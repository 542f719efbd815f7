"""What orders amount to at each moment of their history.

`ledger` explains the rules to its users; here they are, on arrays. Orders whose lines depend on
one another (an order discount to share, a deletion, a cancellation) are worked out at every
moment at which anything of the order changed; the lines of all others at their own versions.
What a cancellation gives back, and what it makes of refunds, is in `ledger_cancellations`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from shop_assets.transforms.allocation import largest_remainder
from shop_assets.transforms.ledger_history import Cancellations, History, cancellations
from shop_assets.transforms.ledger_keys import Keys
from shop_assets.transforms.money import minor_unit
from shop_assets.transforms.versions import Bools, Clock, Ints, Versions, every_point, run_starts


@dataclass(frozen=True)
class Goods:
    """The amounts of lines at moments, sorted by line and moment (`number` of the clock)."""

    item: Ints
    number: Ints
    sale: tuple[Ints, Ints]
    back: tuple[Ints, Ints]
    adjustment: Ints
    discount: Ints


@dataclass(frozen=True)
class Money:
    """What refunds give back at moments: quantity, goods, shipping, tax."""

    refund: Ints
    number: Ints
    given: tuple[Ints, Ints, Ints, Ints]


class State:
    """What orders amount to, worked out at moments that `clock` numbers.

    `points`: every moment, joined with its order, at which a coupled order can change.
    """

    def __init__(
        self,
        keys: Keys,
        history: History,
        orders: pd.DataFrame,
        items: pd.DataFrame,
        refunds: pd.DataFrame,
    ) -> None:
        self.keys, self.history = keys, history
        self.items, self.refunds = items, refunds
        order = history.order
        self.order_deleted = orders["deleted"].to_numpy(dtype=bool)[order.row]
        self.order_unit = minor_unit(orders["currency"]).to_numpy(dtype=np.int64)[order.row]
        self.discount, self.shipping, self.tax = (
            orders[name].to_numpy(dtype=np.int64)[order.row]
            for name in ("discount_micros", "shipping_micros", "tax_micros")
        )
        cancel = cancellations(order, orders["cancelled_at"], self.order_deleted)
        item, refund = history.item, history.refund
        self.clock = Clock.of(order.time, item.time, refund.time, cancel.start, cancel.end)
        number = self.clock.number
        self.order_number, self.item_number, self.refund_number = (
            number(order.time),
            number(item.time),
            number(refund.time),
        )
        self.cancel = Cancellations(cancel.key, number(cancel.start), number(cancel.end))
        self.cancelled = np.zeros(len(keys.whole_order), dtype=bool)
        self.cancelled[cancel.key] = True
        self.coupled = self.cancelled.copy()
        self.coupled[order.key[(self.discount > 0) | self.order_deleted]] = True
        self.points = self._points()
        self.order_joined = self.clock.joined(order.key, self.order_number)

    def _points(self) -> Ints:
        """Every moment (joined with its order) at which a coupled order can change."""
        keys, cancel, joined = self.keys, self.cancel, self.clock.joined
        order = self.history.order.key
        of_item = keys.item_order[self.history.item.key]
        of_refund = keys.refund_order[self.history.refund.key]
        return np.unique(
            np.concatenate(
                [
                    joined(order, self.order_number)[self.coupled[order]],
                    joined(of_item, self.item_number)[self.coupled[of_item]],
                    joined(of_refund, self.refund_number)[self.cancelled[of_refund]],
                    joined(cancel.key, cancel.start),
                    joined(cancel.key, cancel.end)[cancel.end < len(self.clock.moments)],
                ]
            )
        )

    def _grid(self, versions: Versions, number: Ints, parent: Ints, first: Ints) -> Ints:
        """Joined (thing, moment) at which things may change, sorted.

        `parent` and `first` (the number of its first moment) are per thing.
        """
        things = versions.key[run_starts(versions.key)]
        things = things[self.coupled[parent[things]]]
        point_order, point_number = self.clock.split(self.points)
        thing, moment = every_point(things, parent[things], point_number, point_order)
        begun = moment >= first[thing]
        return np.unique(
            np.concatenate(
                [
                    self.clock.joined(thing[begun], moment[begun]),
                    self.clock.joined(versions.key, number),
                ]
            )
        )

    def order_at(self, order: Ints, number: Ints) -> tuple[Ints, Bools]:
        """The order version at a moment (-1: none yet), and whether the order is deleted then."""
        version = self.clock.at(self.order_joined, self.history.order.key, order, number)
        if not len(self.order_deleted):
            return version, np.zeros(len(version), dtype=bool)
        return version, (version >= 0) & self.order_deleted[np.maximum(version, 0)]

    def goods(self) -> Goods:
        """What the lines amount to."""
        versions, items = self.history.item, self.items
        parent = self.keys.item_order
        joined = self._grid(
            versions, self.item_number, parent, self.clock.number(self.history.item_first)
        )
        item, number = self.clock.split(joined)
        known = self.clock.joined(versions.key, self.item_number)
        row = versions.row[self.clock.at(known, versions.key, item, number)]
        order_version, order_gone = self.order_at(parent[item], number)
        alive = ~order_gone & ~items["deleted"].to_numpy(dtype=bool)[row]

        quantity = np.where(alive, items["quantity"].to_numpy(dtype=np.int64)[row], 0)
        price = items["unit_price_micros"].to_numpy(dtype=np.int64)[row]
        discount = items["discount_micros"].to_numpy(dtype=np.int64)[row]
        gift = items["line_type"].eq("gift_card").to_numpy(dtype=bool)[row]
        amount = quantity * price
        net = amount - np.sign(quantity) * discount
        sold = (quantity > 0) & (price > 0) & ~gift
        back = (quantity < 0) & (price > 0) & ~gift
        sale = np.where(sold, amount, 0)
        shared = self._shares(parent[item], number, order_version, sale)
        return Goods(
            item,
            number,
            (np.where(sold, quantity, 0), sale),
            (np.where(back, -quantity, 0), np.where(back, -net, 0)),
            np.where(price < 0, amount, np.where(gift & (price > 0), net, 0)),
            np.where(sold, discount, 0) + shared,
        )

    def _shares(self, order: Ints, number: Ints, version: Ints, sale: Ints) -> Ints:
        """Each sale line's share of its order's discount at a moment."""
        share = np.zeros(len(sale), dtype=np.int64)
        rows = np.flatnonzero((sale > 0) & (version >= 0))
        rows = rows[self.discount[version[rows]] > 0]
        if len(rows):
            joined = self.clock.joined(order[rows], number[rows])
            _, first, group = np.unique(joined, return_index=True, return_inverse=True)
            chosen = version[rows][first]
            share[rows] = largest_remainder(
                self.discount[chosen], sale[rows], group.astype(np.int64), self.order_unit[chosen]
            )
        return share

    def money(self) -> Money:
        """What the refunds give back, as if no order were cancelled."""
        versions, refunds = self.history.refund, self.refunds
        parent = self.keys.refund_order
        joined = self._grid(
            versions, self.refund_number, parent, self.clock.number(self.history.refund_first)
        )
        refund, number = self.clock.split(joined)
        known = self.clock.joined(versions.key, self.refund_number)
        row = versions.row[self.clock.at(known, versions.key, refund, number)]
        _, order_gone = self.order_at(parent[refund], number)
        alive = ~order_gone & ~refunds["deleted"].to_numpy(dtype=bool)[row]
        quantity, amount, shipping, tax = (
            np.where(alive, refunds[name].to_numpy(dtype=np.int64)[row], 0)
            for name in ("quantity", "amount_micros", "shipping_micros", "tax_micros")
        )
        return Money(refund, number, (quantity, amount, shipping, tax))
