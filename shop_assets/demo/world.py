"""What happens in each hour of the shop, made when it is asked for and kept while it may be again.

Everything here follows from the plan and the hour, except stock, which follows from the levels
before it.
"""

from __future__ import annotations

from shop_assets.demo import browsing, crm, payments, people, tracker
from shop_assets.demo.ads import AdPlatform
from shop_assets.demo.browsing import LATEST_HOURS, Events
from shop_assets.demo.catalogue import Catalogue
from shop_assets.demo.orders import HORIZON, Births, births, remaining
from shop_assets.demo.payments import LedgerHour, Movements
from shop_assets.demo.plan import DemoPlan
from shop_assets.demo.timeline import Timeline
from shop_assets.demo.warehouse import Levels, StockHour, Warehouse

_SETTLED = 36
"""Hours after which most orders are fulfilled, and only what is refunded need be kept."""


class World:
    """The hours of a plan. They are asked for in rising order: what is past is let go."""

    def __init__(self, plan: DemoPlan) -> None:
        self.plan = plan
        self.catalogue = Catalogue(plan)
        self.ads = AdPlatform(plan)
        established = people.established_accounts(plan)
        self.imported = established, Timeline(established.events)
        self._warehouse = Warehouse(plan, self.catalogue)
        self._births: dict[int, Births] = {}
        self._events: dict[int, Events] = {}
        self._trimmed: set[int] = set()
        self._movements: dict[int, Movements] = {}
        self._stock: tuple[int, StockHour] | None = None

    def births(self, hour: int) -> Births:
        """The accounts and orders of an hour; of one long past, those that still change."""
        if hour not in self._births:
            born = births(self.plan, self.catalogue, hour)
            self._births[hour] = born
            self._movements[hour] = payments.of_births(self.plan, born)
        return self._births[hour]

    def alive(self, hour: int) -> list[Births]:
        """The births of every hour whose orders can still change in this one."""
        first, old = max(0, hour - HORIZON), hour - _SETTLED
        for past in [h for h in self._births if h < first]:
            del self._births[past], self._movements[past]
            self._trimmed.discard(past)
        for settled in range(first, old):
            if settled not in self._trimmed:
                born = remaining(self.births(settled), self.plan.hour_start(hour))
                self._births[settled] = born
                self._trimmed.add(settled)
        return [self.births(h) for h in range(first, hour + 1)]

    def stock_opening(self) -> Levels:
        """The levels when the shop opens."""
        return self._warehouse.opening()

    def stock(self, hour: int, before: Levels) -> StockHour:
        """The hour of the warehouse, from the levels at its start."""
        if self._stock is None or self._stock[0] != hour:
            self._stock = hour, self._warehouse.hour(hour, self.alive(hour), before)
        return self._stock[1]

    def events(self, hour: int) -> Events:
        """The web events of the sessions of an hour that are still to be received."""
        if hour not in self._events:
            self._events[hour] = browsing.events(self.plan, self.catalogue, self.births(hour))
        return self._events[hour]

    def received(self, hour: int) -> Events:
        """The true web events received in an hour."""
        first = max(0, hour - LATEST_HOURS)
        start, end = self.plan.hour_start(hour), self.plan.hour_start(hour + 1)
        for old in [h for h in self._events if h < first]:
            del self._events[old]
        parts = []
        for born in range(first, hour + 2):
            # What was received before is not asked for again: it need not be kept.
            to_come = self.events(born)
            to_come = to_come.take(to_come.received_at >= start)
            self._events[born] = to_come
            parts.append(to_come.take(to_come.received_at < end))
        return browsing.joined(parts)

    def tracker_hour(self, hour: int) -> tracker.TrackerHour:
        """The lines of the tracker's file of an hour."""
        return tracker.compose(self.plan, hour, self.received(hour))

    def money(self, hour: int) -> list[Movements]:
        """The movements of money of all orders that can still change in an hour."""
        return [self._movements[born.hour] for born in self.alive(hour)]

    def ledger_hour(self, hour: int) -> LedgerHour:
        """The rows of the payment provider's file of an hour."""
        return payments.compose(self.plan, hour, self.money(hour))

    def contact_hour(self, hour: int) -> crm.ContactHour:
        """The lines of the CRM's file of an hour."""
        return crm.compose(self.plan, hour, self.alive(hour), self.imported)
