"""Stock by the hour, and what will run out."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from shop_assets.entities import TABLES

DEFAULT_LEAD_TIME = 7
"""Days from reorder to delivery, where the product names none."""

_PLACE = ["source", "product_id", "location_id"]
_STATE = ["available", "committed", "unavailable"]


def inventory_hourly(
    levels: pd.DataFrame, movements: pd.DataFrame, hours: pd.DatetimeIndex
) -> pd.DataFrame:
    """`inventory_hourly` for each of `hours` and each place that has been read by its end.

    `levels`: the readings within the hours, and for each product and location the last one before.
    `movements`: those within the hours.
    """
    spec = TABLES["inventory_hourly"]
    readings = levels[~levels["deleted"].astype(bool)]
    if readings.empty or len(hours) == 0:
        return spec.empty()
    places = readings[_PLACE].drop_duplicates()
    grid = places.merge(pd.DataFrame({"hour": hours}), how="cross")
    grid["until"] = grid["hour"] + pd.Timedelta(hours=1)
    readings = readings.sort_values(["measured_at", "version_at"], kind="stable")
    state = pd.merge_asof(
        grid.sort_values("until", kind="stable"),
        readings[[*_PLACE, "measured_at", *_STATE]],
        left_on="until",
        right_on="measured_at",
        by=_PLACE,
        allow_exact_matches=False,
    )
    state = state[state["measured_at"].notna()]
    state["on_hand"] = state["available"] + state["committed"] + state["unavailable"]
    state["is_stockout"] = state["available"] <= 0
    state = state.merge(_moved(movements), on=["hour", *_PLACE], how="left")
    for name in ("units_in", "units_out"):
        state[name] = state[name].fillna(0).astype("Int64")
    conformed = spec.conform(state)
    return conformed.sort_values(list(spec.key), kind="stable", ignore_index=True)


def _moved(movements: pd.DataFrame) -> pd.DataFrame:
    moved = movements[~movements["deleted"].astype(bool)]
    quantity = moved["quantity"]
    parts = moved[_PLACE].assign(
        hour=moved["moved_at"].dt.floor("h"),
        units_in=quantity.where(quantity > 0, 0),
        units_out=(-quantity).where(quantity < 0, 0),
    )
    return parts.groupby(["hour", *_PLACE], as_index=False)[["units_in", "units_out"]].sum()


def stock_alerts(
    inventory: pd.DataFrame, demand: pd.DataFrame, products: pd.DataFrame, as_of: dt.datetime
) -> pd.DataFrame:
    """`stock_alerts`: what is out of stock at `as_of`, or will be within its lead time.

    `inventory`: rows of `inventory_hourly` of that hour. `demand`: source, product_id, location_id
    (together unique), and of the last weeks the hours in which there was stock, and the units that
    left in them: during a stockout demand is unknown, not zero.
    """
    spec = TABLES["stock_alerts"]
    if inventory.empty:
        return spec.empty()
    rows = inventory.merge(demand, on=_PLACE, how="left", validate="one_to_one")
    rows["daily_units"] = rows["units"].astype("Float64") / (rows["hours"].astype("Float64") / 24)
    lead = products[["source", "product_id", "lead_time_days"]]
    rows = rows.merge(lead, on=["source", "product_id"], how="left", validate="many_to_one")
    rows["lead_time_days"] = rows["lead_time_days"].fillna(DEFAULT_LEAD_TIME).astype("Int64")
    sells = (rows["daily_units"] > 0).fillna(False).astype(bool)
    rows["days_of_cover"] = (
        rows["available"].astype("Float64") / rows["daily_units"].where(sells)
    ).astype("Float64")
    out = (rows["available"] <= 0).astype(bool)
    low = (rows["days_of_cover"] < rows["lead_time_days"]).fillna(False).astype(bool)
    rows["severity"] = pd.Series("low", index=rows.index, dtype="str").mask(out, "out_of_stock")
    rows["as_of"] = pd.Timestamp(as_of).as_unit("us")
    conformed = spec.conform(rows[out | low])
    return conformed.sort_values(list(spec.key), kind="stable", ignore_index=True)
