"""The orders that one hour brings, each with all that will ever become of it.

An hour's orders follow from the plan and the hour's number alone, so any of them can be made again
at any time. What a source shows at a moment is computed from these lives, not remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from shop_assets.demo import people
from shop_assets.demo.allocation import order_sums
from shop_assets.demo.catalogue import MINOR, Catalogue
from shop_assets.demo.chance import HOUR, MINUTE, NEVER, SECOND, Bools, Ints, generator
from shop_assets.demo.lines import Items, Refunds, Terms, order_lines, refunded_lines
from shop_assets.demo.lives import Life
from shop_assets.demo.plan import DemoPlan
from shop_assets.demo.timeline import Timeline

HORIZON = 96
"""Hours after its birth in which anything happens to an order."""

ORDERS_PER_HOUR = 1_000_000
CHANNELS = ("web", "marketplace", "phone")
CAMPAIGNS = 12
Rows = TypeVar("Rows", people.Accounts, "Orders", Items, Refunds)
_FREE_SHIPPING = np.array([60_000_000, 9_000_000_000, 20_000_000], dtype=np.int64)
_SHIPPING = np.array([4_900_000, 600_000_000, 1_500_000], dtype=np.int64)


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
    life = Life.draw(chance, placed, is_test)
    order_id = np.arange(1, n + 1, dtype=np.int64) + (hour + 1) * ORDERS_PER_HOUR
    items = order_lines(plan, catalogue, chance, hour, order_id, placed, currency, life)

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

    terms = Terms(net_after, discount, shipping, rate, minor)
    refunds = refunded_lines(chance, order_id, items, life, terms)
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
    return _births(hour, accounts, orders, items, refunds)


def _births(
    hour: int, accounts: people.Accounts, orders: Orders, items: Items, refunds: Refunds
) -> Births:
    o = orders
    moments = [o.paid_at, o.failed_at, o.edited_at, o.cancelled_at, o.fulfilled_at]
    return Births(
        hour,
        accounts,
        orders,
        items,
        refunds,
        Timeline(accounts.events),
        Timeline([o.placed_at, *moments, o.refunded_at, o.deleted_at]),
        Timeline([items.created_at, items.edited_at]),
    )


def remaining(born: Births, moment: int) -> Births:
    """Those of an hour's accounts and orders that change at that moment or later."""
    order = born.order_timeline.lasts_until(moment)
    item, refund = order[born.items.order], order[born.refunds.order]
    items, refunds = _take(born.items, item), _take(born.refunds, refund)
    order_index, item_index = np.cumsum(order) - 1, np.cumsum(item) - 1
    return _births(
        born.hour,
        _take(born.accounts, born.account_timeline.lasts_until(moment)),
        _take(born.orders, order),
        replace(items, order=order_index[items.order]),
        replace(refunds, order=order_index[refunds.order], item=item_index[refunds.item]),
    )


def _take(rows: Rows, kept: Bools) -> Rows:
    return type(rows)(**{f.name: getattr(rows, f.name)[kept] for f in fields(rows)})


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
