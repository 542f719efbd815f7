"""Reading a Stripe source, and what its rows say."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

from shop_assets.demo.apis.stripe import KEY
from shop_assets.settings.apis import StripeSource
from shop_assets.sources.protocol import Batch, ReadRequest, Window
from shop_assets.sources.rate_limit import RateLimit
from shop_assets.sources.stripe import StripeConnector

Row = dict[str, Any]
HOUR = 3600
OPENED: list[StripeConnector] = []
"""To be closed after each test."""


def source(url: str, **options: Any) -> StripeSource:
    settings = {
        "connector": "stripe",
        "api_key": KEY,
        "api_url": url,
        "allow_private": True,
        "requests_per_second": 10_000,
        "retry_budget_seconds": 5,
    }
    return StripeSource.model_validate({**settings, **options})


def connector(url: str, **options: Any) -> StripeConnector:
    settings = source(url, **options)
    made = StripeConnector("pay", settings, RateLimit("pay", settings.requests_per_second))
    OPENED.append(made)
    return made


def window(start: int, end: int) -> Window:
    return Window(*(dt.datetime.fromtimestamp(edge, dt.UTC) for edge in (start, end)))


def batches(
    reader: StripeConnector,
    stream: str,
    span: tuple[int, int],
    checkpoint: Mapping[str, Any] | None = None,
) -> list[Batch]:
    return list(reader.read(ReadRequest(stream, window(*span), checkpoint)))


def rows(
    reader: StripeConnector,
    stream: str,
    span: tuple[int, int],
    checkpoint: Mapping[str, Any] | None = None,
) -> list[Row]:
    """All rows, in the order in which they came."""
    found: pa.Table = pa.concat_tables(
        [batch.rows for batch in batches(reader, stream, span, checkpoint)],
        promote_options="permissive",
    )
    listed: list[Row] = found.to_pylist()
    return listed


def memory(found: list[Batch]) -> Mapping[str, Any]:
    """The checkpoint that a read ends with."""
    last = found[-1].checkpoint
    assert last is not None
    assert last["position"] is None
    return last


def newest(found: list[Row], key: str = "id") -> dict[str, Row]:
    """The row with the highest version of each key."""
    return {row[key]: row for row in sorted(found, key=lambda row: Decimal(row["version_at"]))}


def said(row: Row) -> Any:
    """The object that a row is of."""
    return json.loads(row["object"])
