"""What a demo's marts say of each day, beside what its shop truly sold."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.table import Table

from shop_assets.cli.figures import console

if TYPE_CHECKING:
    import pandas as pd

    from shop_assets.warehouse.connection import Warehouse

_MONEY = ("gross_sales", "discounts", "returns", "net_sales")
_FIGURES = ("orders", *(f"{name}_micros" for name in _MONEY))


@dataclass(frozen=True)
class DaySales:
    """A day's sales in one currency. `is_true`: whether the simulation itself says the same."""

    day: dt.date
    currency: str
    orders: int
    gross_sales: Decimal
    discounts: Decimal
    returns: Decimal
    net_sales: Decimal
    is_true: bool


def sales_by_day(warehouse: Warehouse, truth: pd.DataFrame) -> list[DaySales]:
    """`marts.sales_daily` in order; `truth`: day, currency and the mart's figures (micros).

    A day that only one of the two knows is in the list too, and not true.
    """
    import pandas as pd

    found = warehouse.read(
        f"SELECT day, currency, {', '.join(_FIGURES)} FROM marts_base.sales_daily"  # noqa: S608
    )
    both = _figures(found).join(_figures(truth), how="outer", rsuffix="_truly").sort_index()
    same = pd.concat(
        [(both[n] == both[f"{n}_truly"]).fillna(False).astype(bool) for n in _FIGURES], axis=1
    ).all(axis=1)
    shown = both[list(_FIGURES)].fillna(0).astype("int64")
    days = []
    for (day, currency), figures, is_true in zip(
        shown.index.tolist(), shown.to_numpy().tolist(), same.tolist(), strict=True
    ):
        gross, discounts, returns, net = (_major(micros, currency) for micros in figures[1:])
        date = dt.date.fromisoformat(day)
        days.append(
            DaySales(date, currency, figures[0], gross, discounts, returns, net, bool(is_true))
        )
    return days


def print_days(days: list[DaySales]) -> None:
    """Print `sales_by_day` as a table."""
    table = Table("day", title="Sales by day of the shop's zone")
    for name in ("orders", "gross sales", "discounts", "returns", "net sales", "currency", "true"):
        table.add_column(name, justify="right")
    for day in days:
        money = (f"{getattr(day, name):,}" for name in _MONEY)
        verdict = "[green]yes[/]" if day.is_true else "[red]no[/]"
        table.add_row(str(day.day), f"{day.orders:,}", *money, day.currency, verdict)
    console().print(table)


def differences(warehouse: Warehouse) -> dict[str, int]:
    """How many charges, refunds and payouts do not agree with the payment provider."""
    return {
        kind: int(warehouse.read(f"SELECT count(*) AS n FROM analytics.{kind}_differences")["n"][0])  # noqa: S608
        for kind in ("charge", "refund", "payout")
    }


def print_differences(found: dict[str, int]) -> None:
    """Print `differences` as a sentence."""
    counts = ", ".join(f"{count} {kind}s" for kind, count in found.items())
    console().print(f"\nDiffering from the payment provider: {counts}")


def _figures(frame: pd.DataFrame) -> pd.DataFrame:
    keyed = frame.assign(day=frame["day"].astype("str"), currency=frame["currency"].astype("str"))
    return keyed.set_index(["day", "currency"])[list(_FIGURES)].astype("Int64")


def _major(micros: int, currency: str) -> Decimal:
    from shop_assets.transforms.money import EXPONENTS

    return (Decimal(micros) / 1_000_000).quantize(Decimal(1).scaleb(-EXPONENTS.get(currency, 2)))
