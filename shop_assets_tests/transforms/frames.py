"""Frames of declared tables from a few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from shop_assets.entities import TABLES, TableSpec
from shop_assets.entities.meeting import meets

DEFAULTS: dict[str, dict[str, Any]] = {
    "sales_ledger": {
        "source": "shop", "order_id": "A", "item_id": "1", "kind": "sale", "event_id": "e",
        "customer_id": "c1", "product_id": "p1", "line_type": "article", "quantity": 1,
        "amount_micros": 10_000_000, "currency": "GBP", "is_test": False,
    },
    "inventory_levels": {
        "source": "wms", "product_id": "p1", "location_id": "L", "available": 5, "committed": 0,
        "unavailable": 0, "deleted": False,
    },
    "inventory_movements": {
        "source": "wms", "product_id": "p1", "location_id": "L", "reason": "sale",
        "deleted": False,
    },
    "products": {
        "source": "wms", "product_id": "p1", "version_at": "2024-01-01", "deleted": False,
    },
    "customers": {
        "source": "shop", "customer_id": "c1", "version_at": "2024-01-01", "deleted": False,
    },
    "campaigns": {
        "source": "ads", "campaign_id": "k", "version_at": "2024-01-01", "deleted": False,
    },
    "ad_spend": {
        "source": "ads", "campaign_id": "k", "currency": "GBP", "impressions": 0, "clicks": 0,
        "version_at": "2024-01-01", "deleted": False,
    },
}  # fmt: skip


def frame_of(table: str, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows of a declared table; what they leave out is the table's default above."""
    spec = TABLES[table]
    if not rows:
        return spec.empty()
    filled = [DEFAULTS.get(table, {}) | row for row in rows]
    data: dict[str, Any] = {}
    for column in spec.columns:
        values = [row.get(column.name) for row in filled]
        if column.kind == "timestamp":
            moments = [None if v is None else pd.Timestamp(v) for v in values]
            data[column.name] = pd.Series(
                [m if m is None or m.tz else m.tz_localize("UTC") for m in moments],
                dtype="datetime64[us, UTC]",
            )
        else:
            data[column.name] = pd.Series(values, dtype=column.pandas)
    return pd.DataFrame(data)


def validate(spec: TableSpec, frame: pd.DataFrame) -> None:
    """Raise Pandera's error where rows are not what a declaration says.

    Pandera takes longer for a few rows than what made them, and is asked where `meets` cannot tell;
    that this says the same is for `entities/test_meeting.py`.
    """
    if not meets(frame, spec.pandera):
        spec.pandera.validate(frame, lazy=True)


def check(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame, once it is seen to be what the table's declaration says."""
    spec = TABLES[table]
    validate(spec, frame)
    assert list(frame.columns) == spec.column_names
    assert not frame.duplicated(list(spec.key)).any()
    return frame
