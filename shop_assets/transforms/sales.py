"""The sales marts: sums over the sales ledger, by hour, by day, by day and product.

Sums are made of any rows of the ledger (`hour_sums`, `day_sums`, `product_sums`). They add up where
no order is divided, so that they can be kept: a load changes them by the sums of `moved`, of what
its orders' rows are after it and were before. The marts are made of sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.entities.ledger import LEDGER_KINDS
from shop_assets.transforms.days import shop_days
from shop_assets.transforms.ledger_entries import KIND

_RETURNS = ("return", "cancellation")
_AMOUNTS = {
    "gross_sales_micros": ("sale",),
    "discounts_micros": ("discount",),
    "returns_micros": _RETURNS,
    "shipping_micros": ("shipping",),
    "taxes_micros": ("tax",),
    "adjustments_micros": ("adjustment",),
}
_UNITS = {"units_sold": ("sale",), "units_returned": _RETURNS}
_OF_PRODUCTS = ("gross_sales_micros", "discounts_micros", "returns_micros")

HOURS = ("hour", "currency")
DAYS = ("day", "currency")
PRODUCTS = TABLES["product_sales_daily"].key
FIGURES = (*_AMOUNTS, *_UNITS, "orders", "ledger_rows")
"""What is summed by hour and by day; `ledger_rows`: how many rows there are at all."""
CUSTOMER_COUNTS = ("new_customer_orders", "guest_orders")
"""Of a day's orders, how many are their customer's first, and how many have no customer."""
PRODUCT_FIGURES = (*_OF_PRODUCTS, *_UNITS, "orders", "ledger_rows")


def hour_sums(ledger: pd.DataFrame) -> pd.DataFrame:
    """The ledger rows' sums by hour and currency: columns of `HOURS` and `FIGURES`."""
    rows = _countable(ledger)
    rows["hour"] = rows["happened_at"].dt.floor("h")
    rows["is_order"] = rows["hour"] == rows["ordered_at"].dt.floor("h")
    return _sums(rows, HOURS, FIGURES)


def day_sums(ledger: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    """The ledger rows' sums by the shop's day and currency: columns of `DAYS` and `FIGURES`."""
    return _sums(_by_day(_countable(ledger), zone), DAYS, FIGURES)


def product_sums(ledger: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    """The sums of what was sold and returned: columns of `PRODUCTS` and `PRODUCT_FIGURES`.

    A refund that names no line stands under no product, as `manual`, so that products sum to the
    day.
    """
    rows = _countable(ledger)
    rows = _by_day(rows[rows["kind"].isin(["sale", "discount", *_RETURNS])].copy(), zone)
    rows["line_type"] = rows["line_type"].fillna("manual")
    rows["product_id"] = rows["product_id"].fillna("")
    return _sums(rows, PRODUCTS, PRODUCT_FIGURES)


def added(parts: Sequence[pd.DataFrame], key: Sequence[str]) -> pd.DataFrame:
    """One table of sums from those of parts of the ledger that share no order."""
    if len(parts) == 1:
        return parts[0]
    whole = pd.concat(parts, ignore_index=True)
    return whole.groupby(list(key), observed=True, as_index=False).sum()


def moved(after: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Ledger rows that came, and others that are to be taken off (`sign` -1), to be summed."""
    return pd.concat([after.assign(sign=1), before.assign(sign=-1)], ignore_index=True)


def sales_hourly(sums: pd.DataFrame) -> pd.DataFrame:
    """`sales_hourly` of `hour_sums`; hours without rows are not in it."""
    return _finish(_with_totals(sums), "sales_hourly")


def sales_daily(sums: pd.DataFrame) -> pd.DataFrame:
    """`sales_daily` of `day_sums`, with `CUSTOMER_COUNTS`; days without rows are not in it."""
    rows = _with_totals(sums)
    known = rows["new_customer_orders"] + rows["guest_orders"]
    return _finish(
        rows.assign(
            repeat_orders=rows["orders"] - known,
            aov_net_micros=per_order(rows["net_sales_micros"], rows["orders"]),
            aov_total_micros=per_order(rows["total_sales_micros"], rows["orders"]),
        ),
        "sales_daily",
    )


def product_sales_daily(sums: pd.DataFrame, products: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    """`product_sales_daily` of `product_sums`.

    `products`: source, product_id, version_at and category of every version of the products.
    """
    if sums.empty:
        return TABLES["product_sales_daily"].empty()
    rows = sums.assign(net_sales_micros=_net(sums))
    return _finish(_with_category(rows, products, zone), "product_sales_daily")


def _with_totals(sums: pd.DataFrame) -> pd.DataFrame:
    net = _net(sums)
    total = net + sums["shipping_micros"] + sums["taxes_micros"]
    return sums.assign(net_sales_micros=net, total_sales_micros=total)


def _net(sums: pd.DataFrame) -> pd.Series:
    return sums["gross_sales_micros"] - sums["discounts_micros"] - sums["returns_micros"]


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
    rows = ledger[~ledger["is_test"].to_numpy(dtype=bool)]
    return rows.copy() if "sign" in rows else rows.assign(sign=1)


def _by_day(rows: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    rows["day"] = shop_days(rows["happened_at"], zone)
    rows["is_order"] = rows["day"] == shop_days(rows["ordered_at"], zone)
    return rows


def _sums(rows: pd.DataFrame, by: Sequence[str], figures: Sequence[str]) -> pd.DataFrame:
    sign = rows["sign"].to_numpy()
    kind = pd.Index(LEDGER_KINDS).get_indexer(pd.Index(rows["kind"]))
    # All columns at once: a frame is slow to be given one after the other.
    parts: dict[str, pd.Series | np.ndarray] = {name: rows[name] for name in by}
    for value, named in (("amount_micros", _AMOUNTS), ("quantity", _UNITS)):
        signed = rows[value].to_numpy(dtype="int64") * sign
        for name, kinds in named.items():
            if name in figures:
                parts[name] = np.where(np.isin(kind, [KIND[k] for k in kinds]), signed, 0)
    counted = (kind == KIND["sale"]) & rows["is_order"].to_numpy(dtype=bool)
    order = list(dict.fromkeys((*by, "source", "order_id", "sign")))
    counted[counted] = ~rows.loc[counted, order].duplicated().to_numpy()
    parts["orders"] = np.where(counted, sign, 0)
    parts["ledger_rows"] = sign
    frame = pd.DataFrame(parts, index=rows.index)
    return frame.groupby(list(by), observed=True, as_index=False)[list(figures)].sum()


def _finish(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    spec = TABLES[table]
    return spec.conform(frame).sort_values(list(spec.key), kind="stable", ignore_index=True)
