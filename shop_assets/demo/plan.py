"""How large the simulated shop is, when it opens, and how busy each of its hours is."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from shop_assets.demo.chance import HOUR, generator, to_micros
from shop_assets.errors import UserError

ZONE = ZoneInfo("Europe/Berlin")

# Share of a day's orders by hour of the shop's day, night to night, as online shops know it.
_DAY = (10, 6, 4, 3, 3, 5, 12, 22, 34, 44, 50, 52, 52, 50, 48, 48, 50, 54, 62, 74, 82, 74, 48, 24)
_WEEK = (1.05, 1.0, 0.98, 0.97, 0.92, 0.94, 1.14)
_DAY_MEAN = sum(_DAY) / 24
_WEEK_MEAN = sum(_WEEK) / 7


@dataclass(frozen=True)
class FlashSale:
    """Some hours, counted from the plan's start, with `factor` times the orders."""

    start_hour: int = 43
    hours: int = 3
    factor: float = 10.0

    def covers(self, hour: int) -> bool:
        """Whether the sale is on in that hour."""
        return self.start_hour <= hour < self.start_hour + self.hours


@dataclass(frozen=True)
class DemoPlan:
    """All that the shop's life follows from.

    `start`: an hour in UTC, in which the shop opens. `orders_per_hour`: the mean over a week
    without flash sale. `events_per_order`: web events, those of visitors who buy nothing included.
    `dirt`: share of rows that a platform must set aside. `shopify_share`, `woocommerce_share`: of
    the customers, who buy at those storefronts instead of the shop's own. `stripe`: whether the
    payment provider is asked through its API, instead of bringing a file each hour.
    """

    start: dt.datetime
    orders_per_hour: float = 80.0
    seed: int = 20_261_103
    flash_sale: FlashSale | None = field(default_factory=FlashSale)
    products: int = 240
    events_per_order: float = 20.0
    dirt: float = 0.003
    shopify_share: float = 0.0
    woocommerce_share: float = 0.0
    stripe: bool = False

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None or to_micros(self.start) % HOUR:
            raise UserError(f"the simulated shop opens at a full hour in UTC, found {self.start}")
        if not 0 < self.orders_per_hour <= 1_000_000:
            raise UserError(
                f"found {self.orders_per_hour} orders an hour, expected above 0, up to a million"
            )
        if not 0 <= self.dirt <= 0.2:
            raise UserError(f"found a share of dirt of {self.dirt}, expected 0 to 0.2")
        if min(self.shopify_share, self.woocommerce_share) < 0 or self.online_share > 1:
            raise UserError(
                f"found shares of {self.shopify_share} and {self.woocommerce_share} of the "
                "customers, expected 0 or more, and at most 1 together"
            )
        if self.products < 20:
            raise UserError(f"found {self.products} products, expected at least 20")

    @property
    def online_share(self) -> float:
        """The share of the customers who buy elsewhere than at the shop's own storefront."""
        return self.shopify_share + self.woocommerce_share

    @classmethod
    def recent(cls, now: dt.datetime, days: int = 3, *, orders_per_hour: float = 80.0) -> Self:
        """A shop that opened at its midnight, `days` whole days before the day of `now`.

        Some of its customers buy on Shopify, some at WooCommerce, and all pay through Stripe.
        """
        today = now.astimezone(ZONE).date()
        opening = dt.datetime.combine(today - dt.timedelta(days=days), dt.time(), ZONE)
        return cls(
            opening.astimezone(dt.UTC),
            orders_per_hour,
            shopify_share=0.2,
            woocommerce_share=0.1,
            stripe=True,
        )

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The plan that `as_json` has written."""
        flash = values["flash_sale"]
        return cls(
            **{
                **values,
                "start": dt.datetime.fromisoformat(values["start"]),
                "flash_sale": FlashSale(*flash) if flash else None,
            }
        )

    def midnight(self, days: int) -> dt.datetime:
        """The moment at which so many of the shop's days are over, from its opening at midnight."""
        day = self.local(0).date() + dt.timedelta(days=days)
        return dt.datetime.combine(day, dt.time(), ZONE).astimezone(dt.UTC)

    @cached_property
    def start_micros(self) -> int:
        """The start in microseconds since 1970."""
        return to_micros(self.start)

    def hour_start(self, hour: int) -> int:
        """The start of the shop's hour of that number, in microseconds since 1970."""
        return self.start_micros + hour * HOUR

    def hour_of(self, micros: int) -> int:
        """The number of the shop's hour that a moment is in; negative before it opens."""
        return (micros - self.start_micros) // HOUR

    def local(self, hour: int) -> dt.datetime:
        """The start of an hour on the shop's wall clock."""
        return (self.start + dt.timedelta(hours=hour)).astimezone(ZONE)

    def flash(self, hour: int) -> bool:
        """Whether the flash sale is on in that hour."""
        return self.flash_sale is not None and self.flash_sale.covers(hour)

    def demand(self, hour: int) -> float:
        """Orders to be expected in that hour."""
        local = self.local(hour)
        usual = _DAY[local.hour] / _DAY_MEAN * _WEEK[local.weekday()] / _WEEK_MEAN
        factor = self.flash_sale.factor if self.flash_sale and self.flash(hour) else 1.0
        return self.orders_per_hour * usual * factor

    def counts(self, hour: int) -> tuple[int, int]:
        """Orders placed in that hour, and how many of them open a new account."""
        chance = generator(self.seed, "counts", hour)
        orders = int(chance.poisson(self.demand(hour)))
        return orders, int(chance.binomial(orders, 0.3))

    def as_json(self) -> dict[str, Any]:
        """The plan in plain values, to tell whether two are the same."""
        flash = self.flash_sale
        return {
            "start": self.start.astimezone(dt.UTC).isoformat(),
            "orders_per_hour": self.orders_per_hour,
            "seed": self.seed,
            "flash_sale": [flash.start_hour, flash.hours, flash.factor] if flash else None,
            "products": self.products,
            "events_per_order": self.events_per_order,
            "dirt": self.dirt,
            "shopify_share": self.shopify_share,
            "woocommerce_share": self.woocommerce_share,
            "stripe": self.stripe,
        }


@dataclass(frozen=True)
class DemoTargets:
    """Where the source systems live: two databases, and a folder for what others export."""

    storefront_url: str
    wms_url: str
    files_root: Path

    def environment(self, plan: DemoPlan) -> dict[str, str]:
        """The variables that `examples/demo/shop.yaml` names."""
        return {
            "SHOP_DEMO_STOREFRONT_URL": self.storefront_url,
            "SHOP_DEMO_WMS_URL": self.wms_url,
            "SHOP_DEMO_FILES": str(self.files_root),
            "SHOP_DEMO_START": plan.local(0).date().isoformat(),
        }
