"""A Stripe account of a shop that opened a while ago, and short ways to ask its API."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from shop_assets.demo.apis import Clock, Faults, Store, serving
from shop_assets.demo.apis.stripe import KEY, CallLimits, StripeServer

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
UNLIMITED = CallLimits(None, None)
HOUR = 3600


def seconds(moment: dt.datetime) -> int:
    return int(moment.timestamp())


@dataclass
class Api:
    """A running server, and what it answers."""

    server: StripeServer
    url: str
    client: httpx.Client
    faults: Faults

    def ask(self, path: str, key: str = KEY, **headers: str) -> httpx.Response:
        return self.client.get(
            f"{self.url}/v1/{path}", headers={"authorization": f"Bearer {key}", **headers}
        )

    def data(self, path: str) -> list[dict[str, Any]]:
        answer = self.ask(path)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    def ids(self, path: str) -> list[str]:
        return [each["id"] for each in self.data(path)]


@contextmanager
def running(server: StripeServer) -> Iterator[Api]:
    faults = Faults()
    with (
        serving(server.app, faults=faults, clock=server.clock) as url,
        httpx.Client(trust_env=False) as client,
    ):
        yield Api(server, url, client, faults)


def account(store: Store | None = None, **options: Any) -> StripeServer:
    return StripeServer(store or Store(), Clock(NOW), **{"limits": UNLIMITED, **options})
