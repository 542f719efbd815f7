"""A simulated shop behind an API on loopback, with its clock, its faults and a connector to it."""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from shop_assets.demo.apis import Clock, Faults, Store
from shop_assets.sources.protocol import Batch, Connector, ReadRequest, Window

START = dt.datetime(2026, 11, 3, 10, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
WINDOW = Window(START, START + HOUR)
UNLIMITED: dict[str, Any] = {
    "allow_private": True,
    "requests_per_second": 10_000,
    "retry_budget_seconds": 5,
}
"""The options of a source on loopback that nothing slows down."""


@dataclass
class ApiShop:
    """The shop's clock, what goes wrong with it, where it is, and a connector."""

    clock: Clock
    faults: Faults
    url: str
    connector: Connector

    def batches(self, stream: str, window: Window = WINDOW, **more: Any) -> list[Batch]:
        return list(self.connector.read(ReadRequest(stream, window, **more)))

    def tables(self, stream: str, window: Window = WINDOW, **more: Any) -> list[pa.Table]:
        return [batch.rows for batch in self.batches(stream, window, **more)]

    def rows(self, stream: str, window: Window = WINDOW, **more: Any) -> list[dict[str, Any]]:
        found = self.tables(stream, window, **more)
        rows: list[dict[str, Any]] = pa.concat_tables(found).to_pylist()
        return rows

    def tick(self, **by: float) -> None:
        self.clock.advance(dt.timedelta(**by))


def made_for(stack: ExitStack) -> tuple[Clock, Faults, Store]:
    """What a server of a shop is made of; the store closes with the stack."""
    store = Store()
    stack.callback(store.close)
    return Clock(START), Faults(), store
