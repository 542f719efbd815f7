"""What cancellations give back of orders, and what is left of their refunds beside them."""

from __future__ import annotations

import numpy as np

from shop_assets.transforms.ledger_entries import CANCELLED, Entries
from shop_assets.transforms.ledger_state import Goods, Money, State
from shop_assets.transforms.versions import Ints, changes, run_starts, sums


def cancel(state: State, goods: Goods, money: Money) -> list[Entries]:
    """The rows of cancellations; what these have given back is taken out of `money`."""
    keys, clock = state.keys, state.clock
    order, number = clock.split(state.points)
    order, number = order[state.cancelled[order]], number[state.cancelled[order]]
    joined, size = clock.joined(order, number), len(order)
    span = clock.at(
        clock.joined(state.cancel.key, state.cancel.start), state.cancel.key, order, number
    )
    on = (span >= 0) & (number < state.cancel.end[span])
    since = state.cancel.start[span]

    # Refunds of cancelled orders, at those orders' moments.
    rows = np.flatnonzero(state.cancelled[keys.refund_order[money.refund]])
    refund, when = money.refund[rows], money.number[rows]
    point = np.searchsorted(joined, clock.joined(keys.refund_order[refund], when))
    first = clock.number(state.history.refund_first)[refund]
    before = on[point] & (first <= since[point])
    afterwards = on[point] & (first > since[point])
    given = [amount[rows] for amount in money.given]

    # Lines: what remains of each, then what refunds of no line in particular took of it.
    lines = np.flatnonzero(state.cancelled[keys.item_order[goods.item]])
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
    whole, time, line_time = keys.whole_order[order], clock.moments[number], clock.moments[at]
    added = [
        Entries.of("cancellation", CANCELLED, item, item, line_time, left_units, left_amount),
        Entries.of("cancellation", CANCELLED, order, whole, time, whole_units, whole_amount),
    ]

    version, gone = state.order_at(order, number)
    for kind, charged, back in zip(
        ("shipping", "tax"), (state.shipping, state.tax), given[2:], strict=True
    ):
        due = np.where(gone | (version < 0), 0, charged[version])
        left = np.where(on, np.maximum(due - sums(back[before], point[before], size), 0), 0)
        limits.append(left)
        added.append(Entries.of(kind, CANCELLED, order, whole, time, 0 * left, -left))

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
    return added
