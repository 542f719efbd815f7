"""The sales marts: sums over the sales ledger, by hour, by day, by day and product."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.transforms.days import shop_days

_RETURNS = ("return", "cancellation")


def sales_hourly(ledger: pd.DataFrame) -> pd.DataFrame:
    """`sales_hourly` from ledger rows; hours without rows are not in it."""
    spec = TABLES["sales_hourly"]
    rows = _countable(ledger)
    if rows.empty:
        return spec.empty()
    rows["hour"] = rows["happened_at"].dt.floor("h")
    rows["is_order"] = rows["hour"] == rows["ordered_at"].dt.floor("h")
    return _finish(_sums(rows, ["hour", "currency"]), spec.key, "sales_hourly")


def sales_daily(ledger: pd.DataFrame, firsts: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    """`sales_daily` from ledger rows; days without rows are not in it.

    `firsts`: source, order_id, customer_id, is_first_order of the orders counted. An order without
    a customer is a guest's.
    """
    spec = TABLES["sales_daily"]
    rows = _countable(ledger)
    if rows.empty:
        return spec.empty()
    rows["day"] = shop_days(rows["happened_at"], zone)
    rows["is_order"] = rows["day"] == shop_days(rows["ordered_at"], zone)
    by = ["day", "currency"]
    sums = _sums(rows, by)
    orders = rows.loc[
        (rows["kind"] == "sale") & rows["is_order"], [*by, "source", "order_id"]
    ].drop_duplicates()
    flags = firsts[["source", "order_id", "customer_id", "is_first_order"]]
    orders = orders.merge(flags, on=["source", "order_id"], how="left", validate="many_to_one")
    known = orders["customer_id"].notna()
    first = known & orders["is_first_order"].fillna(False).astype(bool)
    orders["new_customer_orders"] = first
    orders["repeat_orders"] = known & ~first
    orders["guest_orders"] = ~known
    kinds = ["new_customer_orders", "repeat_orders", "guest_orders"]
    counts = orders.groupby(by, observed=True, as_index=False)[kinds].sum()
    merged = sums.merge(counts, on=by, how="left", validate="one_to_one")
    merged[kinds] = merged[kinds].fillna(0).astype("Int64")
    return _finish(_with_averages(merged), spec.key, "sales_daily")


def product_sales_daily(
    ledger: pd.DataFrame, products: pd.DataFrame, zone: ZoneInfo
) -> pd.DataFrame:
    """`product_sales_daily` from ledger rows; those that name no line count as `manual`.

    `products`: source, product_id, version_at and category of every version of the products.
    """
    spec = TABLES["product_sales_daily"]
    rows = _countable(ledger)
    rows = rows[rows["kind"].isin(["sale", "discount", *_RETURNS])]
    if rows.empty:
        return spec.empty()
    # A refund that names no line stands under no product, so that products sum to the day.
    rows["line_type"] = rows["line_type"].fillna("manual")
    rows["product_id"] = rows["product_id"].fillna("")
    rows["day"] = shop_days(rows["happened_at"], zone)
    rows["is_order"] = rows["day"] == shop_days(rows["ordered_at"], zone)
    sums = _sums(rows, list(spec.key))
    return _finish(_with_category(sums, products, zone), spec.key, "product_sales_daily")


def added(parts: Sequence[pd.DataFrame], mart: str) -> pd.DataFrame:
    """One of these marts from what was made of parts of the ledger.

    Each order's rows stood in one part, so that nothing was counted twice.
    """
    if len(parts) == 1:
        return parts[0]
    spec = TABLES[mart]
    key = list(spec.key)
    whole = pd.concat(parts, ignore_index=True)
    summed = [c.name for c in spec.columns if c.kind == "int" and not c.key and not c.nullable]
    rows = whole.groupby(key, observed=True, as_index=False)[summed].sum()
    if mart == "sales_daily":
        rows = _with_averages(rows)
    if "category" in spec.column_names:
        same = whole[[*key, "category"]].drop_duplicates(key)
        rows = rows.merge(same, on=key, how="left", validate="one_to_one")
    return _finish(rows, spec.key, mart)


def _with_averages(days: pd.DataFrame) -> pd.DataFrame:
    return days.assign(
        aov_net_micros=per_order(days["net_sales_micros"], days["orders"]),
        aov_total_micros=per_order(days["total_sales_micros"], days["orders"]),
    )


def _with_category(sums: pd.DataFrame, products: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    """The category that each product had when the day was over; before its first, that."""
    by = ["source", "product_id"]
    versions = products[[*by, "version_at", "category"]].sort_values("version_at", kind="stable")
    over = (sums["day"].astype("datetime64[us]") + pd.Timedelta(days=1)).dt.tz_localize(
        zone, ambiguous=np.ones(len(sums), bool), nonexistent="shift_forward"
    )
    asked = sums[by].assign(over=over.dt.tz_convert("UTC").dt.as_unit("us"), place=sums.index)
    known = pd.merge_asof(
        asked.sort_values("over", kind="stable"),
        versions,
        left_on="over",
        right_on="version_at",
        by=by,
        allow_exact_matches=False,
    )
    first = versions.drop_duplicates(by).set_index(by)["category"]
    fallback = pd.MultiIndex.from_frame(known[by]).map(first.to_dict())
    category = known["category"].where(known["version_at"].notna(), pd.Series(fallback))
    return sums.assign(category=category.set_axis(known["place"]).reindex(sums.index))


def per_order(amount: pd.Series, orders: pd.Series) -> pd.Series:
    """Amount / orders in whole micros, half up; null where there are no orders."""
    divisor = orders.where(orders > 0)
    return ((2 * amount + divisor) // (2 * divisor)).astype("Int64")


def _countable(ledger: pd.DataFrame) -> pd.DataFrame:
    return ledger[~ledger["is_test"].astype(bool)].copy()


def _sums(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    kind, amount, units = rows["kind"], rows["amount_micros"], rows["quantity"]
    returned = kind.isin(_RETURNS)
    parts = rows[by].copy()
    for name, chosen in (
        ("gross_sales_micros", kind == "sale"),
        ("discounts_micros", kind == "discount"),
        ("returns_micros", returned),
        ("shipping_micros", kind == "shipping"),
        ("taxes_micros", kind == "tax"),
        ("adjustments_micros", kind == "adjustment"),
    ):
        parts[name] = amount.where(chosen, 0)
    parts["units_sold"] = units.where(kind == "sale", 0)
    parts["units_returned"] = units.where(returned, 0)
    figures = [name for name in parts.columns if name not in by]
    sums = parts.groupby(by, observed=True, as_index=False)[figures].sum()
    sums["net_sales_micros"] = (
        sums["gross_sales_micros"] - sums["discounts_micros"] - sums["returns_micros"]
    )
    sums["total_sales_micros"] = (
        sums["net_sales_micros"] + sums["shipping_micros"] + sums["taxes_micros"]
    )
    identity = [*by, *(name for name in ("source", "order_id") if name not in by)]
    sold = rows.loc[(kind == "sale") & rows["is_order"], identity].drop_duplicates()
    orders = sold.groupby(by, observed=True, as_index=False).size()
    orders = orders.rename(columns={"size": "orders"})
    merged = sums.merge(orders, on=by, how="left", validate="one_to_one")
    merged["orders"] = merged["orders"].fillna(0).astype("Int64")
    return merged


def _finish(frame: pd.DataFrame, key: tuple[str, ...], table: str) -> pd.DataFrame:
    conformed = TABLES[table].conform(frame)
    return conformed.sort_values(list(key), kind="stable", ignore_index=True)
