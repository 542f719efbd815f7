"""A client of a server that does what a test says, and the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shop_assets.demo.apis.faults import Faults
from shop_assets.demo.apis.serving import Clock, serving
from shop_assets.settings.apis import StripeSource
from shop_assets.sources.http import ApiClient
from shop_assets.sources.rate_limit import RateLimit

KEY = "canary0123456789abcdef"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer `{"ok": 1.10}`."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"ok": 1.10}'})


def client(url: str, **options: Any) -> ApiClient:
    """A client with a key; options of an API's settings, or of the client's own."""
    own = {name: options.pop(name) for name in ("auth", "classify") if name in options}
    given = {
        "connector": "stripe",
        "api_key": KEY,
        "timeout_seconds": 5,
        "retry_budget_seconds": 10,
        "allow_private": True,
        **options,
    }
    return ApiClient(
        "shop (API)",
        url,
        options=StripeSource.model_validate(given),
        limit=RateLimit("x", 10_000),
        headers={} if "auth" in own else {"authorization": f"Bearer {KEY}"},
        **own,
    )


@dataclass(frozen=True)
class Served:
    """A running server."""

    url: str
    faults: Faults
    clock: Clock


@contextmanager
def served(clock: Clock | None = None, tls: tuple[Path, Path] | None = None) -> Iterator[Served]:
    """The server of `app`."""
    faults, time = Faults(), clock or Clock()
    with serving(app, faults=faults, clock=time, tls=tls) as url:
        yield Served(url, faults, time)
