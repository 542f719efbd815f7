"""The way of an hour through the platform, in steps that can be stopped between any two.

These are the plain functions that the assets and IO managers call, in the same order, over a lake
in memory; what Dagster adds is that each step runs once the ones before it have succeeded.
"""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import pandas as pd
import pyarrow as pa

from shop_assets.assets.clean import cleaned_rows
from shop_assets.assets.marts import BY_ORDER
from shop_assets.automation.runs import contiguous, joined
from shop_assets.entities import ENTITIES, TABLES
from shop_assets.io_managers.delta import write_cleaned
from shop_assets.io_managers.delta_store import DeltaStore
from shop_assets.partitions import DAY, HOUR
from shop_assets.transforms.extract import assemble
from shop_assets.transforms.ledger import sales_ledger
from shop_assets.transforms.parts import Parts
from shop_assets.transforms.sessions import web_activity
from shop_assets.warehouse import order_requests, slices
from shop_assets.warehouse.activity import load_activity
from shop_assets.warehouse.connection import Warehouse, to_frame
from shop_assets.warehouse.ddl import LAKE_ONLY
from shop_assets.warehouse.ledger import load_ledger
from shop_assets.warehouse.mart_inputs import MARTS, some_customer_orders
from shop_assets.warehouse.marts import look, replace_slices, stale_slices
from shop_assets.warehouse.merge import merge_entity
from shop_assets.warehouse.slices import Load
from shop_assets_tests.histories.configuration import OVERLAP, STREAMS, settings_with
from shop_assets_tests.histories.lake import MemoryLake
from shop_assets_tests.histories.shop import Shop

LEDGER = ("orders", "order_items", "refunds")
DAILY = tuple(name for name in MARTS if name.endswith("_daily"))
_TIME = pa.timestamp("us", "UTC")
_ENTITIES = {entity: source for source, entity in STREAMS}
_ACTIVITY = ["_hour", "source", "visitor_id", "occurred_at", "step", "is_bot", "deleted"]
_LEDGER_KEYS = ["_hour", "source", "order_id"]


@dataclass
class Platform:
    """A shop's lake and warehouse, and the rules that its configuration has now."""

    warehouse: Warehouse
    lake: MemoryLake = field(default_factory=MemoryLake)
    rules: frozenset[str] = frozenset()
    marts: tuple[str, ...] = tuple(MARTS)
    """Those of the parts of the shop that there are."""
    attempts: Iterator[int] = field(default_factory=itertools.count)

    def run(
        self,
        start: dt.datetime,
        end: dt.datetime,
        *,
        layer: str = "raw",
        shop: Shop | None = None,
        only: str | None = None,
        marts: bool = True,
    ) -> Iterator[str]:
        """One run over the hours `[start, end)` from a layer on; it yields between its steps.

        `only`: the entity of which alone is cleaned, and loaded what is made of it.
        """
        run_id = uuid.uuid4().hex
        if layer == "raw":
            assert shop is not None
            yield from self._extract(run_id, start, end, shop)
        entities = self._concerned(start, end) if only is None else [only]
        if layer in ("raw", "clean"):
            for entity in entities:
                yield from self._clean(run_id, entity, start, end)
        for entity in entities:
            if entity not in LAKE_ONLY:
                yield from self._load_entity(run_id, entity, start, end)
        if "sales_hourly" in self.marts and only in (None, *LEDGER):
            yield from self._load_ledger(run_id, start, end)
        if "web_events" in entities:
            yield from self._load_activity(run_id, start, end)
        for mart in self.marts if marts else ():
            if mart in DAILY:
                continue
            if mart == "inventory_hourly" or len(stale_slices(self.warehouse, mart, start, end)):
                yield from self.compute(mart, start, end, run_id)

    def compute(
        self,
        mart: str,
        start: dt.datetime,
        end: dt.datetime,
        run_id: str | None = None,
        *,
        only_stale: bool = False,
    ) -> Iterator[str]:
        """Compute the slices `[start, end)` of a mart, or what is asked for of them."""
        daily = mart in DAILY
        epoch = slices.begin(self.warehouse)
        seen = look(self.warehouse, mart, start, end)
        span = _span_of_days(start, end) if daily else (start, end)
        orders = None
        if mart in BY_ORDER:
            orders = order_requests.asked(self.warehouse, start, end, alone=only_stale)
        if orders is not None and orders.alone:
            rows = some_customer_orders(self.warehouse, start, end, orders.asked)
        else:
            rows = MARTS[mart](self.warehouse, *span)
        yield f"{mart} computed"
        load_id = f"{run_id or uuid.uuid4().hex}:marts/{mart}"
        load = Load(load_id, f"marts/{mart}", start, end, DAY if daily else HOUR, epoch)
        replace_slices(self.warehouse, TABLES[mart], rows, load, seen, orders)
        yield f"{mart} written"

    def settle(self, marts: tuple[str, ...] | None = None) -> None:
        """Compute all that is asked for of these marts, or of all."""
        for mart in marts or self.marts:
            asked = [s.to_pydatetime() for s in stale_slices(self.warehouse, mart)["slice"]]
            step = DAY if mart in DAILY else HOUR
            wanted = joined(asked, step) if mart in BY_ORDER else asked
            for first, last in contiguous(wanted, step, 10_000):
                finish(self.compute(mart, first, last + step, only_stale=True))

    def _concerned(self, start: dt.datetime, end: dt.datetime) -> list[str]:
        """The entities of which anything was ever read in these hours.

        And the readings of stock, since marts go by the hours that were loaded of them.
        """
        return [
            entity
            for entity in ENTITIES
            if entity in _ENTITIES
            and (
                len(self._raw(entity, start, end))
                or (entity == "inventory_levels" and "inventory_hourly" in self.marts)
            )
        ]

    def _raw(self, entity: str, start: dt.datetime, end: dt.datetime) -> pa.Table:
        found = self.lake.read(f"raw/{_ENTITIES[entity]}__{entity}", start, end)
        return pa.table({}) if found is None else found

    def _extract(
        self,
        run_id: str,
        start: dt.datetime,
        end: dt.datetime,
        shop: Shop,
    ) -> Iterator[str]:
        for source, stream in STREAMS:
            overlap = dt.timedelta(minutes=OVERLAP[source])
            table = assemble(shop.sources.read(stream, start - overlap, end, shop.now), start)
            if not table.num_rows:
                continue
            yield f"{stream} read"
            attempt = f"{run_id}:raw/{source}__{stream}"
            at = pa.scalar(shop.now + next(self.attempts) * dt.timedelta(milliseconds=1), _TIME)
            stamped = table.append_column("_load_id", pa.repeat(attempt, table.num_rows))
            stamped = stamped.append_column("_extracted_at", pa.repeat(at, table.num_rows))
            self.lake.append(f"raw/{source}__{stream}", stamped, load_id=attempt)
            yield f"raw {stream} written"

    def _clean(
        self, run_id: str, entity: str, start: dt.datetime, end: dt.datetime
    ) -> Iterator[str]:
        spec, source = ENTITIES[entity], _ENTITIES[entity]
        settings = settings_with(self.rules)
        epoch = slices.begin(self.warehouse)
        raw = self._raw(entity, start, end)
        made, _ = cleaned_rows(settings, spec, {(source, entity): Parts.of(raw)}, epoch)
        yield f"{entity} cleaned"
        attempt = f"{run_id}:clean/{entity}"
        lake = cast("DeltaStore", self.lake)
        write_cleaned(lake, self.warehouse, entity, made, (start, end), attempt)
        yield f"clean {entity} written"

    def _load_entity(
        self, run_id: str, entity: str, start: dt.datetime, end: dt.datetime
    ) -> Iterator[str]:
        epoch = slices.begin(self.warehouse)
        rows = self._cleaned(entity, start, end)
        yield f"clean {entity} read"
        load = _load(run_id, entity, start, end, epoch)
        merge_entity(self.warehouse, ENTITIES[entity], to_frame(rows), load)
        yield f"{entity} loaded"

    def _load_ledger(self, run_id: str, start: dt.datetime, end: dt.datetime) -> Iterator[str]:
        epoch = slices.begin(self.warehouse)
        frames = [to_frame(self._cleaned(name, start, end, _LEDGER_KEYS)) for name in LEDGER]
        yield "orders of the ledger read"
        orders = pd.concat(frames, ignore_index=True)
        load = _load(run_id, "sales_ledger", start, end, epoch)
        load_ledger(self.warehouse, orders, load, sales_ledger)
        yield "ledger loaded"

    def _load_activity(self, run_id: str, start: dt.datetime, end: dt.datetime) -> Iterator[str]:
        epoch = slices.begin(self.warehouse)
        events = self._cleaned("web_events", start, end, _ACTIVITY)
        yield "clean web_events read"
        load = _load(run_id, "web_activity", start, end, epoch)
        load_activity(self.warehouse, web_activity(to_frame(events)), load)
        yield "activity loaded"

    def _cleaned(
        self, entity: str, start: dt.datetime, end: dt.datetime, columns: list[str] | None = None
    ) -> pa.Table:
        found = self.lake.read(f"clean/{entity}", start, end, columns)
        if found is not None:
            return found
        schema = ENTITIES[entity].arrow_schema.append(pa.field("_hour", _TIME))
        wanted = schema if columns is None else pa.schema([schema.field(c) for c in columns])
        return wanted.empty_table()


def finish(run: Iterator[str]) -> None:
    """Let a run go on to its end."""
    for _ in run:
        pass


def source_of(entity: str) -> str:
    """The source whose stream becomes the entity."""
    return _ENTITIES[entity]


def _load(run_id: str, table: str, start: dt.datetime, end: dt.datetime, epoch: int) -> Load:
    return Load(f"{run_id}:warehouse/{table}", f"warehouse/{table}", start, end, HOUR, epoch)


def _span_of_days(start: dt.datetime, end: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """The hours of the shop's days that are written as these midnights in UTC."""
    zone = settings_with(frozenset()).shop.zone
    first, last = (
        dt.datetime.combine(moment.date(), dt.time(), zone).astimezone(dt.UTC)
        for moment in (start, end)
    )
    return first, last
