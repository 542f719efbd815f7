"""One hour's way through the warehouse: what its run, its checks and the sensors ask and write."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa

from shop_assets import partitions
from shop_assets.assets import reconciliation
from shop_assets.assets.analytics import newest_hour
from shop_assets.automation.sensors import find_missing_hours
from shop_assets.checks import arrival, loading
from shop_assets.checks import marts as mart_checks
from shop_assets.checks.ledger_contract import judge_ledger
from shop_assets.entities import ENTITIES, TABLES
from shop_assets.partition_span import Span
from shop_assets.partitions import Calendar
from shop_assets.sources.key_text import key_spans
from shop_assets.transforms.clean import COUNTS
from shop_assets.transforms.ledger import sales_ledger
from shop_assets.warehouse import checkpoints, order_requests, rows, slices, source_keys
from shop_assets.warehouse.activity import load_activity
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.ledger import load_ledger
from shop_assets.warehouse.mart_inputs import MARTS, some_customer_orders
from shop_assets.warehouse.marts import look, replace_slices, stale_by_mart, stale_slices
from shop_assets.warehouse.merge import merge_entity
from shop_assets.warehouse.reconciliation import pending
from shop_assets.warehouse.slices import Load
from shop_assets_tests.flatness import paid
from shop_assets_tests.flatness.history import ASSETS, HOUR, NOW, PRODUCTS
from shop_assets_tests.transforms.frames import frame_of

DAY = dt.timedelta(days=1)
_MINUTE = dt.timedelta(minutes=1)


class Hour:
    """An hour after the history: new orders, and changes of two old ones of each of `back`.

    `number`: which hour, 0 for the first. `orders`: how many are new; the customers of a tenth of
    them have ordered before. `back`: of which hours of the past, the newest being 0, the others
    are.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        *,
        orders: int,
        back: tuple[int, ...],
        number: int = 0,
    ) -> None:
        self._warehouse = warehouse
        self._start = NOW + number * HOUR
        self._end = self._start + HOUR
        self._old = [f"o{h}-{k}" for h in back for k in (2 * number + 1, 2 * number + 2)]
        self._new = {f"n{number}-{n}": self._start + n * HOUR / orders for n in range(orders)}

    def run(self) -> Iterator[str]:
        """Do one step after the other, saying before each what it is."""
        yield "raw"
        self._raw()
        for name, frame in self._rows().items():
            yield f"clean {name}"
            self._clean(name, len(frame))
            yield f"load {name}"
            load = self._load(f"warehouse/{name}", self._start, self._end, HOUR)
            frame["_hour"] = pd.Series(self._start, index=frame.index).astype("datetime64[us, UTC]")
            found = loading.judge(
                self._warehouse, name, self._span, {self._span.keys[0]: len(frame)}
            )
            assert found.passed, found
            merge_entity(self._warehouse, ENTITIES[name], frame, load)
        yield "load sales_ledger"
        self._ledger()
        yield "load web_activity"
        self._activity()
        for mart in MARTS:
            yield f"compute {mart}"
            self._mart(mart)
        yield "compute orders that have moved"
        self._moved_orders()
        for comparison, reads in reconciliation.READS.items():
            yield f"compare {comparison}"
            self._compare(comparison, reads)
        yield "sensors"
        self._sensors()

    def _raw(self) -> None:
        keys = [*self._new, *self._old]
        seen = pa.table(
            {
                "key": pa.array(keys),
                "hour": pa.array([self._start] * len(keys), pa.timestamp("us", "UTC")),
                "changed_at": pa.array([self._start] * len(keys), pa.timestamp("us", "UTC")),
            }
        )
        hashed = seen.append_column("row_hash", pa.array(range(len(keys)), pa.int64()))
        store, of = self._warehouse, ("shop", "orders")
        checkpoints.before(store, "api", "charges", self._start)
        source_keys.look_up(store, *of, seen["key"])
        found = source_keys.of_parents(store, "shop", "order_items", self._spans(keys), self._end)
        assert sorted(found["key"].to_pylist()) == sorted(
            f"{order},{line}" for order in self._old for line in (1, 2)
        )
        source_keys.found_gone(store, *of, self._start, self._end)
        source_keys.expect(store, *of, seen)
        source_keys.record(store, *of, seen)
        source_keys.remember(store, *of, hashed)
        arrival.judge(store, *of, self._span, {}, busy=False)
        checkpoints.record(store, "api", "charges", (self._start, self._end), {}, uuid.uuid4().hex)

    def _spans(self, orders: list[str]) -> pa.Table:
        """Where the keys of the orders' lines stand, of orders that all changed just now."""
        first, bound = key_spans(pa.table({"order_id": orders}), ("order_id",))
        now = pa.repeat(pa.scalar(self._start, pa.timestamp("us", "UTC")), len(orders))
        return pa.table({"begins": first, "beyond": bound, "gone_at": now})

    def _rows(self) -> dict[str, pd.DataFrame]:
        order = {
            "source": "shop", "status": "paid", "currency": "GBP", "discount_micros": 0,
            "shipping_micros": 0, "tax_micros": 0, "is_test": False, "deleted": False,
        }  # fmt: skip
        item = {
            "source": "shop", "line_type": "article", "unit_price_micros": 10_000_000,
            "discount_micros": 0, "quantity": 1, "currency": "GBP", "deleted": False,
        }  # fmt: skip
        start, new = self._start, self._new.items()
        given: dict[str, list[dict[str, Any]]] = {
            "orders": [
                order | {"order_id": o, "placed_at": at, "version_at": at, "customer_id": c}
                for n, (o, at) in enumerate(new)
                for c in (f"c{n}" if n % 10 == 0 else f"of {o}",)
            ]
            + [
                order
                | {"order_id": o, "placed_at": start, "version_at": start, "status": "shipped"}
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
                    "refunded_at": start, "quantity": 1, "amount_micros": 10_000_000,
                    "shipping_micros": 0, "tax_micros": 0, "currency": "GBP", "version_at": start,
                    "deleted": False,
                }
                for o in self._old
            ],
            "customers": [
                {"source": "shop", "customer_id": f"of {o}", "created_at": at, "version_at": at}
                for o, at in new
            ],
            "products": [
                {"source": "wms", "product_id": f"p{k}", "category": "c", "version_at": start}
                for k in range(5)
            ],
            "inventory_levels": [
                {"product_id": f"p{k}", "measured_at": at, "version_at": start}
                for k in range(10)
                for at in (start, start - 3 * DAY)
            ],
            "inventory_movements": [
                {
                    "movement_id": f"{start:%d %H} {k}", "product_id": f"p{k}", "moved_at": start,
                    "quantity": -1, "version_at": start,
                }
                for k in range(10)
            ],
            "campaigns": [{"campaign_id": "k0", "status": "paused", "version_at": start}],
            "ad_spend": [
                {"campaign_id": f"k{k}", "day": start.date(), "spend_micros": 5}
                | {"version_at": start}
                for k in range(5)
            ],
        }  # fmt: skip
        given |= paid.of_hour(self._new, self._old, self._start)
        return {name: frame_of(name, told) for name, told in given.items()}

    def _clean(self, entity: str, count: int) -> None:
        figures = {name: count if name in COUNTS[:2] else 0 for name in COUNTS}
        of = {"source": "shop", "stream": entity, "entity": entity, "hour": self._start}
        counts = pd.DataFrame([of | figures])
        load = self._load(f"clean/{entity}", self._start, self._end, HOUR)
        with self._publishing(load) as (cursor, publication):
            rows.record_counts(cursor, entity, counts, self._start, self._end, load.load_id)
            publication.note(count, count)

    def _ledger(self) -> None:
        keys = [*self._new, *self._old]
        orders = pd.DataFrame({"source": "shop", "order_id": pd.Series(keys, dtype="str")})
        load = self._load("warehouse/sales_ledger", self._start, self._end, HOUR)
        assert load_ledger(self._warehouse, orders, load, sales_ledger).changed
        assert judge_ledger(self._warehouse, self._start, self._end).passed

    def _activity(self) -> None:
        visits = [
            {
                "source": "tracker", "change_hour": self._start, "visitor_id": visitor,
                "started_at": at, "ended_at": at + _MINUTE, "events": 2, "is_bot": False,
            }
            for visitor, at in [
                *((f"of {o}", at) for o, at in self._new.items()),
                *((f"v0-{k}", self._start) for k in range(5)),
            ]
        ]  # fmt: skip
        load = self._load("warehouse/web_activity", self._start, self._end, HOUR)
        load_activity(self._warehouse, frame_of("web_activity", visits), load)

    def _mart(self, mart: str) -> None:
        spec, store = TABLES[mart], self._warehouse
        daily = spec.column(str(spec.time)).kind == "date"
        day = self._start.replace(hour=0)
        start, end, step = (day, day + DAY, DAY) if daily else (self._start, self._end, HOUR)
        load = self._load(f"marts/{mart}", start, end, step)
        seen = look(store, mart, start, end)
        found = MARTS[mart](store, start, end)
        assert len(found)
        if "sales" in mart:
            last_day = day if daily else None
            assert mart_checks.judge_sums(store, found, start, end, last_day).passed
        orders = None
        if mart == "customer_orders":
            orders = order_requests.asked(store, start, end, alone=False)
        replace_slices(store, spec, found, load, seen, orders)
        newest_hour(store, mart)

    def _moved_orders(self) -> None:
        store, mart = self._warehouse, "customer_orders"
        asked = stale_slices(store, mart, None, self._start)
        start = asked["slice"].min().to_pydatetime()
        seen = look(store, mart, start, self._start)
        load = self._load(f"marts/{mart}", start, self._start, HOUR)
        orders = order_requests.asked(store, start, self._start, alone=True)
        found = some_customer_orders(store, start, self._start, orders.asked)
        assert 0 < len(found) < 50
        written = replace_slices(store, TABLES[mart], found, load, seen, orders)
        assert written.changed
        assert stale_slices(store, mart, None, self._start).empty

    def _compare(self, comparison: str, reads: tuple[str, ...]) -> None:
        how = _made(comparison), reads, list(paid.PROVIDERS), paid.GRACE
        found = reconciliation.compare(self._warehouse, *how)
        for name, done in found.items():
            assert not done.anew
            # Whoever has a past knows of orders that were never paid.
            assert done.first.empty or name == "charge_differences"

    def _sensors(self) -> None:
        look_for_missing_hours(self._warehouse, self._end)
        stale_by_mart(self._warehouse, MARTS)
        for name, reads in reconciliation.READS.items():
            how = _made(name), reads, list(paid.PROVIDERS), paid.GRACE
            assert pending(self._warehouse, reconciliation.comparison_of(*how)) is None

    @contextmanager
    def _publishing(self, load: Load) -> Iterator[tuple[Any, slices.Publication]]:
        with (
            self._warehouse.transaction() as cursor,
            slices.publishing(cursor, load) as publication,
        ):
            yield cursor, publication

    def _load(self, asset: str, start: dt.datetime, end: dt.datetime, step: dt.timedelta) -> Load:
        return Load(uuid.uuid4().hex, asset, start, end, step, slices.begin(self._warehouse))

    @property
    def _span(self) -> Span:
        return Span(self._start, self._end, (partitions.hour_key(self._start),))


def _made(comparison: str) -> list[reconciliation.Declaration]:
    return [d for d in reconciliation.DECLARED if d.comparison == comparison]


def look_for_missing_hours(warehouse: Warehouse, until: dt.datetime) -> list[dt.datetime]:
    """What the sensor of missing hours finds half an hour later."""
    calendar = Calendar(dt.date(2020, 1, 1), ZoneInfo("UTC"))
    return find_missing_hours(warehouse, ASSETS, calendar, until + 30 * _MINUTE)
