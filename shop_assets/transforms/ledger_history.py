"""When which version of an order, a line or a refund counts, and when orders are cancelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from shop_assets.transforms.ledger_keys import Keys
from shop_assets.transforms.versions import (
    NEVER,
    Bools,
    Ints,
    Versions,
    earliest,
    micros,
    run_starts,
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
class Cancellations:
    """Spans `[start, end)` in which orders are cancelled, sorted by order and start."""

    key: Ints
    start: Ints
    end: Ints


def history_of(
    keys: Keys, orders: pd.DataFrame, items: pd.DataFrame, refunds: pd.DataFrame
) -> History:
    """When orders, lines and refunds happened, and from when on each of their versions counts."""
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


def cancellations(order: Versions, cancelled_at: pd.Series, deleted: Bools) -> Cancellations:
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
    return Cancellations(key[real], start[real], end[real])
