"""Orders with their place in the customer's history."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.transforms.ranks import Ints, begins, in_order, ranks
from shop_assets.transforms.versions import micros

LEDGER_READS = (
    *("source", "order_id", "kind", "customer_id", "quantity", "amount_micros", "currency"),
    *("ordered_at", "is_test"),
)
"""The columns of `sales_ledger` that the mart is made of."""
_RETURNS = ("return", "cancellation")
KINDS_READ = ("sale", "discount", *_RETURNS)
"""The kinds of its rows that count."""

_ORDER = ["source", "order_id"]
_CUSTOMER = ["source", "customer_id"]
_DAY = 24 * 3600 * 1_000_000


def customer_orders(ledger: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """`customer_orders` of the orders that `ledger` holds.

    `ledger`: every row of these orders that is of `KINDS_READ`, whenever it happened; columns
    `LEDGER_READS`. `history`: source, customer_id, order_id, ordered_at of all orders with sales of
    the customers concerned, these included.
    """
    spec = TABLES["customer_orders"]
    rows = ledger[~ledger["is_test"].astype(bool)]
    count = len(rows)
    order = _numbered(pd.concat([rows[_ORDER], history[_ORDER]], ignore_index=True))
    is_sale = (rows["kind"] == "sale").to_numpy(dtype=np.bool_)
    sold = np.flatnonzero(is_sale)
    if not len(sold):
        return spec.empty()
    # Of an order that was sold in several currencies the least one is told, in whichever order its
    # rows are read, and what is in others is not added to it.
    currency, _ = ranks(rows["currency"])
    sold = sold[in_order(order[:count][sold], currency[sold])]
    keys, first = np.unique(order[:count][sold], return_index=True)
    of = np.searchsorted(keys, order[:count])
    # An order of which no sale is left is none.
    of[keys[np.minimum(of, len(keys) - 1)] != order[:count]] = len(keys)

    told = np.append(currency[sold[first]], -1)
    is_told = currency == told[of]

    def summed(values: str, chosen: npt.NDArray[np.bool_]) -> Ints:
        sums = np.zeros(len(keys) + 1, dtype=np.int64)
        np.add.at(sums, of[chosen], rows[values].to_numpy(dtype=np.int64)[chosen])
        return sums[:-1]

    is_discount = (rows["kind"] == "discount").to_numpy(dtype=np.bool_)
    is_return = rows["kind"].isin(_RETURNS).to_numpy(dtype=np.bool_)
    gross = summed("amount_micros", is_sale & is_told)
    discounts = summed("amount_micros", is_discount & is_told)
    returns = summed("amount_micros", is_return & is_told)
    known = ["source", "order_id", "customer_id", "ordered_at", "currency"]
    orders = rows[known].take(sold[first]).reset_index(drop=True)
    orders["ordered_hour"] = orders["ordered_at"].dt.floor("h")
    orders = orders.assign(
        gross_sales_micros=gross,
        discounts_micros=discounts,
        returns_micros=returns,
        net_sales_micros=gross - discounts - returns,
        units_sold=summed("quantity", is_sale),
        **_places(history, order[count:], keys),
    )
    orders["is_first_order"] = (orders["order_number"] == 1).astype("boolean")
    by_key = in_order(micros(orders["ordered_hour"]), keys)
    return spec.conform(orders).take(by_key).reset_index(drop=True)


def _numbered(pairs: pd.DataFrame) -> Ints:
    """A number for each pair of texts, in the order of the pairs."""
    (first, _), (second, different) = (ranks(pairs[name]) for name in pairs)
    return first * different + second


def _places(history: pd.DataFrame, order: Ints, wanted: Ints) -> dict[str, pd.Series]:
    """Of each wanted order its number in its customer's history, and the days since the one before.

    `order`: the number of each row's order.
    """
    unique, row = np.unique(order, return_index=True)
    customer = _numbered(history[_CUSTOMER])[row]
    at = micros(history["ordered_at"])[row]
    sequence = in_order(customer, at, unique)
    customer, at = customer[sequence], at[sequence]
    fresh = begins(customer)
    first = np.flatnonzero(fresh)
    number = np.arange(len(at)) - first[np.cumsum(fresh) - 1] + 1
    days = np.zeros(len(at), dtype=np.int64)
    days[1:] = (at[1:] - at[:-1]) // _DAY
    found = pd.DataFrame(
        {
            "order_number": pd.array(number, dtype="Int64"),
            "days_since_previous": pd.arrays.IntegerArray(days, fresh),
        },
        index=unique[sequence],
    )
    found = found.reindex(wanted)
    return {str(name): found[name].reset_index(drop=True) for name in found}
