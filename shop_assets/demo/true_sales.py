"""The true sums of sales by hour and currency, by the definitions of `marts.sales_hourly`."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from shop_assets.demo.allocation import order_sums
from shop_assets.demo.catalogue import CURRENCIES
from shop_assets.demo.chance import HOUR, Ints
from shop_assets.demo.orders import Births
from shop_assets.demo.plan import DemoPlan

View = Literal["final", "lived"]

_GROSS, _DISCOUNTS, _RETURNS, _SHIPPING, _TAXES, _ORDERS, _SOLD, _RETURNED = range(8)
METRICS = (
    "gross_sales_micros",
    "discounts_micros",
    "returns_micros",
    "net_sales_micros",
    "shipping_micros",
    "taxes_micros",
    "total_sales_micros",
    "orders",
    "units_sold",
    "units_returned",
)


class Sales:
    """Adds up the orders of hour after hour, as they stand at `clock`.

    A line is sold when it is added to the order: for nearly all, when that is placed. `final`: a
    line counts as it stands, in the hour it was sold in. `lived`: a line counts as it was then, and
    an edit in the hour of the edit, by the difference. Cancelling gives back everything, at the
    moment of cancelling. Gift cards and test orders count nowhere.
    """

    def __init__(self, plan: DemoPlan, clock: int, view: View) -> None:
        self._plan, self._clock, self._lived = plan, clock, view == "lived"
        hours = max(1, -(-(clock - plan.start_micros) // HOUR))
        self._sums: Ints = np.zeros((hours, len(CURRENCIES), 8), dtype=np.int64)
        self._placed: list[Ints] = []

    def add(self, born: Births) -> None:
        """Add the orders of an hour, and all that has become of them."""
        o, i, r = born.orders, born.items, born.refunds
        real = ~o.is_test
        currency = o.currency
        self._book(o.placed_at, currency, _ORDERS, real.astype(np.int64))
        self._book(o.placed_at, currency, _DISCOUNTS, np.where(real, o.discount, 0))
        self._book(o.placed_at, currency, _SHIPPING, np.where(real, o.shipping, 0))
        tax = np.where(o.edited_at < self._clock, o.tax_after, o.tax)
        tax_at_first = o.tax if self._lived else tax
        self._book(o.placed_at, currency, _TAXES, np.where(real, tax_at_first, 0))

        counts = real[i.order] & ~i.is_gift
        line_currency = currency[i.order]
        edited = i.edited_at < self._clock
        gone = edited & i.removed
        quantity = np.where(gone, 0, np.where(edited, i.quantity_after, i.quantity))
        quantity = np.where(counts & (i.created_at < self._clock), quantity, 0)
        discount = np.where(counts & ~gone, i.discount, 0)
        sold, reduced = quantity, discount
        if self._lived:
            sold = np.where(counts, i.quantity, 0)
            reduced = np.where(counts, i.discount, 0)
            self._book(o.edited_at, currency, _TAXES, np.where(real, o.tax_after - o.tax, 0))
            self._book(i.edited_at, line_currency, _GROSS, (quantity - sold) * i.price)
            self._book(i.edited_at, line_currency, _SOLD, quantity - sold)
            self._book(i.edited_at, line_currency, _DISCOUNTS, discount - reduced)
        self._book(i.created_at, line_currency, _GROSS, sold * i.price)
        self._book(i.created_at, line_currency, _SOLD, sold)
        self._book(i.created_at, line_currency, _DISCOUNTS, reduced)

        n = len(o.order_id)
        goods = order_sums(i.order, quantity * i.price - discount, n) - o.discount
        units = order_sums(i.order, quantity, n)
        self._book(o.cancelled_at, currency, _RETURNS, np.where(real, goods, 0))
        self._book(o.cancelled_at, currency, _RETURNED, np.where(real, units, 0))
        self._book(o.cancelled_at, currency, _SHIPPING, np.where(real, -o.shipping, 0))
        self._book(o.cancelled_at, currency, _TAXES, np.where(real, -tax, 0))

        refund_currency = currency[r.order]
        self._book(r.refunded_at, refund_currency, _RETURNS, r.amount)
        self._book(r.refunded_at, refund_currency, _RETURNED, r.quantity)
        self._book(r.refunded_at, refund_currency, _SHIPPING, -r.shipping)
        self._book(r.refunded_at, refund_currency, _TAXES, -r.tax)

        known = real & (o.placed_at < self._clock)
        placed = [o.placed_at[known], o.customer[known], o.currency[known]]
        self._placed.append(np.stack(placed))

    def _book(self, at: Ints, currency: Ints, metric: int, values: Ints) -> None:
        happened = np.flatnonzero(at < self._clock)
        hour = (at[happened] - self._plan.start_micros) // HOUR
        np.add.at(self._sums[:, :, metric], (hour, currency[happened]), values[happened])

    def hourly(self) -> pd.DataFrame:
        """hour (microseconds), currency and `METRICS`, for what is not all zero."""
        hour, currency = np.nonzero(self._sums.any(axis=2))
        sums = self._sums[hour, currency]
        net = sums[:, _GROSS] - sums[:, _DISCOUNTS] - sums[:, _RETURNS]
        return pd.DataFrame(
            {
                "hour": self._plan.start_micros + hour * HOUR,
                "currency": CURRENCIES[currency],
                "gross_sales_micros": sums[:, _GROSS],
                "discounts_micros": sums[:, _DISCOUNTS],
                "returns_micros": sums[:, _RETURNS],
                "net_sales_micros": net,
                "shipping_micros": sums[:, _SHIPPING],
                "taxes_micros": sums[:, _TAXES],
                "total_sales_micros": net + sums[:, _SHIPPING] + sums[:, _TAXES],
                "orders": sums[:, _ORDERS],
                "units_sold": sums[:, _SOLD],
                "units_returned": sums[:, _RETURNED],
            }
        )

    def customers(self) -> pd.DataFrame:
        """hour (microseconds), currency; orders that are a customer's first, later ones, guests'.

        First of all that the storefront shows: it has no orders from before the simulation.
        """
        placed = (
            np.concatenate(self._placed, axis=1) if self._placed else np.zeros((3, 0), np.int64)
        )
        at, customer, currency = placed
        by_customer = np.lexsort((at, customer))
        first = np.zeros(len(at), dtype=bool)
        ordered = customer[by_customer]
        first[by_customer] = np.append([True], ordered[1:] != ordered[:-1])[: len(at)]
        guest = customer == 0
        return pd.DataFrame(
            {
                "hour": at // HOUR * HOUR,
                "currency": CURRENCIES[currency],
                "new_customer_orders": (first & ~guest).astype("int64"),
                "repeat_orders": (~first & ~guest).astype("int64"),
                "guest_orders": guest.astype("int64"),
            }
        )
