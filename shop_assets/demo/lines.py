"""The lines of orders, and which of them are refunded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shop_assets.demo.allocation import allocate
from shop_assets.demo.catalogue import HEROES, MINOR, Catalogue
from shop_assets.demo.chance import NEVER, Bools, Ints
from shop_assets.demo.lives import Life
from shop_assets.demo.plan import DemoPlan

LINES_PER_ORDER = 100
_GIFT_VALUE = 50_000_000


@dataclass(frozen=True)
class Items:
    """Lines of orders. `order`: index into the hour's orders. `removed`: deleted by the edit."""

    item_id: Ints
    order: Ints
    product: Ints
    created_at: Ints
    edited_at: Ints
    quantity: Ints
    quantity_after: Ints
    removed: Bools
    price: Ints
    discount: Ints
    is_gift: Bools


@dataclass(frozen=True)
class Refunds:
    """Refunded lines. `order` and `item`: indexes into the hour's orders and items."""

    refund_id: Ints
    order: Ints
    item: Ints
    refunded_at: Ints
    quantity: Ints
    amount: Ints
    shipping: Ints
    tax: Ints
    restocked: Bools
    reason: Ints


@dataclass(frozen=True)
class Terms:
    """What refunds are reckoned by: per line the net value after edits; per order the rest."""

    net_after: Ints
    discount: Ints
    shipping: Ints
    rate: Ints
    minor: Ints


def order_lines(
    plan: DemoPlan,
    catalogue: Catalogue,
    chance: np.random.Generator,
    hour: int,
    order_id: Ints,
    placed: Ints,
    currency: Ints,
    life: Life,
) -> Items:
    """The lines: those ordered, then a gift card with some, then those that an edit adds."""
    n = len(order_id)
    lines = chance.choice([1, 2, 3, 4, 5], n, p=[0.45, 0.27, 0.15, 0.08, 0.05])
    edited = life.edited_at < NEVER
    kind = np.where(edited, chance.choice([1, 2, 3], n, p=[0.5, 0.25, 0.25]), 0)
    kind = np.where((kind == 3) & (lines == 1), 1, kind)  # an order keeps at least one line
    gift = (currency == 0) & (chance.random(n) < 0.01)
    added = kind == 2
    order = np.concatenate(
        [np.repeat(np.arange(n), lines), np.flatnonzero(gift), np.flatnonzero(added)]
    ).astype(np.int64)
    ordered, m = int(lines.sum()), len(order)
    is_gift = np.zeros(m, dtype=bool)
    is_gift[ordered : ordered + int(gift.sum())] = True
    late = np.zeros(m, dtype=bool)
    late[ordered + int(gift.sum()) :] = True
    first = np.concatenate([[True], order[1:ordered] != order[: ordered - 1]])[:ordered]
    starts = np.flatnonzero(first)
    position = np.arange(ordered) - np.repeat(starts, lines)
    line = np.concatenate([position + 1, np.full(m - ordered, 0)]).astype(np.int64)
    line[is_gift] = 50
    line[late] = 51

    product = chance.choice(catalogue.size, m, p=catalogue.popularity).astype(np.int64)
    on_sale = np.zeros(m, dtype=bool)
    if plan.flash(hour):
        on_sale = chance.random(m) < 0.5
        product = np.where(on_sale, chance.integers(0, HEROES, m), product)
    quantity = chance.choice([1, 2, 3, 4], m, p=[0.68, 0.2, 0.08, 0.04]).astype(np.int64)
    quantity[is_gift] = 1
    created = np.where(late, life.edited_at[order], placed[order])
    article = np.where(is_gift, 0, product)
    price = np.where(is_gift, _GIFT_VALUE, catalogue.micros(article, created, currency[order]))
    percent = chance.choice([0, 10, 20], m, p=[0.92, 0.05, 0.03])
    percent = np.where(is_gift | late, 0, np.where(on_sale, 20, percent))
    minor = MINOR[currency[order]]
    discount = quantity * price * percent // (100 * minor) * minor

    touched = (line == 1) & (kind[order] != 0) & (kind[order] != 2)
    removed = touched & (kind[order] == 3)
    change = np.where((quantity > 1) & (chance.random(m) < 0.4), -1, 1)
    return Items(
        item_id=order_id[order] * LINES_PER_ORDER + line,
        order=order,
        product=np.where(is_gift, catalogue.gift_card, product),
        created_at=created,
        edited_at=np.where(touched, life.edited_at[order], NEVER),
        quantity=quantity,
        quantity_after=np.where(touched & ~removed, quantity + change, quantity),
        removed=removed,
        price=price,
        discount=discount,
        is_gift=is_gift,
    )


def refunded_lines(
    chance: np.random.Generator,
    order_id: Ints,
    items: Items,
    life: Life,
    terms: Terms,
) -> Refunds:
    """Every line of some orders, part of one line of others; never more than was paid."""
    minor, rate = terms.minor, terms.rate
    net = terms.net_after
    owed = net - allocate(items.order, net, terms.discount, minor)
    can = (life.refunded_at[items.order] < NEVER) & ~items.is_gift & ~items.removed
    lowest = np.full(len(order_id), np.iinfo(np.int64).max)
    np.minimum.at(lowest, items.order[can], items.item_id[can])
    is_first = items.item_id == lowest[items.order]
    item = np.flatnonzero(can & (is_first | life.full[items.order]))
    order = items.order[item]
    full = life.full[order]
    sold = items.quantity_after[item]
    some = 1 + (chance.random(len(item)) * sold).astype(np.int64)
    quantity = np.where(full, sold, some)
    unit = minor[order]
    amount = owed[item] * quantity // (sold * unit) * unit
    gives_shipping = full & is_first[item] & (chance.random(len(order_id)) < 0.5)[order]
    back = np.where(gives_shipping, terms.shipping[order], 0)
    return Refunds(
        refund_id=items.item_id[item] * 10 + 1,
        order=order,
        item=item,
        refunded_at=life.refunded_at[order],
        quantity=quantity,
        amount=amount,
        shipping=back,
        tax=(amount + back) * rate[order] // (1000 * unit) * unit,
        restocked=(chance.random(len(order_id)) < 0.85)[order],
        reason=chance.integers(0, 4, len(order_id))[order],
    )
