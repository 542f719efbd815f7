"""What a platform must find when it has read the simulated shop's sources without a mistake.

Computed from the simulation itself, not from what was written to the sources.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from shop_assets.demo.chance import HOUR, Ints, to_micros
from shop_assets.demo.plan import ZONE, DemoPlan
from shop_assets.demo.true_funnel import funnel
from shop_assets.demo.true_sales import METRICS, Sales, View
from shop_assets.demo.true_streams import Streams
from shop_assets.demo.warehouse import LOCATIONS
from shop_assets.demo.world import World

__all__ = ["Truth", "View", "compute_truth"]

_NEW = ["new_customer_orders", "repeat_orders", "guest_orders"]


@dataclass(frozen=True)
class Truth:
    """True totals; money in micros, hours in UTC, days of the shop's zone.

    `sales_hourly`: hour, currency and the sums of `marts.sales_hourly` under the same names.
    `sales_daily`: day, currency, the same and new, repeat and guest orders.
    `funnel_hourly`: the hour that sessions began in, and how far they came, as in the mart; of
    events that the tracker's files tell of so far.
    `streams`: hour, source, stream; rows delivered, and of these broken, invalid, duplicates and
    late ones. A row that is broken or invalid must be set aside, a duplicate removed.
    `payments`: currency, type, rows, amount and fee of all money reported so far.
    `ad_spend`: day, campaign_id, as last restated. `stock`: product_id, location_id, as last read.
    `entities`: how many different rows of each entity there truly are.
    """

    view: View
    sales_hourly: pd.DataFrame
    sales_daily: pd.DataFrame
    funnel_hourly: pd.DataFrame
    streams: pd.DataFrame
    payments: pd.DataFrame
    ad_spend: pd.DataFrame
    stock: pd.DataFrame
    entities: dict[str, int]

    @property
    def sales(self) -> pd.DataFrame:
        """The sums of all hours by currency."""
        return self.sales_hourly.drop(columns="hour").groupby("currency").sum()

    @property
    def stream_totals(self) -> pd.DataFrame:
        """The counts of all hours by source and stream."""
        return self.streams.drop(columns="hour").groupby(["source", "stream"]).sum()


def compute_truth(
    plan: DemoPlan,
    clock: int,
    start: dt.datetime | None,
    end: dt.datetime | None,
    view: View,
) -> Truth:
    """The truth of the hours of `[start, end)`, when the shop's clock stands at `clock`."""
    world = World(plan)
    sales, streams = Sales(plan, clock, view), Streams(world, clock, view)
    for hour in range(-(-(clock - plan.start_micros) // HOUR)):
        world.alive(hour)  # lets go of the births that nothing can come of any more
        born = world.births(hour)
        sales.add(born)
        streams.add(hour)
    hourly = sales.hourly()
    low = to_micros(start) if start else plan.start_micros
    high = to_micros(end) if end else clock
    return Truth(
        view,
        _within(hourly, low, high),
        _daily(_within(hourly, low, high), sales, low, high),
        _within(funnel(plan, streams.events()), low, high),
        _within(streams.counts(), low, high),
        streams.payments(),
        streams.ad_spend(),
        _stock(world, streams),
        streams.entities(),
    )


def hours_of(micros: Ints) -> pd.Series:
    """The starts of the hours (UTC) that moments are in."""
    whole = pd.Series(pd.to_datetime(micros // HOUR * HOUR, unit="us", utc=True))
    return whole.dt.as_unit("us")


def _within(frame: pd.DataFrame, low: int, high: int) -> pd.DataFrame:
    at = frame["hour"].to_numpy(dtype=np.int64)
    kept = frame[(at >= low // HOUR * HOUR) & (at < high)].reset_index(drop=True)
    return kept.assign(hour=hours_of(kept["hour"].to_numpy(dtype=np.int64)))


def _daily(hourly: pd.DataFrame, sales: Sales, low: int, high: int) -> pd.DataFrame:
    by_day = hourly.assign(day=hourly["hour"].dt.tz_convert(ZONE).dt.date).drop(columns="hour")
    firsts = _within(sales.customers(), low, high)
    firsts = firsts.assign(day=firsts["hour"].dt.tz_convert(ZONE).dt.date).drop(columns="hour")
    kinds = firsts.groupby(["day", "currency"])[_NEW].sum()
    daily = by_day.groupby(["day", "currency"])[list(METRICS)].sum().join(kinds)
    daily[_NEW] = daily[_NEW].fillna(0).astype("int64")
    return daily.reset_index()


def _stock(world: World, streams: Streams) -> pd.DataFrame:
    cells = np.arange(len(streams.available))
    return pd.DataFrame(
        {
            "product_id": world.catalogue.skus[cells // 2],
            "location_id": LOCATIONS[cells % 2],
            "available": streams.available,
            "committed": streams.committed,
            "unavailable": streams.unavailable,
        }
    )
