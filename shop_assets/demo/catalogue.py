"""What the shop sells, at which price, in which currency.

Prices are kept in cents of EUR and change every few days; the other currencies follow by a fixed
rate, in whole minor units.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from shop_assets.demo.chance import DAY, Bools, Ints, Texts, generator, texts
from shop_assets.demo.plan import DemoPlan

CURRENCIES = texts(["EUR", "JPY", "KWD"])
MINOR = np.array([10_000, 1_000_000, 1_000], dtype=np.int64)
"""Micros of the minor unit: 2, 0 and 3 decimals."""

HEROES = 5
_PERIOD = 5 * DAY
_THINGS = ["Lamp", "Chair", "Mug", "Blanket", "Shelf", "Vase", "Clock", "Basket", "Mirror", "Rug"]
_STYLES = ["Oak", "Linen", "Copper", "Nordic", "Vintage", "Glass", "Wool", "Bamboo", "Slate"]
_CATEGORIES = ["Living", "Kitchen", "Bedroom", "Garden", "Office"]
_LEAD_DAYS = np.array([2, 3, 5, 7, 10, 14], dtype=np.int64)


class Catalogue:
    """The products of a plan. Products are numbered from 0; the last number is the gift card."""

    def __init__(self, plan: DemoPlan) -> None:
        chance = generator(plan.seed, "catalogue")
        n = plan.products
        self.plan = plan
        self.size = n
        self.gift_card = n
        numbers = np.arange(n)
        self.skus: Texts = texts([f"SKU-{i + 1:04d}" for i in numbers] + ["GIFT-50"])
        self.names: Texts = texts(
            [f"{_STYLES[i % 9]} {_THINGS[i % 10]} No. {i + 1}" for i in numbers] + ["Gift card"]
        )
        self.categories: Texts = texts([_CATEGORIES[i % 5] for i in numbers] + ["Gift cards"])
        # Whole euros less five cents: prices as shops write them.
        self.base_cents: Ints = (
            np.clip(chance.lognormal(3.3, 0.8, n), 4, 400).astype(np.int64) * 100 - 5
        )
        self.cost_cents: Ints = (self.base_cents * chance.uniform(0.4, 0.65, n)).astype(np.int64)
        self.lead_days: Ints = _LEAD_DAYS[chance.integers(0, len(_LEAD_DAYS), n)]
        popularity = 1.0 / (np.arange(n) + 3.0) ** 0.8
        self.popularity = popularity / popularity.sum()
        self._offset: Ints = chance.integers(0, _PERIOD, n)

    @cached_property
    def _epochs(self) -> dict[int, Ints]:
        return {}

    def _cents_of_epoch(self, epoch: int) -> Ints:
        if epoch not in self._epochs:
            chance = generator(self.plan.seed, "prices", epoch)
            percent = chance.choice([80, 90, 95, 100, 100, 105, 110], self.size)
            self._epochs[epoch] = self.base_cents * percent // 100
        return self._epochs[epoch]

    def cents(self, product: Ints, at: Ints) -> Ints:
        """The price in cents of EUR of each product at each moment."""
        epoch = (at - self.plan.start_micros + self._offset[product]) // _PERIOD
        result = np.zeros(len(product), dtype=np.int64)
        for number in np.unique(epoch):
            of_epoch = epoch == number
            result[of_epoch] = self._cents_of_epoch(int(number))[product[of_epoch]]
        return result

    def micros(self, product: Ints, at: Ints, currency: Ints) -> Ints:
        """The price in micros of the currency, a whole number of its minor units."""
        cents = self.cents(product, at)
        yen, fils = cents * 165 // 100, cents * 335 // 100
        return np.asarray(np.choose(currency, [cents, yen, fils]) * MINOR[currency])

    def changed_at(self, before: int) -> Ints:
        """When each product (without the gift card) got the version it has just before a moment.

        The shop's first versions date from its opening, a thousandth of a second apart.
        """
        opened = self.plan.start_micros + np.arange(self.size, dtype=np.int64) * 1_000
        epoch = (before - 1 - self.plan.start_micros + self._offset) // _PERIOD
        repriced = self.plan.start_micros + epoch * _PERIOD - self._offset
        return np.asarray(np.maximum(opened, repriced), dtype=np.int64)

    def changed(self, start: int, end: int) -> Bools:
        """Which products (without the gift card) got a new version in `[start, end)`."""
        at = self.changed_at(end)
        return (at >= start) & (at < end)
