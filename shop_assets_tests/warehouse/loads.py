"""Loads and rows from a few words, and what a warehouse holds after them."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Sequence
from typing import Any

import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.transforms.ledger import sales_ledger
from shop_assets.warehouse import slices
from shop_assets.warehouse.activity import load_activity
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.ledger import load_ledger
from shop_assets.warehouse.marts import Seen, look, replace_slices, stale_slices
from shop_assets.warehouse.merge import merge_entity
from shop_assets.warehouse.slices import Load, Written
from shop_assets_tests.transforms.frames import frame_of

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
NINE = dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC)
"""An hour that the tests begin with; the next day is in another month."""

_COMMON: dict[str, dict[str, Any]] = {
    "orders": {
        "source": "shop", "order_id": "A", "placed_at": "2026-01-31 09:10", "customer_id": "c1",
        "status": "paid", "currency": "GBP", "discount_micros": 0, "shipping_micros": 0,
        "tax_micros": 0, "is_test": False, "deleted": False,
    },
    "order_items": {
        "source": "shop", "order_id": "A", "item_id": "1", "placed_at": "2026-01-31 09:10",
        "product_id": "p1", "line_type": "article", "quantity": 1,
        "unit_price_micros": 10_000_000, "discount_micros": 0, "currency": "GBP",
        "deleted": False,
    },
    "refunds": {
        "source": "shop", "refund_id": "R", "order_id": "A", "item_id": "1", "quantity": 1,
        "amount_micros": 10_000_000, "shipping_micros": 0, "tax_micros": 0, "currency": "GBP",
        "deleted": False,
    },
    "sales_hourly": {
        "hour": "2026-01-31 09:00", "currency": "GBP", "gross_sales_micros": 0,
        "discounts_micros": 0, "returns_micros": 0, "net_sales_micros": 0, "shipping_micros": 0,
        "taxes_micros": 0, "total_sales_micros": 0, "adjustments_micros": 0, "orders": 1,
        "units_sold": 1, "units_returned": 0,
    },
    "web_activity": {
        "source": "tracker", "change_hour": "2026-01-31 09:00", "visitor_id": "v",
        "started_at": "2026-01-31 09:10", "ended_at": "2026-01-31 09:12", "events": 2,
        "is_bot": False,
    },
}  # fmt: skip


def rows(table: str, *given: dict[str, Any]) -> pd.DataFrame:
    """Rows of a declared table; what they leave out is usual for it."""
    filled = [_COMMON.get(table, {}) | row for row in given]
    return frame_of(table, filled)


def load_of(
    asset: str,
    start: dt.datetime = NINE,
    *,
    count: int = 1,
    step: dt.timedelta = HOUR,
    epoch: int = 1,
    load_id: str | None = None,
) -> Load:
    """A load of an asset's slices, with an identity of its own unless one is given."""
    return Load(load_id or uuid.uuid4().hex, asset, start, start + count * step, step, epoch)


def merge(warehouse: Warehouse, table: str, *given: dict[str, Any], **load: Any) -> Written:
    """Load versions of an entity, by default in the hours that they are of.

    With a `start` they are told in its hour. Without rows it is hour nine that has none.
    """
    frame = rows(table, *given)
    frame["_hour"] = frame["version_at"].dt.floor("h")
    if "start" in load or frame.empty:
        frame["_hour"] = pd.Series(load.get("start", NINE), index=frame.index).astype(
            "datetime64[us, UTC]"
        )
    else:
        load["start"] = frame["_hour"].min().to_pydatetime()
        load["count"] = int((frame["_hour"].max() - frame["_hour"].min()) / HOUR) + 1
    declared = load_of(f"warehouse/{table}", **load)
    return merge_entity(warehouse, TABLES[table], frame, declared)


def ledger(warehouse: Warehouse, *order_ids: str, source: str = "shop", **load: Any) -> Written:
    """Bring the ledger rows of some orders up to date."""
    orders = pd.DataFrame({"source": source, "order_id": pd.Series(order_ids, dtype="str")})
    return load_ledger(warehouse, orders, load_of("warehouse/sales_ledger", **load), sales_ledger)


def activity(warehouse: Warehouse, *given: dict[str, Any], **load: Any) -> Written:
    """Replace the web activity of change hours."""
    declared = load_of("warehouse/web_activity", **load)
    return load_activity(warehouse, rows("web_activity", *given), declared)


def publish(
    warehouse: Warehouse,
    *given: dict[str, Any],
    mart: str = "sales_hourly",
    seen: Seen | None = None,
    **load: Any,
) -> Written:
    """Replace slices of a mart."""
    declared = load_of(f"marts/{mart}", **load)
    noticed = seen
    if noticed is None:
        noticed = look(warehouse, mart, declared.start, declared.end)
    return replace_slices(warehouse, TABLES[mart], rows(mart, *given), declared, noticed)


def table_of(warehouse: Warehouse, sql: str) -> list[tuple[Any, ...]]:
    """A query's rows, as tuples of plain Python values."""
    frame = warehouse.read(sql)
    return [tuple(row) for row in frame.astype(object).where(frame.notna(), None).to_numpy()]


def stale(warehouse: Warehouse, mart: str) -> list[str]:
    """The slices that a mart is asked for."""
    return [f"{s:%m-%d %H:%M}" for s in stale_slices(warehouse, mart)["slice"]]


def settle_all(warehouse: Warehouse) -> None:
    """Forget every request for a mart."""
    with warehouse.transaction() as cursor:
        cursor.execute("DELETE FROM meta.stale_slices")


def wait_for_waiter(warehouse: Warehouse, wanted: int = 1) -> None:
    """Wait until so many sessions of this database wait for a lock."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        waiting = table_of(
            warehouse,
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        if waiting[0][0] >= wanted:
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


def epochs(warehouse: Warehouse, count: int) -> Sequence[int]:
    """Epochs of writers that begin one after the other."""
    return [slices.begin(warehouse) for _ in range(count)]
