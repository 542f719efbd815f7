"""What visitors do on the shop's pages: the events of the sessions that belong to one hour.

A session belongs to the hour of its order, or of its start; its events may fall into the hour
before (an order is made at a session's end) and reach the tracker many hours later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shop_assets.demo.catalogue import Catalogue
from shop_assets.demo.chance import HOUR, MINUTE, SECOND, Bools, Ints, generator, mix
from shop_assets.demo.orders import CAMPAIGNS, Births
from shop_assets.demo.people import established
from shop_assets.demo.plan import DemoPlan

STEPS = ("view", "product", "cart", "checkout", "purchase")
LATEST_HOURS = 22
"""An event reaches the tracker at most so many hours after the hour that it belongs to."""

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/142.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 26_1 like Mac OS X) Version/26.1 Mobile Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_6) Version/26.0 Safari/605.1",
    "Mozilla/5.0 (Linux; Android 16; Pixel 10) Chrome/142.0 Mobile Safari/537.36",
)
BOT_AGENTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "python-requests/2.32.5",
)
# How far the visitors who buy nothing come, and how many pages that takes: two views, two products
# at the most for each step reached.
_DEPTHS = [0.42, 0.40, 0.12, 0.06]
_QUIET_EVENTS = 3.0


@dataclass(frozen=True)
class Events:
    """True events, in no order; arrays of one length.

    `product` and `campaign` are -1, `order_id` and `customer` 0 where there is none.
    """

    event_id: np.typing.NDArray[np.uint64]
    occurred_at: Ints
    received_at: Ints
    visitor: np.typing.NDArray[np.uint64]
    customer: Ints
    step: Ints
    product: Ints
    order_id: Ints
    campaign: Ints
    agent: Ints
    is_bot: Bools

    def take(self, rows: Ints | Bools) -> Events:
        """Some of the events."""
        return Events(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


def joined(parts: list[Events]) -> Events:
    """The events of several hours."""
    return Events(
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in Events.__dataclass_fields__
        }
    )


@dataclass(frozen=True)
class _Sessions:
    """Sessions: how often each step is taken, and when the last event (or the first) happens."""

    counts: Ints
    anchor: Ints
    ends_at_anchor: Bools
    visitor: np.typing.NDArray[np.uint64]
    customer: Ints
    order_id: Ints
    campaign: Ints
    agent: Ints
    is_bot: Bools


def events(plan: DemoPlan, catalogue: Catalogue, born: Births) -> Events:
    """All events of the sessions of an hour."""
    chance = generator(plan.seed, "web", born.hour)
    sessions = _sessions(plan, chance, born)
    length = sessions.counts.sum(axis=1)
    session = np.repeat(np.arange(len(length)), length)
    m = len(session)
    step = np.repeat(np.tile(np.arange(5), len(length)), sessions.counts.ravel()).astype(np.int64)
    first = np.cumsum(length) - length
    # Under four minutes from page to page: a session never breaks in two.
    gaps = (np.minimum(chance.exponential(28.0, m) + 1.0, 235.0) * SECOND).astype(np.int64)
    gaps[sessions.is_bot[session]] = 2 * SECOND
    gaps[first] = 0
    offset = np.cumsum(gaps)
    offset -= offset[first][session]
    duration = offset[first + length - 1]
    begin = sessions.anchor - np.where(sessions.ends_at_anchor, duration, 0)
    occurred = np.maximum(begin[session] + offset, plan.start_micros)
    product = np.where(
        (step == 1) | (step == 2),
        chance.choice(catalogue.size, m, p=catalogue.popularity),
        -1,
    )
    delay = (chance.exponential(0.8, m) * SECOND).astype(np.int64) + 20_000
    late = chance.random(m) < 0.006
    delay = np.where(late, chance.integers(HOUR, 19 * HOUR, m), np.minimum(delay, MINUTE))
    number = np.arange(m, dtype=np.int64) + np.int64(born.hour + 1) * 100_000_000
    return Events(
        event_id=mix(number, plan.seed % 2**31),
        occurred_at=occurred,
        received_at=occurred + delay,
        visitor=sessions.visitor[session],
        customer=np.where(step >= 3, sessions.customer[session], 0),
        step=step,
        product=product,
        order_id=np.where(step == 4, sessions.order_id[session], 0),
        campaign=sessions.campaign[session],
        agent=sessions.agent[session],
        is_bot=sessions.is_bot[session],
    )


def _sessions(plan: DemoPlan, chance: np.random.Generator, born: Births) -> _Sessions:
    o = born.orders
    bought = np.flatnonzero((o.channel == 0) & ~o.is_test)
    n = len(bought)
    visits = chance.integers(1, 3, n)
    express = chance.random(n) < 0.04
    paths = np.column_stack(
        [
            np.where(express, 0, visits),
            chance.integers(1, 4, n),
            np.where(express, 0, chance.integers(1, 3, n)),
            np.where(express, 0, 1),
            np.ones(n, dtype=np.int64),
        ]
    )
    per_order = max(plan.events_per_order - 7.0, 0.0) / _QUIET_EVENTS
    quiet = int(chance.poisson(max(plan.demand(born.hour), 0.05) * per_order * 0.9))
    bots = int(chance.poisson(max(plan.orders_per_hour, 0.05) * per_order * 0.08))
    depth = chance.choice(4, quiet, p=_DEPTHS)
    looked = np.column_stack(
        [
            chance.integers(1, 3, quiet),
            np.where(depth >= 1, chance.integers(1, 4, quiet), 0),
            np.where(depth >= 2, chance.integers(1, 3, quiet), 0),
            np.where(depth >= 3, 1, 0),
            np.zeros(quiet, dtype=np.int64),
        ]
    )
    crawled = np.zeros((bots, 5), dtype=np.int64)
    crawled[:, 0], crawled[:, 1] = 1, chance.integers(1, 9, bots)
    total = n + quiet + bots
    rest = quiet + bots

    customer = np.zeros(total, dtype=np.int64)
    customer[:n] = o.customer[bought]
    known = chance.random(total) < 0.5
    strangers = known[n : n + quiet]
    customer[n : n + quiet][strangers] = 1 + chance.integers(
        0, established(plan), int(strangers.sum())
    )
    # A browser comes back in one hour of four at the most, and once in it: so that sessions of the
    # same visitor never touch, and their true number needs no rule about where one ends.
    fresh = mix(np.arange(total, dtype=np.int64) + (born.hour + 1) * 10_000_000, 21)
    returning = known & (customer > 0) & (customer % 4 == born.hour % 4)
    _, first = np.unique(np.where(returning, customer, -1), return_index=True)
    once = np.zeros(total, dtype=bool)
    once[first] = True
    visitor = np.where(returning & once, mix(customer, 22), fresh)

    campaign = np.full(total, -1, dtype=np.int64)
    campaign[:n] = o.campaign[bought]
    clicked = chance.random(quiet) < 0.35
    campaign[n : n + quiet][clicked] = chance.integers(0, CAMPAIGNS, int(clicked.sum()))
    is_bot = np.arange(total) >= n + quiet
    agent = chance.integers(0, len(AGENTS), total)
    agent[is_bot] = chance.integers(0, len(BOT_AGENTS), bots)
    begun = plan.hour_start(born.hour) + chance.integers(0, HOUR, rest)
    return _Sessions(
        counts=np.concatenate([paths, looked, crawled]),
        anchor=np.concatenate([o.placed_at[bought] + SECOND, begun]),
        ends_at_anchor=np.arange(total) < n,
        visitor=visitor,
        customer=np.where(is_bot, 0, customer),
        order_id=np.concatenate([o.order_id[bought], np.zeros(rest, dtype=np.int64)]),
        campaign=campaign,
        agent=agent,
        is_bot=is_bot,
    )
