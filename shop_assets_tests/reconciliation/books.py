"""The books of a shop and of its payment provider, from a few words, in a real warehouse."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from shop_assets.assets.reconciliation import DECLARED, READS, compare
from shop_assets.entities import TABLES
from shop_assets.warehouse import ddl
from shop_assets.warehouse.compared_orders import Provider
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.merge import merge_entity
from shop_assets_tests.transforms.frames import frame_of
from shop_assets_tests.warehouse.loads import load_of

AT = "2026-01-31 09:10"
"""When everything happens that names no time."""
START = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
DAYS = 5
GRACE = dt.timedelta(hours=24)
STRIPE = Provider("stripe", "charges", "payment_refunds", ("shop",))
LEDGER = Provider("ledger", "payments", "payments", ("shop",))
_BY = {"A": "shop", "B": "stripe"}

COMMON: dict[str, dict[str, Any]] = {
    "orders": {
        "source": "shop", "placed_at": AT, "status": "paid", "currency": "EUR",
        "discount_micros": 0, "shipping_micros": 0, "tax_micros": 0, "is_test": False,
    },
    "order_items": {
        "source": "shop", "item_id": "1", "placed_at": AT, "line_type": "article", "quantity": 1,
        "discount_micros": 0, "currency": "EUR",
    },
    "refunds": {
        "source": "shop", "refunded_at": AT, "quantity": 0, "shipping_micros": 0, "tax_micros": 0,
        "currency": "EUR",
    },
    "charges": {
        "source": "stripe", "currency": "EUR", "status": "succeeded", "captured": True,
        "disputed": False, "refunded_micros": 0, "created_at": AT,
    },
    "payment_refunds": {
        "source": "stripe", "currency": "EUR", "status": "succeeded", "created_at": AT,
    },
    "payments": {
        "source": "ledger", "currency": "EUR", "fee_micros": 0, "created_at": AT,
        "status": "succeeded",
    },
    "payouts": {
        "source": "stripe", "currency": "EUR", "status": "paid", "automatic": True,
        "created_at": AT,
    },
    "payout_transactions": {
        "source": "stripe", "currency": "EUR", "fee_micros": 0, "type": "charge",
        "created_at": AT,
    },
}  # fmt: skip


def micros(amount: float) -> int:
    return round(amount * 1_000_000)


@dataclass
class Books:
    """Rows of both sides, to be loaded at once. Amounts are in major units."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    count: int = 0

    def add(self, table: str, **values: Any) -> None:
        row = {"version_at": AT, "deleted": False} | COMMON[table] | values
        self.rows.setdefault(table, []).append(row)

    def order(self, order_id: str, amount: float, **values: Any) -> None:
        """An order of one line."""
        currency = values.get("currency", "EUR")
        of = {name: values[name] for name in ("source",) if name in values}
        self.add("orders", order_id=order_id, **values)
        self.add("order_items", order_id=order_id, unit_price_micros=micros(amount),
                 currency=currency, **of)  # fmt: skip

    def _next(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def refund(self, order_id: str, amount: float, **values: Any) -> None:
        """A refund in the shop."""
        values = {"refund_id": self._next("r"), "amount_micros": micros(amount)} | values
        self.add("refunds", order_id=order_id, **values)

    def charge(self, order_id: str | None, amount: float, **values: Any) -> None:
        """A charge at the provider."""
        values = {"charge_id": self._next("ch_")} | values
        values |= {"amount_micros": micros(amount), "captured_micros": micros(amount)}
        self.add("charges", order_id=order_id, **values)

    def given(self, order_id: str | None, amount: float, **values: Any) -> None:
        """A refund at the provider."""
        values = {"refund_id": self._next("re_"), "amount_micros": micros(amount)} | values
        self.add("payment_refunds", order_id=order_id, **values)

    def moved(self, order_id: str | None, type_: str, amount: float, **values: Any) -> None:
        """A row of a provider's ledger."""
        values = {"payment_id": self._next("p_"), "amount_micros": micros(amount)} | values
        self.add("payments", order_id=order_id, type=type_, **values)

    def payout(
        self, payout_id: str, amount: float, *parts: tuple[str, float], **values: Any
    ) -> None:
        """A payout, and the ids and net amounts of its transactions."""
        self.add("payouts", payout_id=payout_id, amount_micros=micros(amount), **values)
        for payment_id, net in parts:
            self.add("payout_transactions", payout_id=payout_id, payment_id=payment_id,
                     amount_micros=micros(net), net_micros=micros(net))  # fmt: skip

    def load(self, warehouse: Warehouse, *, days: int = DAYS) -> None:
        """Merge all that was added; every table is loaded for all days."""
        for table in sorted({*COMMON, *self.rows}):
            frame = frame_of(table, self.rows.get(table, []))
            frame["_hour"] = frame["version_at"].dt.floor("h")
            load = load_of(f"warehouse/{table}", START, count=24 * days)
            merge_entity(warehouse, TABLES[table], frame, load)

    def load_nothing(self, warehouse: Warehouse, hour: dt.datetime) -> None:
        """Load an hour of every table, in which nothing has happened."""
        self.rows = {table: [] for table in COMMON}
        self.add_to(warehouse, hour)

    def add_to(self, warehouse: Warehouse, hour: dt.datetime) -> None:
        """Merge all that was added, as told in an hour of its own, beside what was told before."""
        for table, rows in self.rows.items():
            frame = frame_of(table, rows)
            frame["_hour"] = pd.Series(hour, index=frame.index).astype("datetime64[us, UTC]")
            merge_entity(warehouse, TABLES[table], frame, load_of(f"warehouse/{table}", hour))


def found(
    warehouse: Warehouse, name: str, *providers: Provider, grace: dt.timedelta = GRACE
) -> pd.DataFrame:
    """The rows of a table of differences, brought up to date."""
    [declared] = [d for d in DECLARED if d.name == name]
    compare(warehouse, [declared], READS[declared.comparison], list(providers or [STRIPE]), grace)
    spec = TABLES[name]
    keys = ", ".join(spec.key)
    return spec.conform(warehouse.read(f"SELECT * FROM {ddl.physical(spec)} ORDER BY {keys}"))


def differences(
    warehouse: Warehouse, *providers: Provider, grace: dt.timedelta = GRACE
) -> list[tuple[str, str, str, float, float]]:
    """Every difference: table, whom it is about, kind, expected and found in major units."""
    rows = []
    for declared in DECLARED:
        for row in found(warehouse, declared.name, *providers, grace=grace).to_dict("records"):
            ids = [row.get(n) for n in ("order_id", "charge_id", "payout_id", "payment_id")]
            rows.append(
                (
                    declared.name.removesuffix("_differences"),
                    " ".join(i for i in ids if i),
                    row["kind"],
                    row["expected_micros"] / 1e6,
                    row["found_micros"] / 1e6,
                )
            )
    return rows
