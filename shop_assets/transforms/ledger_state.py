"""What an order amounts to at each moment of its history, and what that changes by.

`ledger` explains the rules to its users; here they are, on arrays. Orders whose lines depend on
one another (an order discount to share, a deletion, a cancellation) are worked out at every
moment at which anything of the order changed; the lines of all others at their own versions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from shop_assets.entities.ledger import LEDGER_KINDS
from shop_assets.transforms.allocation import largest_remainder
from shop_assets.transforms.money import minor_unit
from shop_assets.transforms.versions import (
    NEVER,
    Bools,
    Clock,
    Ints,
    Versions,
    changes,
    earliest,
    every_point,
    micros,
    run_starts,
    sums,
)

KIND = {kind: code for code, kind in enumerate(LEDGER_KINDS)}
MOMENT, CANCELLED = -1, -2
"""Events that are no refund's: the moment of a version, and the order's cancellation."""


@dataclass(frozen=True)
class Keys:
    """Orders, lines and refunds, numbered in the order of their ids.

    Each order has, besides its own lines, one without an id: the order as a whole. The `*_rows`
    are the numbers of the inputs' rows.
    """

    order_source: pd.Series
    order_id: pd.Series
    item_id: pd.Series
    refund_id: pd.Series
    item_order: Ints
    whole_order: Ints
    refund_order: Ints
    refund_item: Ints
    order_rows: Ints
    item_rows: Ints
    refund_rows: Ints

    @classmethod
    def of(cls, orders: pd.DataFrame, items: pd.DataFrame, refunds: pd.DataFrame) -> Keys:
        """The keys of all rows of the three frames."""
        frames = (orders, items, refunds)
        borders = np.cumsum([len(f) for f in frames])[:-1]
        source, sources = _numbered(*(f["source"] for f in frames))
        text, texts = _numbered(*(f["order_id"] for f in frames))
        pairs, joint = np.unique(source * len(texts) + text, return_inverse=True)
        of_order, of_item, of_refund = np.split(joint.astype(np.int64), borders)

        blank = pd.Series([""], dtype="str")
        label, labels = _numbered(blank, items["item_id"], refunds["item_id"].fillna(""))
        whole = np.arange(len(pairs), dtype=np.int64)
        parent = np.concatenate([whole, of_item, of_refund])
        label = np.concatenate([np.zeros(len(pairs), dtype=np.int64), label[1:]])
        lines, joint = np.unique(parent * len(labels) + label, return_inverse=True)
        whole_order, item_rows, item_of_refund = np.split(
            joint.astype(np.int64), [len(pairs), len(pairs) + len(items)]
        )

        refund, refund_ids = _numbered(refunds["refund_id"])
        refund_sources = source[len(orders) + len(items) :]
        pairs_r, refund_rows = np.unique(
            refund_sources * max(len(refund_ids), 1) + refund, return_inverse=True
        )
        # A refund belongs where its newest version says.
        latest = np.lexsort((micros(refunds["version_at"]), refund_rows))
        refund_order = np.zeros(len(pairs_r), dtype=np.int64)
        refund_order[refund_rows[latest]] = of_refund[latest]
        refund_item = np.zeros(len(pairs_r), dtype=np.int64)
        refund_item[refund_rows[latest]] = item_of_refund[latest]
        return cls(
            order_source=sources.take(pairs // len(texts)).reset_index(drop=True),
            order_id=texts.take(pairs % len(texts)).reset_index(drop=True),
            item_id=labels.take(lines % len(labels)).reset_index(drop=True),
            refund_id=refund_ids.take(pairs_r % max(len(refund_ids), 1)).reset_index(drop=True),
            item_order=lines // len(labels),
            whole_order=whole_order,
            refund_order=refund_order,
            refund_item=refund_item,
            order_rows=of_order,
            item_rows=item_rows,
            refund_rows=refund_rows.astype(np.int64),
        )


def _numbered(*columns: pd.Series) -> tuple[Ints, pd.Series]:
    """Numbers of the values, in the values' own order, and the values."""
    codes, labels = pd.factorize(
        pd.concat([c.astype("str") for c in columns], ignore_index=True), sort=True
    )
    return codes.astype(np.int64), pd.Series(labels, dtype="str")


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


@dataclass(frozen=True)
class History:
    """When which version of what counts."""

    ordered: Ints
    order: Versions
    item: Versions
    refund: Versions
    item_first: Ints
    refund_first: Ints


@dataclass(frozen=True)
class _Cancellations:
    """Spans `[start, end)` in which orders are cancelled, sorted by order and start."""

    key: Ints
    start: Ints
    end: Ints


@dataclass(frozen=True)
class _Goods:
    """The amounts of lines at moments, sorted by line and moment (`number` of the clock)."""

    item: Ints
    number: Ints
    sale: tuple[Ints, Ints]
    back: tuple[Ints, Ints]
    adjustment: Ints
    discount: Ints


@dataclass(frozen=True)
class _Money:
    """What refunds give back at moments: quantity, goods, shipping, tax."""

    refund: Ints
    number: Ints
    given: tuple[Ints, Ints, Ints, Ints]


def entries(
    keys: Keys, orders: pd.DataFrame, items: pd.DataFrame, refunds: pd.DataFrame
) -> tuple[Entries, History]:
    """The ledger's rows, unsorted, and the history they follow from."""
    history = _history(keys, orders, items, refunds)
    state = _State(keys, history, orders, items, refunds)
    return state.entries(), history


def _history(
    keys: Keys, orders: pd.DataFrame, items: pd.DataFrame, refunds: pd.DataFrame
) -> History:
    count = len(keys.whole_order)
    placed, refunded = micros(items["placed_at"]), micros(refunds["refunded_at"])
    ordered = earliest(keys.order_rows, micros(orders["placed_at"]), count)
    for parent, time in (
        (keys.item_order[keys.item_rows], placed),
        (keys.refund_order[keys.refund_rows], refunded),
    ):
        ordered = np.where(ordered == NEVER, earliest(parent, time, count), ordered)
    # What says that it happened before its order was placed was told by another clock.
    item_first = np.maximum(
        earliest(keys.item_rows, placed, len(keys.item_order)), ordered[keys.item_order]
    )
    refund_first = np.maximum(
        earliest(keys.refund_rows, refunded, len(keys.refund_order)), ordered[keys.refund_order]
    )
    return History(
        ordered,
        Versions.of(keys.order_rows, micros(orders["version_at"]), ordered, ordered),
        Versions.of(keys.item_rows, micros(items["version_at"]), item_first, item_first),
        Versions.of(keys.refund_rows, micros(refunds["version_at"]), refund_first, refund_first),
        item_first,
        refund_first,
    )


def _cancellations(order: Versions, cancelled_at: pd.Series, deleted: Bools) -> _Cancellations:
    """The spans in which orders are cancelled.

    A span begins at the `cancelled_at` of the first version that has one (not before a
    cancellation taken back) and ends with the version that has none any more.
    """
    on = cancelled_at.notna().to_numpy(dtype=bool)[order.row] & ~deleted
    new_order = run_starts(order.key)
    begins = on.copy()
    begins[1:] &= new_order[1:] | ~on[:-1]
    begin = np.flatnonzero(begins)
    border = np.append(np.flatnonzero(~on | new_order), len(on))
    after = border[np.searchsorted(border, begin, side="right")]
    inside = np.minimum(after, len(on) - 1)
    ends = (after < len(on)) & (order.key[inside] == order.key[begin])
    key, end = order.key[begin], np.where(ends, order.time[inside], NEVER)
    floor = order.time[np.searchsorted(order.key, key)]
    again = np.zeros(len(key), dtype=bool)
    again[1:] = key[1:] == key[:-1]
    floor[again] = np.maximum(floor, np.roll(end, 1))[again]
    start = np.maximum(micros(cancelled_at)[order.row][begin], floor)
    real = start < end
    return _Cancellations(key[real], start[real], end[real])


class _State:
    """One ledger's working out, step by step."""

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
        cancel = _cancellations(order, orders["cancelled_at"], self.order_deleted)
        item, refund = history.item, history.refund
        self.clock = Clock.of(order.time, item.time, refund.time, cancel.start, cancel.end)
        number = self.clock.number
        self.order_number, self.item_number, self.refund_number = (
            number(order.time),
            number(item.time),
            number(refund.time),
        )
        self.cancel = _Cancellations(cancel.key, number(cancel.start), number(cancel.end))
        self.cancelled = np.zeros(len(keys.whole_order), dtype=bool)
        self.cancelled[cancel.key] = True
        self.coupled = self.cancelled.copy()
        self.coupled[order.key[(self.discount > 0) | self.order_deleted]] = True
        self.points = self._points()
        self.order_joined = self.clock.joined(order.key, self.order_number)
        self.found: list[Entries] = []

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

    def entries(self) -> Entries:
        """All rows."""
        goods, money = self._goods(), self._refunds()
        if self.cancelled.any():
            money = self._cancel(goods, money)
        for kind, (quantity, amount) in (
            ("sale", goods.sale),
            ("return", goods.back),
            ("adjustment", (np.zeros_like(goods.adjustment), goods.adjustment)),
            ("discount", (np.zeros_like(goods.discount), goods.discount)),
        ):
            self._add(kind, MOMENT, goods.item, goods.item, goods.number, quantity, amount)

        order = self.history.order.key
        for kind, charged in (("shipping", self.shipping), ("tax", self.tax)):
            amount = np.where(self.order_deleted, 0, charged)
            whole = self.keys.whole_order[order]
            self._add(kind, MOMENT, order, whole, self.order_number, 0 * amount, amount)

        quantity, amount, shipping, tax = money.given
        line = self.keys.refund_item[money.refund]
        whole = self.keys.whole_order[self.keys.refund_order[money.refund]]
        event = money.refund
        self._add("return", event, money.refund, line, money.number, quantity, amount)
        self._add("shipping", event, money.refund, whole, money.number, 0 * shipping, -shipping)
        self._add("tax", event, money.refund, whole, money.number, 0 * tax, -tax)
        return Entries(
            *(
                np.concatenate([getattr(part, name) for part in self.found])
                for name in ("item", "kind", "event", "time", "quantity", "amount")
            )
        )

    def _add(
        self,
        kind: str,
        event: Ints | int,
        key: Ints,
        item: Ints,
        number: Ints,
        quantity: Ints,
        amount: Ints,
    ) -> None:
        """Append what amounts change by; rows are sorted by `key` and `number`."""
        quantity, amount = changes(key, quantity), changes(key, amount)
        rows = np.flatnonzero((quantity != 0) | (amount != 0))
        self.found.append(
            Entries(
                item[rows],
                np.full(len(rows), KIND[kind], dtype=np.int64),
                np.broadcast_to(np.asarray(event, dtype=np.int64), len(key))[rows],
                self.clock.moments[number[rows]],
                quantity[rows],
                amount[rows],
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

    def _order_at(self, order: Ints, number: Ints) -> tuple[Ints, Bools]:
        """The order version at a moment (-1: none yet), and whether the order is deleted then."""
        version = self.clock.at(self.order_joined, self.history.order.key, order, number)
        if not len(self.order_deleted):
            return version, np.zeros(len(version), dtype=bool)
        return version, (version >= 0) & self.order_deleted[np.maximum(version, 0)]

    def _goods(self) -> _Goods:
        versions, items = self.history.item, self.items
        parent = self.keys.item_order
        joined = self._grid(
            versions, self.item_number, parent, self.clock.number(self.history.item_first)
        )
        item, number = self.clock.split(joined)
        known = self.clock.joined(versions.key, self.item_number)
        row = versions.row[self.clock.at(known, versions.key, item, number)]
        order_version, order_gone = self._order_at(parent[item], number)
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
        return _Goods(
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

    def _refunds(self) -> _Money:
        versions, refunds = self.history.refund, self.refunds
        parent = self.keys.refund_order
        joined = self._grid(
            versions, self.refund_number, parent, self.clock.number(self.history.refund_first)
        )
        refund, number = self.clock.split(joined)
        known = self.clock.joined(versions.key, self.refund_number)
        row = versions.row[self.clock.at(known, versions.key, refund, number)]
        _, order_gone = self._order_at(parent[refund], number)
        alive = ~order_gone & ~refunds["deleted"].to_numpy(dtype=bool)[row]
        quantity, amount, shipping, tax = (
            np.where(alive, refunds[name].to_numpy(dtype=np.int64)[row], 0)
            for name in ("quantity", "amount_micros", "shipping_micros", "tax_micros")
        )
        return _Money(refund, number, (quantity, amount, shipping, tax))

    def _cancel(self, goods: _Goods, money: _Money) -> _Money:
        """Add the rows of cancellations; the refunds, without what these have given back."""
        keys, clock = self.keys, self.clock
        order, number = clock.split(self.points)
        order, number = order[self.cancelled[order]], number[self.cancelled[order]]
        joined, size = clock.joined(order, number), len(order)
        span = clock.at(
            clock.joined(self.cancel.key, self.cancel.start), self.cancel.key, order, number
        )
        on = (span >= 0) & (number < self.cancel.end[span])
        since = self.cancel.start[span]

        # Refunds of cancelled orders, at those orders' moments.
        rows = np.flatnonzero(self.cancelled[keys.refund_order[money.refund]])
        refund, when = money.refund[rows], money.number[rows]
        point = np.searchsorted(joined, clock.joined(keys.refund_order[refund], when))
        first = clock.number(self.history.refund_first)[refund]
        before = on[point] & (first <= since[point])
        afterwards = on[point] & (first > since[point])
        given = [amount[rows] for amount in money.given]

        # Lines: what remains of each, then what refunds of no line in particular took of it.
        lines = np.flatnonzero(self.cancelled[keys.item_order[goods.item]])
        item, at = goods.item[lines], goods.number[lines]
        line_point = np.searchsorted(joined, clock.joined(keys.item_order[item], at))
        line_joined = clock.joined(item, at)
        target = clock.joined(keys.refund_item[refund], when)
        found = np.minimum(np.searchsorted(line_joined, target), max(len(lines) - 1, 0))
        of_line = before & (line_joined[found] == target) if len(lines) else before & False
        of_none = before & (keys.refund_item[refund] == keys.whole_order[keys.refund_order[refund]])
        limits: list[Ints] = []
        cancelled: list[tuple[Ints, Ints]] = []
        net = (goods.sale[0], goods.sale[1] - goods.discount)
        for value, back in zip(net, given[:2], strict=True):
            taken = sums(back[of_line], found[of_line], len(lines))
            left = np.where(on[line_point], np.maximum(value[lines] - taken, 0), 0)
            total = sums(left, line_point, size)
            unnamed = np.minimum(sums(back[of_none], point[of_none], size), total)
            limits.append(total - unnamed)
            cancelled.append((left, -unnamed))
        (left_units, whole_units), (left_amount, whole_amount) = cancelled
        whole = keys.whole_order[order]
        self._add("cancellation", CANCELLED, item, item, at, left_units, left_amount)
        self._add("cancellation", CANCELLED, order, whole, number, whole_units, whole_amount)

        version, gone = self._order_at(order, number)
        for kind, charged, back in zip(
            ("shipping", "tax"), (self.shipping, self.tax), given[2:], strict=True
        ):
            due = np.where(gone | (version < 0), 0, charged[version])
            left = np.where(on, np.maximum(due - sums(back[before], point[before], size), 0), 0)
            limits.append(left)
            self._add(kind, CANCELLED, order, whole, number, 0 * left, -left)

        # Refunds after the cancellation count beyond what it gave back, the earliest first.
        sorting = np.lexsort((refund, first, point))
        begin = run_starts(point[sorting])
        for amount, limit, all_amounts in zip(given, limits, money.given, strict=True):
            running = np.cumsum(np.where(afterwards, amount, 0)[sorting])
            previous = np.where(begin, np.r_[0, running[:-1]], 0)
            running -= np.maximum.accumulate(previous)
            beyond = np.maximum(running - limit[point[sorting]], 0)
            counted = amount.copy()
            counted[sorting] = changes(point[sorting], beyond)
            all_amounts[rows[afterwards]] = counted[afterwards]
        return money
