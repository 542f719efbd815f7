"""The sales ledger worked out slowly: one order, one moment, one line at a time."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

Row = dict[str, Any]
Amounts = dict[tuple[str, str, str], tuple[int, int]]
"""(item, kind, event) to (quantity, amount); event '' is the moment of the change."""
Ledger = dict[tuple[str, str, str, str, int], tuple[int, int]]
"""(order, item, kind, event, time) to (quantity, amount)."""


def share(total: int, weights: list[int], unit: int) -> list[int]:
    """Largest remainder in minor units."""
    weights = [max(w, 0) for w in weights]
    if not any(weights):
        weights = [1] * len(weights)
    sign, size = (-1 if total < 0 else 1), abs(total)
    whole = size // unit
    quotas = [Fraction(whole * w, sum(weights)) for w in weights]
    parts = [int(q) for q in quotas]
    missing = whole - sum(parts)
    for i in sorted(range(len(weights)), key=lambda i: (parts[i] - quotas[i], i))[:missing]:
        parts[i] += 1
    micros = [p * unit for p in parts]
    largest = min(range(len(weights)), key=lambda i: (-micros[i], -weights[i], i))
    micros[largest] += size - whole * unit
    return [sign * m for m in micros]


class Timeline:
    """The versions of one row."""

    def __init__(self, rows: list[Row], first: int, floor: int) -> None:
        rows = sorted(rows, key=lambda r: int(r["version_at"]))
        self.first = first
        self.steps = [
            (first if i == 0 else max(int(r["version_at"]), floor), r) for i, r in enumerate(rows)
        ]

    def at(self, time: int) -> Row | None:
        known = [row for since, row in self.steps if since <= time]
        return known[-1] if known else None


class Order:
    """All versions of all rows of one order."""

    def __init__(self, orders: list[Row], items: list[Row], refunds: list[Row]) -> None:
        self.placed = min(
            [r["placed_at"] for r in orders]
            or [r["placed_at"] for r in items]
            or [r["refunded_at"] for r in refunds]
        )
        self.order = Timeline(orders, self.placed, self.placed)
        self.items, self.refunds = {}, {}
        for key, rows in _by(items, "item_id"):
            first = max(self.placed, min(r["placed_at"] for r in rows))
            self.items[key] = Timeline(rows, first, first)
        for key, rows in _by(refunds, "refund_id"):
            first = max(self.placed, min(r["refunded_at"] for r in rows))
            self.refunds[key] = Timeline(rows, first, first)
        self.spans = self._spans()

    def _spans(self) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        since: int | None = None
        floor = self.placed
        collapsed = dict(self.order.steps)  # the last version that counts from a moment
        for time, row in sorted(collapsed.items()):
            on = row["cancelled_at"] is not None and not row["deleted"]
            if on and since is None:
                since = max(int(row["cancelled_at"]), floor)
            if not on and since is not None:
                spans.append((since, time))
                since, floor = None, time
        if since is not None:
            spans.append((since, 10**30))
        return [(start, end) for start, end in spans if start < end]

    def moments(self) -> list[int]:
        lines = [self.order, *self.items.values(), *self.refunds.values()]
        found = {time for line in lines for time, _ in line.steps}
        return sorted(found | {t for span in self.spans for t in span if t < 10**30})

    def amounts(self, time: int) -> Amounts:
        order = self.order.at(time)
        if order is not None and order["deleted"]:
            return {}
        lines = {
            key: row
            for key, line in sorted(self.items.items())
            if (row := line.at(time)) is not None and not row["deleted"]
        }
        refunds = {
            key: row
            for key, line in sorted(self.refunds.items())
            if (row := line.at(time)) is not None and not row["deleted"]
        }
        out: Amounts = {}
        sales: dict[str, tuple[int, int]] = {}
        for key, row in lines.items():
            quantity, price, off = row["quantity"], row["unit_price_micros"], row["discount_micros"]
            net = abs(quantity) * price - (off if quantity else 0)
            if price < 0:
                out[key, "adjustment", ""] = (0, quantity * price)
            elif price > 0 and row["line_type"] == "gift_card":
                out[key, "adjustment", ""] = (0, net if quantity > 0 else -net)
            elif price > 0 and quantity > 0:
                sales[key] = out[key, "sale", ""] = (quantity, quantity * price)
                out[key, "discount", ""] = (0, off)
            elif price > 0 and quantity < 0:
                out[key, "return", ""] = (-quantity, net)
        if order is not None:
            out["", "shipping", ""] = (0, order["shipping_micros"])
            out["", "tax", ""] = (0, order["tax_micros"])
            if sales and order["discount_micros"]:
                parts = share(
                    order["discount_micros"],
                    [a for _, a in sales.values()],
                    {"GBP": 10_000, "JPY": 1_000_000, "KWD": 1_000}[order["currency"]],
                )
                for key, part in zip(sales, parts, strict=True):
                    out[key, "discount", ""] = (0, out[key, "discount", ""][1] + part)
        span = [start for start, end in self.spans if start <= time < end]
        self._give_back(out, sales, refunds, span[0] if span else None)
        return out

    def _give_back(
        self,
        out: Amounts,
        sales: dict[str, tuple[int, int]],
        refunds: dict[str, Row],
        cancelled: int | None,
    ) -> None:
        names = ("quantity", "amount_micros", "shipping_micros", "tax_micros")
        before = [k for k in refunds if cancelled is None or self.refunds[k].first <= cancelled]
        limits = [0, 0, 0, 0]
        if cancelled is not None:
            earlier = [refunds[k] for k in before]
            for key, (quantity, amount) in sales.items():
                mine = [r for r in earlier if r["item_id"] == key]
                left = (
                    max(0, quantity - sum(r["quantity"] for r in mine)),
                    max(
                        0,
                        amount
                        - out[key, "discount", ""][1]
                        - sum(r["amount_micros"] for r in mine),
                    ),
                )
                out[key, "cancellation", "cancelled"] = left
                limits[0] += left[0]
                limits[1] += left[1]
            unnamed = [r for r in earlier if r["item_id"] is None]
            taken = (
                min(limits[0], sum(r["quantity"] for r in unnamed)),
                min(limits[1], sum(r["amount_micros"] for r in unnamed)),
            )
            out["", "cancellation", "cancelled"] = (-taken[0], -taken[1])
            limits[:2] = limits[0] - taken[0], limits[1] - taken[1]
            for i, kind in ((2, "shipping"), (3, "tax")):
                charged = out.get(("", kind, ""), (0, 0))[1]
                limits[i] = max(0, charged - sum(r[names[i]] for r in earlier))
                out["", kind, "cancelled"] = (0, -limits[i])
        for key in sorted(refunds, key=lambda k: (self.refunds[k].first, k)):
            values = [refunds[key][name] for name in names]
            if key not in before:
                absorbed = [min(v, limit) for v, limit in zip(values, limits, strict=True)]
                limits = [limit - a for limit, a in zip(limits, absorbed, strict=True)]
                values = [v - a for v, a in zip(values, absorbed, strict=True)]
            out[refunds[key]["item_id"] or "", "return", key] = (values[0], values[1])
            out["", "shipping", key] = (0, -values[2])
            out["", "tax", key] = (0, -values[3])


def _by(rows: Iterable[Row], name: str) -> Iterable[tuple[str, list[Row]]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[name], []).append(row)
    return groups.items()


def histories(orders: list[Row], items: list[Row], refunds: list[Row]) -> dict[str, Order]:
    """Each order's history by its id."""
    keys = {r["order_id"] for rows in (orders, items, refunds) for r in rows}
    return {
        key: Order(
            *([r for r in rows if r["order_id"] == key] for rows in (orders, items, refunds))
        )
        for key in keys
    }


def slow_ledger(orders: list[Row], items: list[Row], refunds: list[Row]) -> Ledger:
    """The ledger as the differences between an order's amounts at one moment and the next."""
    out: Ledger = {}
    for key, history in histories(orders, items, refunds).items():
        before: Amounts = {}
        for time in history.moments():
            now = history.amounts(time)
            for name in before.keys() | now.keys():
                old, new = before.get(name, (0, 0)), now.get(name, (0, 0))
                if old != new:
                    item, kind, event = name
                    out[key, item, kind, event or str(time), time] = (
                        new[0] - old[0],
                        new[1] - old[1],
                    )
            before = now
    return out
