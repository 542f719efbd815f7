"""The orders that one hour brings, each with all that will ever become of it.

An hour's orders follow from the plan and the hour's number alone, so any of them can be made again
at any time. What a source shows at a moment is computed from these lives, not remembered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shop_assets.demo import people
from shop_assets.demo.allocation import allocate, order_sums
from shop_assets.demo.catalogue import HEROES, MINOR, Catalogue
from shop_assets.demo.chance import HOUR, MINUTE, NEVER, SECOND, Bools, Ints, generator, span
from shop_assets.demo.plan import DemoPlan
from shop_assets.demo.timeline import Timeline

HORIZON = 96
"""Hours after its birth in which anything happens to an order."""

ORDERS_PER_HOUR = 1_000_000
LINES_PER_ORDER = 100
CHANNELS = ("web", "marketplace", "phone")
CAMPAIGNS = 12
_FREE_SHIPPING = np.array([60_000_000, 9_000_000_000, 20_000_000], dtype=np.int64)
_SHIPPING = np.array([4_900_000, 600_000_000, 1_500_000], dtype=np.int64)
_GIFT_VALUE = 50_000_000


@dataclass(frozen=True)
class Orders:
    """Orders; arrays of one length. Money in micros, moments in microseconds.

    `customer` is 0 for a guest, `campaign` -1 for none. `tax` holds before, `tax_after` from
    `edited_at` on; `goods` and `goods_after` likewise: all lines less their discounts, gift cards
    included.
    """

    order_id: Ints
    placed_at: Ints
    customer: Ints
    currency: Ints
    country: Ints
    channel: Ints
    campaign: Ints
    location: Ints
    is_test: Bools
    discount: Ints
    shipping: Ints
    goods: Ints
    goods_after: Ints
    tax: Ints
    tax_after: Ints
    paid_at: Ints
    failed_at: Ints
    edited_at: Ints
    cancelled_at: Ints
    fulfilled_at: Ints
    refunded_at: Ints
    deleted_at: Ints
    fully_refunded: Bools

    @property
    def total(self) -> Ints:
        """What the customer has to pay when the order is placed."""
        return self.goods - self.discount + self.shipping + self.tax

    @property
    def total_after(self) -> Ints:
        """What the customer has to pay after the edit."""
        return self.goods_after - self.discount + self.shipping + self.tax_after


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
class Births:
    """What an hour brings into the storefront, with the timelines of its rows."""

    hour: int
    accounts: people.Accounts
    orders: Orders
    items: Items
    refunds: Refunds
    account_timeline: Timeline
    order_timeline: Timeline
    item_timeline: Timeline


def births(plan: DemoPlan, catalogue: Catalogue, hour: int) -> Births:
    """The accounts and orders of an hour."""
    chance = generator(plan.seed, "orders", hour)
    n, opened = plan.counts(hour)
    start = plan.hour_start(hour)
    placed = np.sort(start + chance.integers(0, HOUR, n))
    customer = _customers(plan, chance, hour, n, opened)
    accounts = _accounts(chance, customer, placed, start, hour)
    currency = chance.choice(3, n, p=[0.93, 0.05, 0.02]).astype(np.int64)
    resident = chance.choice(5, n, p=[0.65, 0.12, 0.09, 0.09, 0.05])
    country = np.where(currency == 0, resident, currency + 4)

    is_test = chance.random(n) < 0.004
    life = _Life.draw(chance, placed, is_test)
    order_id = np.arange(1, n + 1, dtype=np.int64) + (hour + 1) * ORDERS_PER_HOUR
    items = _items(plan, catalogue, chance, hour, order_id, placed, currency, life)

    minor = MINOR[currency]
    before = np.where(items.created_at == placed[items.order], items.quantity, 0)
    after = np.where(items.removed, 0, items.quantity_after)
    net = before * items.price - np.where(before > 0, items.discount, 0)
    net_after = after * items.price - np.where(after > 0, items.discount, 0)
    goods = order_sums(items.order, np.where(items.is_gift, 0, net), n)
    goods_after = order_sums(items.order, np.where(items.is_gift, 0, net_after), n)
    gifts = order_sums(items.order, np.where(items.is_gift, net, 0), n)
    removes = order_sums(items.order, items.removed.astype(np.int64), n) > 0

    # An order's discount is in whole minor units; none beside a gift card, nor where a line goes.
    percent = np.where((gifts > 0) | removes, 0, chance.choice([0, 5, 10], n, p=[0.88, 0.08, 0.04]))
    discount = goods * percent // (100 * minor) * minor
    shipping = np.where(goods > _FREE_SHIPPING[currency], 0, _SHIPPING[currency])
    rate = people.TAX_PERMILLE[country]

    def tax(of_goods: Ints) -> Ints:
        return ((of_goods - discount + shipping) * rate + 500 * minor) // (1000 * minor) * minor

    refunds = _refunds(chance, order_id, items, life, net_after, discount, shipping, rate, minor)
    fully = np.zeros(n, dtype=bool)
    fully[life.refunded_at < NEVER] = life.full[life.refunded_at < NEVER]
    web = chance.choice(3, n, p=[0.9, 0.06, 0.04]).astype(np.int64)
    touched = (chance.random(n) < 0.4) & (web == 0)
    orders = Orders(
        order_id=order_id,
        placed_at=placed,
        customer=customer,
        currency=currency,
        country=country,
        channel=web,
        campaign=np.where(touched, chance.integers(0, CAMPAIGNS, n), -1),
        location=(chance.random(n) < 0.35).astype(np.int64),
        is_test=is_test,
        discount=discount,
        shipping=shipping,
        goods=goods + gifts,
        goods_after=goods_after + gifts,
        tax=tax(goods),
        tax_after=tax(goods_after),
        paid_at=life.paid_at,
        failed_at=life.failed_at,
        edited_at=life.edited_at,
        cancelled_at=life.cancelled_at,
        fulfilled_at=life.fulfilled_at,
        refunded_at=life.refunded_at,
        deleted_at=life.deleted_at,
        fully_refunded=fully,
    )
    return Births(
        hour,
        accounts,
        orders,
        items,
        refunds,
        Timeline(accounts.events),
        Timeline(
            [
                placed,
                orders.paid_at,
                orders.failed_at,
                orders.edited_at,
                orders.cancelled_at,
                orders.fulfilled_at,
                orders.refunded_at,
                orders.deleted_at,
            ]
        ),
        Timeline([items.created_at, items.edited_at]),
    )


@dataclass(frozen=True)
class _Life:
    """What becomes of each order, and when."""

    paid_at: Ints
    failed_at: Ints
    edited_at: Ints
    cancelled_at: Ints
    fulfilled_at: Ints
    refunded_at: Ints
    deleted_at: Ints
    full: Bools

    @staticmethod
    def draw(chance: np.random.Generator, placed: Ints, is_test: Bools) -> _Life:
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
        return _Life(
            np.where(unpaid | is_test, never, paid),
            np.where(unpaid, failed, never),
            np.where(edited, edit, never),
            np.where(cancelled | gives_up, cancel, never),
            np.where(goes, fulfil, never),
            np.where(refunded, refund, never),
            np.where(deleted, placed + span(chance, 0.2, 5, n), never),
            chance.random(n) < 0.45,
        )


def _customers(plan: DemoPlan, chance: np.random.Generator, hour: int, n: int, opened: int) -> Ints:
    """Who orders: 0 for a guest, new accounts, established customers, those of late hours."""
    known = people.established(plan)
    result = 1 + (known * chance.random(n) ** 2).astype(np.int64)
    recent = np.flatnonzero(chance.random(n) < 0.25)
    born = chance.integers(max(0, hour - 240), max(1, hour), len(recent))
    rank = chance.random(len(recent))
    if hour > 0:
        for earlier in np.unique(born):
            of_hour = born == earlier
            count = plan.counts(int(earlier))[1]
            if count:
                number = (earlier + 1) * people.NUMBERS_PER_HOUR
                result[recent[of_hour]] = number + (rank[of_hour] * count).astype(np.int64)
    shuffled = chance.permutation(n)
    result[shuffled[opened : opened + round(0.2 * n)]] = 0
    newcomers = np.sort(shuffled[:opened])
    result[newcomers] = (hour + 1) * people.NUMBERS_PER_HOUR + np.arange(opened)
    return result


def _accounts(
    chance: np.random.Generator, customer: Ints, placed: Ints, start: int, hour: int
) -> people.Accounts:
    newcomers = np.flatnonzero(customer >= (hour + 1) * people.NUMBERS_PER_HOUR)
    since = chance.integers(10 * SECOND, 5 * MINUTE, len(newcomers))
    created = np.maximum(start, placed[newcomers] - since)
    return people.accounts(customer[newcomers], created, created)


def _items(
    plan: DemoPlan,
    catalogue: Catalogue,
    chance: np.random.Generator,
    hour: int,
    order_id: Ints,
    placed: Ints,
    currency: Ints,
    life: _Life,
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


def _refunds(
    chance: np.random.Generator,
    order_id: Ints,
    items: Items,
    life: _Life,
    net_after: Ints,
    discount: Ints,
    shipping: Ints,
    rate: Ints,
    minor: Ints,
) -> Refunds:
    """Every line of some orders, part of one line of others; never more than was paid."""
    owed = net_after - allocate(items.order, net_after, discount, minor)
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
    back = np.where(gives_shipping, shipping[order], 0)
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
