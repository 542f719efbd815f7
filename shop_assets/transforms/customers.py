"""Orders with their place in the customer's history."""

from __future__ import annotations

from typing import Any

import pandas as pd

from shop_assets.entities import TABLES

_DAY = pd.Timedelta(days=1)


def customer_orders(ledger: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """`customer_orders` of the orders that `ledger` holds.

    `ledger`: every row of these orders, whenever it happened. `history`: source, customer_id,
    order_id, ordered_at of all orders with sales of the customers concerned, these included.
    """
    spec = TABLES["customer_orders"]
    rows = ledger[~ledger["is_test"].astype(bool)]
    if not (rows["kind"] == "sale").any():
        return spec.empty()
    key = ["source", "order_id"]
    kind, amount = rows["kind"], rows["amount_micros"]
    parts = rows[key].assign(
        gross_sales_micros=amount.where(kind == "sale", 0),
        discounts_micros=amount.where(kind == "discount", 0),
        returns_micros=amount.where(kind.isin(["return", "cancellation"]), 0),
        units_sold=rows["quantity"].where(kind == "sale", 0),
    )
    sums = parts.groupby(key, as_index=False).sum()
    sums["net_sales_micros"] = (
        sums["gross_sales_micros"] - sums["discounts_micros"] - sums["returns_micros"]
    )
    sold = rows[kind == "sale"].drop_duplicates(key)
    orders = sold[[*key, "customer_id", "ordered_at", "currency"]].merge(
        sums, on=key, how="left", validate="one_to_one"
    )
    orders = orders.merge(_places(history), on=key, how="left", validate="one_to_one")
    orders["ordered_hour"] = orders["ordered_at"].dt.floor("h")
    orders["is_first_order"] = (orders["order_number"] == 1).astype("boolean")
    conformed = spec.conform(orders)
    return conformed.sort_values(list(spec.key), kind="stable", ignore_index=True)


def _places(history: pd.DataFrame) -> pd.DataFrame:
    """Each order's number in its customer's history, and the days since the one before."""
    customer = ["source", "customer_id"]
    ordered = history.drop_duplicates(["source", "order_id"]).sort_values(
        [*customer, "ordered_at", "order_id"], kind="stable"
    )
    grouped = ordered.groupby(customer, sort=False)
    before: Any = ordered["ordered_at"] - grouped["ordered_at"].shift()
    return pd.DataFrame(
        {
            "source": ordered["source"],
            "order_id": ordered["order_id"],
            "order_number": (grouped.cumcount() + 1).astype("Int64"),
            "days_since_previous": (before // _DAY).astype("Int64"),
        }
    )
