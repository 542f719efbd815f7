"""The sources of the histories' shop: rows that change, and what a reading at a moment finds."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from shop_assets.sources.protocol import PROVENANCE
from shop_assets_tests.histories.configuration import STREAMS

Row = dict[str, Any]
MINUTE = dt.timedelta(minutes=1)
APPENDING = ("web_events", "campaigns")
"""Streams of files: what was delivered stays, and may be delivered again."""

_TIME = pa.timestamp("us", "UTC")
_TYPES = {
    "text": pa.string(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "time": _TIME,
}
_COLUMNS = {
    "customers": "customer_id country name created_at:time deleted:bool",
    "products": "product_id name category created_at:time deleted:bool",
    "orders": (
        "order_id placed_at:time customer_id status currency discount:int shipping:int tax:int "
        "cancelled_at:time is_test:bool channel deleted:bool"
    ),
    "order_items": (
        "order_id item_id placed_at:time product_id line_type quantity:int price:int discount:int "
        "currency deleted:bool"
    ),
    "refunds": (
        "refund_id order_id item_id refunded_at:time quantity:int amount:int shipping:int tax:int "
        "currency reason deleted:bool"
    ),
    "inventory_levels": "product_id location_id measured_at:time available:int deleted:bool",
    "inventory_movements": (
        "movement_id moved_at:time product_id location_id quantity:int reason deleted:bool"
    ),
    "web_events": "event_id occurred_at:time visitor_id step version:time",
    "campaigns": "campaign_id name version:time",
    "ad_spend": "campaign_id day spend:int currency clicks:int deleted:bool",
}


def _schema(stream: str) -> pa.Schema:
    pairs = [column.partition(":") for column in _COLUMNS[stream].split()]
    own = [pa.field(name, _TYPES[kind or "text"]) for name, _, kind in pairs]
    return pa.schema([*own, pa.field("changed", _TIME), *PROVENANCE])


_SCHEMAS = {stream: _schema(stream) for _, stream in STREAMS}


@dataclass
class Told:
    """One version of a row, as a source tells it from `visible` on; `changed` is what it says."""

    key: tuple[str, ...]
    row: Row
    changed: dt.datetime
    visible: dt.datetime
    delivery: str = ""


@dataclass
class Sources:
    """All versions of all rows that the shop's systems ever had."""

    told: dict[str, list[Told]] = field(default_factory=lambda: {s: [] for _, s in STREAMS})

    def tell(
        self, stream: str, key: tuple[str, ...], row: Row, at: dt.datetime, **more: Any
    ) -> None:
        """A row comes to be, or changes; `visible` may be later than it says (a slow commit)."""
        self.told[stream].append(
            Told(key, dict(row), at, more.get("visible", at), more.get("delivery", ""))
        )

    def newest(self, stream: str) -> dict[tuple[str, ...], Told]:
        """The newest version of each row."""
        return {told.key: told for told in self.told[stream]}

    def read(
        self, stream: str, start: dt.datetime, end: dt.datetime, now: dt.datetime
    ) -> list[pa.Table]:
        """What a connector yields for `[start, end)` at a moment: a database its newest rows."""
        seen = [told for told in self.told[stream] if told.visible <= now]
        if stream not in APPENDING:
            seen = list({told.key: told for told in seen}.values())
        found = [told for told in seen if start <= told.changed < end]
        found.sort(key=lambda told: (told.changed, told.key))
        if not found:
            return []
        rows = [
            {
                **told.row,
                "changed": told.changed,
                "_change_time": told.changed,
                "_position": f"{told.delivery or stream}({','.join(told.key)})",
                "_delivery": told.delivery,
                "_error": None,
                "_line": None,
            }
            for told in found
        ]
        return [pa.Table.from_pylist(rows, schema=_SCHEMAS[stream])]
