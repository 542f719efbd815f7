"""The sales ledger: every money event of an order, from the versions of its rows.

At any moment an order has a state: what its lines, discounts, shipping, tax, refunds and
cancellation amount to, by the versions that count then. A ledger row is what such an amount
changes by at one moment. So the rows of an order always sum to its newest state, the ledger is a
function of the set of versions alone, and a new version adds rows from its own time on without
touching any row before it. `ledger_state` and `ledger_cancellations` hold the rules of the state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.entities.ledger import LEDGER_KINDS
from shop_assets.transforms.ledger_cancellations import cancel
from shop_assets.transforms.ledger_entries import CANCELLED, MOMENT, Entries
from shop_assets.transforms.ledger_history import history_of
from shop_assets.transforms.ledger_keys import Keys
from shop_assets.transforms.ledger_state import State
from shop_assets.transforms.versions import Ints, Versions

_SPEC = TABLES["sales_ledger"]


def sales_ledger(orders: pd.DataFrame, items: pd.DataFrame, refunds: pd.DataFrame) -> pd.DataFrame:
    """The `sales_ledger` rows of a set of whole orders.

    The inputs hold all versions of the rows of `orders`, `order_items` and `refunds`: one row
    per key and `version_at`, in any order. An order's parts may be missing; its lines then count
    as placed when they say. Rows are sorted by order, line and time.

    - A first version's events happen when the line was sold, and not before its order was
      placed; a later version gives the differences, at its own time, as rows of the same kind.
      `event_id` is that moment (micros since 1970), a refund's id, or `cancelled`.
    - A line with a positive price is a `sale`, or a `return` where its quantity is negative
      (net of its own discount); one with a negative price, or a gift card, an `adjustment`.
    - `discount`: a sale line's own discount and its share of the order's. An order's discount
      needs a sale line to stand on; without any there is no row.
    - A deleted line, refund or order amounts to nothing from that version on; with an order,
      all that belongs to it.
    - `cancellation`: what remained of each sale line, net of discounts and earlier refunds, at
      the time of the cancellation; remaining shipping and tax are given back beside it. Refunds
      made afterwards are the money of the cancellation, and count only beyond it. Earlier
      refunds that name no line stand against the cancellation in a row without a line.
    """
    if orders.empty and items.empty and refunds.empty:
        return _SPEC.empty()
    keys = Keys.of(orders, items, refunds)
    history = history_of(keys, orders, items, refunds)
    found = _entries(State(keys, history, orders, items, refunds))
    newest = _Newest(
        order=_newest(history.order, orders, len(keys.order_source)),
        item=_newest(history.item, items, len(keys.item_order)),
        refund=_newest(history.refund, refunds, len(keys.refund_order)),
    )
    return _frame(keys, found, newest, history.ordered, (orders, items, refunds))


def _entries(state: State) -> Entries:
    """What each amount of the state changes by, unsorted."""
    keys, clock = state.keys, state.clock
    goods, money = state.goods(), state.money()
    found = cancel(state, goods, money) if state.cancelled.any() else []
    item, time = goods.item, clock.moments[goods.number]
    for kind, (quantity, amount) in (
        ("sale", goods.sale),
        ("return", goods.back),
        ("adjustment", (np.zeros_like(goods.adjustment), goods.adjustment)),
        ("discount", (np.zeros_like(goods.discount), goods.discount)),
    ):
        found.append(Entries.of(kind, MOMENT, item, item, time, quantity, amount))

    order, time = state.history.order.key, clock.moments[state.order_number]
    whole = keys.whole_order[order]
    for kind, charged in (("shipping", state.shipping), ("tax", state.tax)):
        amount = np.where(state.order_deleted, 0, charged)
        found.append(Entries.of(kind, MOMENT, order, whole, time, 0 * amount, amount))

    refund, time = money.refund, clock.moments[money.number]
    quantity, amount, shipping, tax = money.given
    line, whole = keys.refund_item[refund], keys.whole_order[keys.refund_order[refund]]
    found += [
        Entries.of("return", refund, refund, line, time, quantity, amount),
        Entries.of("shipping", refund, refund, whole, time, 0 * shipping, -shipping),
        Entries.of("tax", refund, refund, whole, time, 0 * tax, -tax),
    ]
    return Entries.joined(found)


@dataclass(frozen=True)
class _Newest:
    """Position of each key's newest version in its frame; -1 where there is none."""

    order: Ints
    item: Ints
    refund: Ints


def _newest(versions: Versions, frame: pd.DataFrame, keys: int) -> Ints:
    """The newest version that is not a deletion; the deletion where there is nothing else."""
    position = np.arange(len(versions.key))
    deleted = frame["deleted"].to_numpy(dtype=bool)[versions.row]
    last = np.full(keys, -1, dtype=np.int64)
    np.maximum.at(last, versions.key, position)
    alive = np.full(keys, -1, dtype=np.int64)
    np.maximum.at(alive, versions.key[~deleted], position[~deleted])
    best = np.where(alive >= 0, alive, last)
    if not len(versions.row):
        return best
    return np.where(best >= 0, versions.row[np.maximum(best, 0)], -1)


def _frame(
    keys: Keys,
    found: Entries,
    newest: _Newest,
    ordered: Ints,
    frames: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> pd.DataFrame:
    orders, items, refunds = frames
    found = found.take(np.lexsort((found.event, found.kind, found.time, found.item)))
    order = keys.item_order[found.item]
    order_row, item_row = newest.order[order], newest.item[found.item]
    refund_row = _looked_up(newest.refund, found.event)
    return _SPEC.conform(
        pd.DataFrame(
            {
                "source": keys.order_source.array.take(order),
                "order_id": keys.order_id.array.take(order),
                "item_id": keys.item_id.array.take(found.item),
                "kind": pd.Series(LEDGER_KINDS, dtype="str").array.take(found.kind),
                "event_id": _event_ids(found, keys.refund_id),
                "happened_at": _timestamps(found.time),
                "ordered_at": _timestamps(ordered[order]),
                "customer_id": _taken(orders, "customer_id", order_row),
                "product_id": _taken(items, "product_id", item_row),
                "line_type": _taken(items, "line_type", item_row),
                "quantity": found.quantity,
                "amount_micros": found.amount,
                "currency": _taken(refunds, "currency", refund_row)
                .fillna(_taken(items, "currency", item_row))
                .fillna(_taken(orders, "currency", order_row)),
                "is_test": _taken(orders, "is_test", order_row).fillna(False),
            }
        )
    )


def _looked_up(rows: Ints, codes: Ints) -> Ints:
    """`rows[codes]`, and -1 for codes below 0."""
    if not len(rows):
        return np.full(len(codes), -1, dtype=np.int64)
    return np.where(codes >= 0, rows[np.maximum(codes, 0)], -1)


def _taken(frame: pd.DataFrame, name: str, rows: Ints) -> pd.Series:
    """A column's values at these rows; null for -1."""
    values = frame[name].astype(_SPEC.column(name).pandas)
    return pd.Series(values.array.take(rows, allow_fill=True))


def _timestamps(time: Ints) -> pd.Series:
    return pd.Series(time.view("datetime64[us]")).dt.tz_localize("UTC")


def _event_ids(found: Entries, refund_id: pd.Series) -> pd.Series:
    ids = pd.Series(found.time).astype("str")
    ids.loc[found.event == CANCELLED] = "cancelled"
    of_refund = found.event > MOMENT
    ids.loc[of_refund] = refund_id.array.take(found.event[of_refund])
    return ids
