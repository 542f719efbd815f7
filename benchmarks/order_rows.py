"""Rows of orders and of their ledger, made at random, as many as are asked for."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from shop_assets.entities import TABLES

START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
_MICROS = 1_000_000
_CURRENCIES = np.array(["EUR", "EUR", "EUR", "EUR", "USD", "GBP", "JPY"], dtype=object)
_KINDS = np.array(["sale", "sale", "discount", "shipping", "tax", "return"], dtype=object)


def customer_orders(count: int, hour: int) -> pd.DataFrame:
    """The mart of that name for one hour, so many hours after `START`."""
    random = np.random.default_rng(hour)
    start = pd.Timestamp(START + hour * HOUR)
    at = start + pd.to_timedelta(np.sort(random.integers(0, 3_600 * _MICROS, count)), unit="us")
    gross = random.integers(5, 500, count) * 10_000
    returned = gross // 4 * (random.random(count) < 0.1)
    guest = random.random(count) < 0.2
    number = random.integers(1, 9, count)
    customers = _named("c", random.integers(0, 5 * count + 1, count))
    customers[guest] = None
    return TABLES["customer_orders"].conform(
        pd.DataFrame(
            {
                "ordered_hour": start,
                "source": "storefront",
                "order_id": _named("o", hour * 10_000_000 + np.arange(count)),
                "customer_id": customers,
                "ordered_at": at,
                "order_number": pd.array(number, "Int64"),
                "is_first_order": pd.array(number == 1, "boolean"),
                "days_since_previous": pd.array(random.integers(0, 400, count), "Int64"),
                "currency": _CURRENCIES[random.integers(0, len(_CURRENCIES), count)],
                "gross_sales_micros": gross,
                "discounts_micros": 0,
                "returns_micros": returned,
                "net_sales_micros": gross - returned,
                "units_sold": random.integers(1, 6, count),
            }
        )
    )


def ledger(count: int, hours: int) -> pd.DataFrame:
    """So many rows of the sales ledger, over so many hours from `START` on."""
    random = np.random.default_rng(count)
    order = np.sort(random.integers(0, count // 6 + 1, count))
    moments = np.sort(random.integers(0, hours * 3_600 * _MICROS, count // 6 + 1))
    ordered = pd.Timestamp(START) + pd.to_timedelta(moments[order], unit="us")
    kind = _KINDS[random.integers(0, len(_KINDS), count)]
    # What is given back is given back later.
    late = np.where(kind == "return", random.integers(0, 48 * 3_600 * _MICROS, count), 0)
    at = np.minimum(moments[order] + late, hours * 3_600 * _MICROS - 1)
    per_order = np.isin(kind, ["shipping", "tax"])
    product = _named("sku-", random.integers(0, 240, count))
    product[per_order] = None
    item = _named("i", np.arange(count))
    line = np.full(count, "article", dtype=object)
    line[per_order] = None
    return TABLES["sales_ledger"].conform(
        pd.DataFrame(
            {
                "source": "storefront",
                "order_id": _named("o", order),
                "item_id": item,
                "kind": kind,
                "event_id": _named("e", np.arange(count)),
                "happened_at": pd.Timestamp(START) + pd.to_timedelta(at, unit="us"),
                "ordered_at": ordered,
                "customer_id": _named("c", order % 50_000),
                "product_id": product,
                "line_type": line,
                "quantity": np.where(per_order, 0, random.integers(1, 4, count)),
                "amount_micros": random.integers(1, 300, count) * 10_000,
                "currency": _CURRENCIES[order % len(_CURRENCIES)],
                "is_test": random.random(count) < 0.001,
            }
        )
    )


def products() -> pd.DataFrame:
    """One version (source, product_id, version_at, category) of each product of the ledger."""
    return pd.DataFrame(
        {
            "source": "storefront",
            "product_id": [f"sku-{n}" for n in range(240)],
            "version_at": pd.Timestamp(START),
            "category": [f"category {n % 12}" for n in range(240)],
        }
    ).astype({"version_at": "datetime64[us, UTC]"})


def _named(prefix: str, numbers: np.ndarray) -> np.ndarray:
    return (prefix + pd.Series(numbers).astype(str)).to_numpy(dtype=object)
