"""The ad platform's exports: CSV with a byte order mark, every six hours, restated for days."""

from __future__ import annotations

import csv
import datetime as dt
import io
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from shop_assets.demo.chance import Ints, generator, to_micros
from shop_assets.demo.orders import CAMPAIGNS
from shop_assets.demo.plan import ZONE, DemoPlan
from shop_assets.demo.storefront import campaign_ids

SPEND_NAME = "spend-%Y-%m-%dT%H.csv"
CAMPAIGNS_NAME = "campaigns-%Y-%m-%dT%H.csv"
RESTATED_DAYS = 3
_EVERY = 6
_CHANNELS = ("search", "social", "display")
_SPEND_HEADER = ("Campaign ID", "Day", "Currency", "Cost (micros)", "Impr.", "Clicks", "Exported")
_CAMPAIGN_HEADER = ("Campaign ID", "Campaign", "Channel", "Status", "Start", "Exported")


class AdPlatform:
    """Twelve campaigns, whose cost of a day is known in full only days later."""

    def __init__(self, plan: DemoPlan, zone: ZoneInfo = ZONE) -> None:
        self._plan = plan
        self._zone = zone

    @cached_property
    def _final(self) -> dict[dt.date, tuple[Ints, Ints, Ints]]:
        return {}

    def exports(self, hour: int) -> bool:
        """Whether there is an export in that hour: in the shop's first, then every six hours."""
        return hour == 0 or (self._plan.start + dt.timedelta(hours=hour)).hour % _EVERY == 4

    def _day(self, day: dt.date) -> tuple[Ints, Ints, Ints]:
        """Cost in micros, impressions and clicks of each campaign when all is known."""
        if day not in self._final:
            chance = generator(self._plan.seed, "ads", day.toordinal())
            size = self._plan.orders_per_hour * 24 * 1.1 / CAMPAIGNS
            clicks = np.maximum(chance.poisson(size * 1.6, CAMPAIGNS), 1).astype(np.int64)
            impressions = clicks * chance.integers(20, 60, CAMPAIGNS)
            cost = clicks * chance.integers(180_000, 950_000, CAMPAIGNS)
            self._final[day] = cost, impressions, clicks
        return self._final[day]

    def spend(self, hour: int) -> pd.DataFrame:
        """What the export of an hour says: campaign_id, day, spend_micros, impressions, clicks."""
        at = self._plan.start + dt.timedelta(hours=hour, minutes=10)
        today, opened = at.astimezone(self._zone).date(), self._plan.local(0).date()
        days = [today - dt.timedelta(days=age) for age in range(RESTATED_DAYS, -1, -1)]
        parts = []
        for day in days:
            if day < opened:
                continue
            begun = dt.datetime.combine(day, dt.time(), self._zone)
            over = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), self._zone)
            elapsed = to_micros(at) - to_micros(begun)
            length = to_micros(over) - to_micros(begun)
            # A tenth of a day's cost is found only while the days after it pass.
            known = min(elapsed, length) * 900 // length
            known += 100 * max(0, min(elapsed - length, 2 * length)) // (2 * length)
            parts.append(
                pd.DataFrame(
                    {
                        "campaign_id": campaign_ids(np.arange(CAMPAIGNS)),
                        "day": day,
                        **{
                            name: values * known // 1_000
                            for name, values in zip(
                                ("spend_micros", "impressions", "clicks"),
                                self._day(day),
                                strict=True,
                            )
                        },
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)

    def unreadable(self, hour: int) -> int:
        """How many rows of an export have a dash for their cost."""
        chance = generator(self._plan.seed, "ad export", hour)
        return int(chance.binomial(50, min(1.0, self._plan.dirt)))

    def encode_spend(self, hour: int) -> bytes:
        """The bytes of an hour's export of cost."""
        at = self._exported(hour)
        spend = self.spend(hour)
        names = ["campaign_id", "day", "spend_micros", "impressions", "clicks"]
        rows: list[tuple[object, ...]] = [
            (campaign, day, "EUR", cost, impressions, clicks, at)
            for campaign, day, cost, impressions, clicks in spend[names].to_numpy().tolist()
        ]
        today = self._plan.local(hour).date()
        rows += [(f"cmp-9{k}", today, "EUR", "--", 0, 0, at) for k in range(self.unreadable(hour))]
        total = int(spend["spend_micros"].sum())
        return _csv([_SPEND_HEADER, *rows, ("Total", "", "EUR", total, "", "", at)])

    def encode_campaigns(self, hour: int) -> bytes:
        """The bytes of an hour's export of campaigns."""
        at = self._exported(hour)
        paused = generator(self._plan.seed, "paused", hour // 24).random(CAMPAIGNS) < 0.1
        start = self._plan.local(0).date()
        rows = [
            (
                name,
                f"{_CHANNELS[k % 3].title()} – Autumn {k + 1}",
                _CHANNELS[k % 3],
                "PAUSED" if paused[k] else "ENABLED",
                (start - dt.timedelta(days=10 * k + 5)).strftime("%d/%m/%Y"),
                at,
            )
            for k, name in enumerate(campaign_ids(np.arange(CAMPAIGNS)))
        ]
        return _csv([_CAMPAIGN_HEADER, *rows])

    def _exported(self, hour: int) -> str:
        at = self._plan.start + dt.timedelta(hours=hour, minutes=10)
        return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _csv(rows: list[tuple[object, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode("utf-8-sig")
