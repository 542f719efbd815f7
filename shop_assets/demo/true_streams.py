"""How many rows each stream truly delivers, and how many of them are dirt of which kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from shop_assets.demo import browsing, payments
from shop_assets.demo.browsing import Events
from shop_assets.demo.catalogue import CURRENCIES, MINOR
from shop_assets.demo.chance import HOUR, Bools, Ints
from shop_assets.demo.homes import Home, of_customers, of_orders
from shop_assets.demo.orders import CAMPAIGNS, Births
from shop_assets.demo.payments import Movements
from shop_assets.demo.storefront import Junk
from shop_assets.demo.timeline import Timeline
from shop_assets.demo.true_sales import View
from shop_assets.demo.warehouse import LOCATIONS
from shop_assets.demo.world import World

COUNTS = ("delivered", "broken", "invalid", "duplicates", "late")


class Streams:
    """Counts the rows of hour after hour, as whoever reads at `clock` (or each hour) finds them.

    Of streams that are read row by row: what APIs serve comes as often as they are asked.
    """

    def __init__(self, world: World, clock: int, view: View) -> None:
        self._world, self._plan, self._clock = world, world.plan, clock
        self._lived = view == "lived"
        self._hours = max(1, -(-(clock - world.plan.start_micros) // HOUR))
        self._found: dict[tuple[str, str], Ints] = {}
        self._events: list[Events] = []
        self._money: list[Movements] = []
        self._contacts: list[Ints] = []
        self._spend: pd.DataFrame | None = None
        self._true = dict.fromkeys(("customers", "orders", "order_items", "refunds"), 0)
        self._stock_rows = {"inventory_movements": 0, "inventory_levels": 0}
        self._levels = world.stock_opening()
        self.available, self.committed = self._levels.available, self._levels.committed
        self.unavailable = self._levels.unavailable
        self._own(
            "customers", world.imported[1], of_customers(self._plan, world.imported[0].number)
        )
        self._true["customers"] += len(world.imported[0].number)

    def add(self, hour: int) -> None:
        """Count what an hour brings. Hours come in rising order, each once."""
        self._storefront(self._world.births(hour))
        self._products(hour)
        self._warehouse(hour)
        if self._plan.hour_start(hour + 1) <= self._clock:
            self._files(hour)

    def counts(self) -> pd.DataFrame:
        """hour (microseconds), source, stream and `COUNTS`, of hours that delivered any row."""
        parts = []
        for (source, stream), sums in self._found.items():
            hour = np.flatnonzero(sums.any(axis=1))
            part = pd.DataFrame(sums[hour], columns=list(COUNTS))
            part.insert(0, "hour", self._plan.start_micros + hour * HOUR)
            part.insert(1, "source", source)
            part.insert(2, "stream", stream)
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def events(self) -> Events:
        """All true web events that files tell of."""
        return browsing.joined(self._events or [self._world.events(0).take(np.zeros(0, np.int64))])

    def payments(self) -> pd.DataFrame:
        """currency, type, rows, amount_micros, fee_micros of the provider's true rows."""
        money = [m for m in self._money if len(m.kind)]
        frame = pd.DataFrame(
            {
                "currency": _column([CURRENCIES[m.currency] for m in money]),
                "type": _column([payments.KINDS[m.kind] for m in money]),
                "rows": 1,
                "amount_micros": _column([m.amount * MINOR[m.currency] for m in money]),
                "fee_micros": _column([m.fee * MINOR[m.currency] for m in money]),
            }
        )
        return frame.groupby(["currency", "type"], as_index=False).sum()

    def ad_spend(self) -> pd.DataFrame:
        """day, campaign_id, currency, spend_micros, impressions, clicks as last restated."""
        columns = ["day", "campaign_id", "currency", "spend_micros", "impressions", "clicks"]
        if self._spend is None:
            return pd.DataFrame(columns=columns)
        newest = self._spend.drop_duplicates(["day", "campaign_id"], keep="last")
        newest = newest.assign(currency="EUR").sort_values(["day", "campaign_id"])
        return newest[columns].reset_index(drop=True)

    def entities(self) -> dict[str, int]:
        """The number of different true rows by entity."""
        contacts = np.unique(np.concatenate([np.zeros(0, np.int64), *self._contacts]))
        exported = self._spend is not None
        return {
            **self._true,
            "products": len(self._world.catalogue.skus),
            **self._stock_rows,
            "payments": sum(len(m.kind) for m in self._money),
            "web_events": sum(len(e.step) for e in self._events),
            "campaigns": CAMPAIGNS if exported else 0,
            "ad_spend": len(self.ad_spend()),
            "crm_contacts": len(contacts),
        }

    def _note(self, source: str, stream: str, count: str, hour: Ints | int, by: int = 1) -> None:
        key = source, stream
        if key not in self._found:
            self._found[key] = np.zeros((self._hours, len(COUNTS)), dtype=np.int64)
        np.add.at(self._found[key][:, COUNTS.index(count)], hour, by)

    def _own(self, stream: str, timeline: Timeline, homes: Ints) -> int:
        """Count the rows of a table of the own storefront; how many there are in all of them."""
        created = timeline.matrix.min(axis=1) if len(timeline.matrix) else np.zeros(0, np.int64)
        there = created < self._clock
        self._versions("storefront", stream, timeline, there & (homes == Home.STOREFRONT))
        return int(there.sum())

    def _versions(self, source: str, stream: str, timeline: Timeline, chosen: Bools) -> None:
        """Count the rows of a table whose rows change."""
        rows = np.flatnonzero(chosen)
        if self._lived:
            hour = (timeline.matrix[rows] - self._plan.start_micros) // HOUR
            seen = np.where(timeline.matrix[rows] < self._clock, hour, -1)
            seen.sort(axis=1)
            fresh = (seen >= 0) & np.diff(seen, axis=1, prepend=-1).astype(bool)
            self._note(source, stream, "delivered", seen[fresh])
        else:
            at = timeline.updated_at(rows, self._clock)
            self._note(source, stream, "delivered", (at - self._plan.start_micros) // HOUR)

    def _storefront(self, born: Births) -> None:
        plan, clock = self._plan, self._clock
        orders = of_orders(plan, born.orders.customer, born.orders.order_id)
        for name, timeline, homes in (
            ("customers", born.account_timeline, of_customers(plan, born.accounts.number)),
            ("orders", born.order_timeline, orders),
            ("order_items", born.item_timeline, orders[born.items.order]),
            ("refunds", Timeline([born.refunds.refunded_at]), orders[born.refunds.order]),
        ):
            self._true[name] += self._own(name, timeline, homes)
        junk = Junk(plan, self._world.catalogue, born)
        for name, at in (
            ("orders", born.orders.placed_at[junk.orders]),
            ("order_items", born.items.created_at[junk.items]),
            ("refunds", born.orders.placed_at[junk.refunds]),
        ):
            hour = (at[at < clock] - plan.start_micros) // HOUR
            self._note("storefront", name, "delivered", hour)
            self._note("storefront", name, "invalid", hour)

    def _products(self, hour: int) -> None:
        start = self._plan.hour_start(hour)
        end = min(self._clock, start + HOUR)
        at = self._world.catalogue.changed_at(end if self._lived else self._clock)
        changed = int(((at >= start) & (at < end)).sum()) + (1 if hour == 0 else 0)
        self._note("storefront", "products", "delivered", hour, changed)

    def _warehouse(self, hour: int) -> None:
        start = self._plan.hour_start(hour)
        stock = self._world.stock(hour, self._levels)
        moved = stock.movement_rows(start, self._clock)
        nameless = moved["sku"].null_count
        self._note("wms", "stock_movements", "delivered", hour, moved.num_rows)
        self._note("wms", "stock_movements", "invalid", hour, nameless)
        read = stock.reading_rows(start, self._clock)
        self._note("wms", "stock_levels", "delivered", hour, read.num_rows)
        self._stock_rows["inventory_movements"] += moved.num_rows - nameless
        self._stock_rows["inventory_levels"] += read.num_rows
        self._levels = stock.end
        products = {sku: k for k, sku in enumerate(self._world.catalogue.skus)}
        # Of no readings, what pandas makes of their products is no number by itself.
        product = read["sku"].to_pandas().map(products).astype("int64")
        cell = product * 2 + (read["location"].to_pandas() == LOCATIONS[1])
        frame = read.to_pandas().assign(cell=cell)
        last = frame.sort_values("measured_at", kind="stable").drop_duplicates("cell", keep="last")
        cells = last["cell"].to_numpy()
        self.available, self.committed = self.available.copy(), self.committed.copy()
        self.available[cells] = last["available"].to_numpy()
        self.committed[cells] = last["committed"].to_numpy()

    def _files(self, hour: int) -> None:
        world = self._world
        web = world.tracker_hour(hour)
        self._file("tracker", "web_events", hour, len(web.row))
        self._note("tracker", "web_events", "broken", hour, int(web.broken.sum()))
        self._note("tracker", "web_events", "invalid", hour, int((web.invalid > 0).sum()))
        self._note("tracker", "web_events", "duplicates", hour, int(web.duplicate.sum()))
        self._note("tracker", "web_events", "late", hour, int(web.late.sum()))
        self._events.append(web.events)

        if self._plan.stripe:
            start = self._plan.hour_start(hour)
            for m in world.money(hour):
                self._money.append(m.take((m.created_at >= start) & (m.created_at < start + HOUR)))
        else:
            self._ledger(hour)

        contacts = world.contact_hour(hour)
        good = ~contacts.broken & (contacts.invalid == 0)
        self._file("crm", "contacts", hour, len(good))
        self._note("crm", "contacts", "broken", hour, int(contacts.broken.sum()))
        self._note("crm", "contacts", "invalid", hour, int((contacts.invalid > 0).sum()))
        self._contacts.append(np.unique(contacts.customer[good]))

        if world.ads.exports(hour):
            spend, bad = world.ads.spend(hour), world.ads.unreadable(hour)
            self._file("ads", "spend", hour, len(spend) + bad)
            self._note("ads", "spend", "invalid", hour, bad)
            self._file("ads", "campaigns", hour, CAMPAIGNS)
            before = [] if self._spend is None else [self._spend]
            self._spend = pd.concat([*before, spend], ignore_index=True)

    def _ledger(self, hour: int) -> None:
        ledger = self._world.ledger_hour(hour)
        self._file("payments", "ledger", hour, len(ledger.invalid))
        self._note("payments", "ledger", "invalid", hour, int(ledger.invalid.sum()))
        self._note("payments", "ledger", "duplicates", hour, int(ledger.duplicate.sum()))
        self._note("payments", "ledger", "late", hour, int(ledger.late.sum()))
        self._money.append(ledger.movements.take(~ledger.duplicate & ~ledger.invalid))

    def _file(self, source: str, stream: str, hour: int, rows: int) -> None:
        self._note(source, stream, "delivered", hour, rows)


def _column(parts: list[Any]) -> Any:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
