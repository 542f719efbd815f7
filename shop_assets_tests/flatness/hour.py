"""One hour's way through the warehouse: what its run, its checks and the sensors ask and write."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa

from shop_assets import partitions
from shop_assets.assets.analytics import newest_hour
from shop_assets.automation.sensors import find_missing_hours
from shop_assets.checks import arrival, loading
from shop_assets.checks import marts as mart_checks
from shop_assets.entities import ENTITIES, TABLES
from shop_assets.partition_span import Span
from shop_assets.partitions import Calendar
from shop_assets.transforms.clean import COUNTS
from shop_assets.transforms.ledger import sales_ledger
from shop_assets.warehouse import checkpoints, rows, slices, source_keys
from shop_assets.warehouse.activity import load_activity
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.ledger import load_ledger
from shop_assets.warehouse.mart_inputs import MARTS, ledger_rows
from shop_assets.warehouse.marts import replace_slices, stale_by_mart, stale_slices
from shop_assets.warehouse.merge import merge_entity
from shop_assets.warehouse.slices import Load
from shop_assets_tests.flatness.history import ASSETS, HOUR, NOW, PRODUCTS
from shop_assets_tests.transforms.frames import frame_of

DAY = dt.timedelta(days=1)
_MINUTE = dt.timedelta(minutes=1)
_LAST = NOW + HOUR
Step = Callable[[str], Any]


class Hour:
    """The hour after the history: new orders, and changes of old ones, `back` hours ago.

    `orders`: how many are new. The customers of a tenth of them have ordered before.
    """

    def __init__(self, warehouse: Warehouse, orders: int = 40, back: tuple[int, ...] = (1, 100)):
        self._warehouse = warehouse
        self._orders = orders
        self._old = [f"o{h}-{k}" for h in back for k in (1, 2)]
        self._times = [NOW + n * 60 * _MINUTE / orders for n in range(orders)]

    def run(self) -> Iterator[str]:
        """Do one step after the other, saying before each what it is."""
        yield "raw"
        self._raw()
        for name, frame in self._rows().items():
            yield f"clean {name}"
            self._clean(name, len(frame))
            yield f"load {name}"
            load = self._load(f"warehouse/{name}", NOW, _LAST, HOUR)
            frame["_hour"] = pd.Series(NOW, index=frame.index).astype("datetime64[us, UTC]")
            found = loading.judge(self._warehouse, name, _span(), {_span().keys[0]: len(frame)})
            assert found.passed, found
            merge_entity(self._warehouse, ENTITIES[name], frame, load)
        yield "load sales_ledger"
        self._ledger()
        yield "load web_activity"
        self._activity()
        for mart in MARTS:
            yield f"compute {mart}"
            self._mart(mart)
        yield "sensors"
        self._sensors()

    def _raw(self) -> None:
        keys = [f"n{n}" for n in range(self._orders)] + self._old
        seen = pa.table(
            {
                "key": pa.array(keys),
                "hour": pa.array([NOW] * len(keys), pa.timestamp("us", "UTC")),
                "changed_at": pa.array([NOW] * len(keys), pa.timestamp("us", "UTC")),
            }
        )
        hashed = seen.append_column("row_hash", pa.array(range(len(keys)), pa.int64()))
        store, of = self._warehouse, ("shop", "orders")
        checkpoints.before(store, "api", "charges", NOW)
        source_keys.look_up(store, *of, seen["key"])
        source_keys.found_gone(store, *of, NOW, _LAST)
        source_keys.expect(store, *of, seen)
        source_keys.record(store, *of, seen)
        source_keys.remember(store, *of, hashed)
        arrival.judge(store, *of, _span(), {}, busy=False)
        checkpoints.record(store, "api", "charges", (NOW, _LAST), {}, uuid.uuid4().hex)

    def _rows(self) -> dict[str, pd.DataFrame]:
        order = {
            "source": "shop", "status": "paid", "currency": "GBP", "discount_micros": 0,
            "shipping_micros": 0, "tax_micros": 0, "is_test": False, "deleted": False,
        }  # fmt: skip
        item = {
            "source": "shop", "line_type": "article", "unit_price_micros": 10_000_000,
            "discount_micros": 0, "quantity": 1, "currency": "GBP", "deleted": False,
        }  # fmt: skip
        new = [(f"n{n}", at) for n, at in enumerate(self._times)]
        given: dict[str, list[dict[str, Any]]] = {
            "orders": [
                order | {"order_id": o, "placed_at": at, "version_at": at, "customer_id": c}
                for n, (o, at) in enumerate(new)
                for c in (f"c{n}" if n % 10 == 0 else f"new{n}",)
            ]
            + [
                order | {"order_id": o, "placed_at": NOW, "version_at": NOW, "status": "shipped"}
                for o in self._old
            ],
            "order_items": [
                item | {"order_id": o, "item_id": f"{i}", "placed_at": at, "version_at": at}
                | {"product_id": f"p{(n + i) % PRODUCTS}"}
                for n, (o, at) in enumerate(new)
                for i in (1, 2)
            ],
            "refunds": [
                {
                    "source": "shop", "refund_id": f"R{o}", "order_id": o, "item_id": "1",
                    "refunded_at": NOW, "quantity": 1, "amount_micros": 10_000_000,
                    "shipping_micros": 0, "tax_micros": 0, "currency": "GBP", "version_at": NOW,
                    "deleted": False,
                }
                for o in self._old
            ],
            "customers": [
                {"source": "shop", "customer_id": f"new{n}", "created_at": at, "version_at": at}
                for n, at in enumerate(self._times)
            ],
            "products": [
                {"source": "wms", "product_id": f"p{k}", "category": "c", "version_at": NOW}
                for k in range(5)
            ],
            "inventory_levels": [
                {"product_id": f"p{k}", "measured_at": NOW, "version_at": NOW} for k in range(10)
            ],
            "inventory_movements": [
                {
                    "movement_id": f"M{k}", "product_id": f"p{k}", "moved_at": NOW,
                    "quantity": -1, "version_at": NOW,
                }
                for k in range(10)
            ],
            "campaigns": [{"campaign_id": "k0", "status": "paused", "version_at": NOW}],
            "ad_spend": [
                {"campaign_id": f"k{k}", "day": NOW.date(), "spend_micros": 5, "version_at": NOW}
                for k in range(5)
            ],
        }  # fmt: skip
        return {name: frame_of(name, told) for name, told in given.items()}

    def _clean(self, entity: str, count: int) -> None:
        figures = {name: count if name in COUNTS[:2] else 0 for name in COUNTS}
        of = {"source": "shop", "stream": entity, "entity": entity, "hour": NOW}
        counts = pd.DataFrame([of | figures])
        load = self._load(f"clean/{entity}", NOW, _LAST, HOUR)
        with self._publishing(load) as (cursor, publication):
            rows.record_counts(cursor, entity, counts, NOW, _LAST, load.load_id)
            publication.note(count, count)

    def _ledger(self) -> None:
        keys = [f"n{n}" for n in range(self._orders)] + self._old
        orders = pd.DataFrame({"source": "shop", "order_id": pd.Series(keys, dtype="str")})
        load = self._load("warehouse/sales_ledger", NOW, _LAST, HOUR)
        assert load_ledger(self._warehouse, orders, load, sales_ledger).changed
        ledger_rows(self._warehouse, NOW, _LAST)

    def _activity(self) -> None:
        visits = [
            {
                "source": "tracker", "change_hour": NOW, "visitor_id": visitor, "started_at": at,
                "ended_at": at + _MINUTE, "events": 2, "is_bot": False,
            }
            for visitor, at in [
                *((f"w{n}", at) for n, at in enumerate(self._times)),
                *((f"v0-{k}", NOW) for k in range(5)),
            ]
        ]  # fmt: skip
        load = self._load("warehouse/web_activity", NOW, _LAST, HOUR)
        load_activity(self._warehouse, frame_of("web_activity", visits), load)

    def _mart(self, mart: str) -> None:
        spec, store = TABLES[mart], self._warehouse
        daily = spec.column(str(spec.time)).kind == "date"
        day = NOW.replace(hour=0)
        start, end, step = (day, day + DAY, DAY) if daily else (NOW, _LAST, HOUR)
        load = self._load(f"marts/{mart}", start, end, step)
        seen = stale_slices(store, mart, start, end)
        found = MARTS[mart](store, start, end)
        assert len(found)
        if mart == "sales_hourly":
            assert mart_checks.judge_sums(store, found, start, end).passed
        replace_slices(store, spec, found, load, seen)
        newest_hour(store, mart)

    def _sensors(self) -> None:
        look_for_missing_hours(self._warehouse)
        stale_by_mart(self._warehouse, MARTS)

    @contextmanager
    def _publishing(self, load: Load) -> Iterator[tuple[Any, slices.Publication]]:
        with (
            self._warehouse.transaction() as cursor,
            slices.publishing(cursor, load) as publication,
        ):
            yield cursor, publication

    def _load(self, asset: str, start: dt.datetime, end: dt.datetime, step: dt.timedelta) -> Load:
        return Load(uuid.uuid4().hex, asset, start, end, step, slices.begin(self._warehouse))


def look_for_missing_hours(warehouse: Warehouse) -> list[dt.datetime]:
    """What the sensor of missing hours finds when the hour is over."""
    calendar = Calendar(dt.date(2020, 1, 1), ZoneInfo("UTC"))
    return find_missing_hours(warehouse, ASSETS, calendar, _LAST + 30 * _MINUTE)


def _span() -> Span:
    return Span(NOW, _LAST, (partitions.hour_key(NOW),))
