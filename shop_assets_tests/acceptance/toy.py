"""An API that is as simple as can be, its server, and the right connector to it.

The suite is held to it: this connector passes, and each one of `wrong_toys` is caught.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from shop_assets.demo.apis.faults import Faults
from shop_assets.demo.apis.serving import Clock, serving
from shop_assets.demo.apis.store import Store, Stored
from shop_assets.settings.apis import StripeSource
from shop_assets.sources.checkpoints import checkpoint, position
from shop_assets.sources.errors import SourceError
from shop_assets.sources.http import ApiClient, Reply, Retry
from shop_assets.sources.objects import table
from shop_assets.sources.protocol import Batch, ReadRequest, StreamCheck, Window
from shop_assets.sources.rate_limit import RateLimit
from shop_assets_tests.acceptance.http_source import HttpSource
from shop_assets_tests.acceptance.subject import CANARY, NOW, Feature, Seen, Servers, Stream

PAGE = 20
COLUMNS = {"id": "id", "note": "note", "extra": "extra"}
FEATURES: tuple[Feature, ...] = (
    *("windows", "http", "checkpoints", "changes", "secret", "schema"),
)
STREAMS = {"things": Stream(("id",), "note", PAGE)}
Row = dict[str, Any]


class ToyServer:
    """`GET /things?from=&to=&after=` (epoch seconds): rows by their time and id, a page at once.

    `{"rows": [{id, changed, note, extra}], "more": bool}`; `after`: the last row's `changed-id`;
    or `offset`, of a worse kind of paging.
    """

    def __init__(self) -> None:
        self.store = Store()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        query = {k: v[-1] for k, v in parse_qs(scope["query_string"].decode()).items()}
        headers = dict(scope["headers"])
        if headers.get(b"authorization") != f"Bearer {CANARY}".encode():
            status, said = 401, {"error": "wrong key"}
        else:
            status, said = 200, self._page(query)
        body = json.dumps(said).encode()
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})

    def _page(self, query: Mapping[str, str]) -> dict[str, Any]:
        where, values = "updated >= ? AND updated < ?", [int(query["from"]), int(query["to"])]
        if "after" in query:
            # What comes first is what SQLite looks a page up by.
            where = f"(updated, number) > (?, ?) AND {where}"
            values = [*(int(part) for part in query["after"].split("-")), *values]
        offset = int(query.get("offset", 0))
        found = self.store.select(
            "thing", where, tuple(values), order="updated", limit=PAGE + 1, offset=offset
        )
        return {"rows": [each.body for each in found[:PAGE]], "more": len(found) > PAGE}


class ToySource(HttpSource):
    """A running server of the toy's API."""

    fields: Mapping[str, Mapping[str, str]] = {
        "things": {"key": "id", "time": "changed", "optional": "extra", "marker": "note"}
    }

    def __init__(self, url: str, faults: Faults, server: ToyServer) -> None:
        super().__init__(url, faults)
        self._store = server.store

    def settings(self, **options: Any) -> dict[str, Any]:
        """Those that each API has, in the clothes of a Stripe source."""
        given = {"connector": "stripe", "api_key": CANARY, "api_url": self.url}
        return {
            **given,
            "allow_private": True,
            "requests_per_second": 10_000,
            "timeout_seconds": 5,
            "retry_budget_seconds": 20,
            **options,
        }

    def put(
        self, stream: str, moments: Sequence[datetime], texts: Sequence[str] | None = None
    ) -> list[str]:
        """Make rows."""
        first = self._store.count("thing") + 1
        notes = texts or ["n"] * len(moments)
        seconds = [int(moment.timestamp()) for moment in moments]
        self._store.put(
            _thing({"id": number, "changed": changed, "note": note, "extra": "e"})
            for number, (changed, note) in enumerate(zip(seconds, notes, strict=True), first)
        )
        return [str(first + n) for n in range(len(moments))]

    def truth(self, stream: str, window: Window) -> Counter[Seen]:
        """The rows in the window."""
        every = self._store.select("thing")
        timed = [(each.id, datetime.fromtimestamp(each.updated, UTC)) for each in every]
        return Counter(Seen(k, at) for k, at in timed if window.start <= at < window.end)

    def change(self, stream: str, key: str, moment: datetime) -> None:
        """Let a row have changed."""
        [stored] = self._store.select("thing", "id = ?", (key,))
        self._store.put([_thing({**stored.body, "changed": int(moment.timestamp())})])


def _thing(row: Row) -> Stored:
    return Stored("thing", str(row["id"]), row["id"], "", 0, row["changed"], row)


@contextmanager
def toy_source(_: Servers) -> Iterator[ToySource]:
    """A server of the toy's API."""
    server, faults = ToyServer(), Faults()
    with serving(server, faults=faults, clock=Clock(NOW)) as url:
        yield ToySource(url, faults, server)
    server.store.close()


class Toy:
    """The right connector for the toy's API: short, and yet it passes all of the suite."""

    def __init__(self, settings: Mapping[str, Any], redis_url: str | None, shares: int) -> None:
        given = dict(settings)
        self.options = StripeSource.model_validate(given)
        self.limit = RateLimit(
            "shop", self.options.requests_per_second, redis_url=redis_url, shares=shares
        )
        self.key = self.options.api_key.get_secret_value()
        self.client = ApiClient(
            "shop (toy)",
            str(self.options.api_url),
            options=self.options,
            limit=self.limit,
            headers={"authorization": f"Bearer {self.key}"},
            classify=self.meaning,
        )

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        """Page by page, by the last row."""
        self.client.begin()
        given = position(request)
        after = self.start(given) if given is not None else None
        while True:
            page = self.page(request, after)
            rows, more = page["rows"], page["more"]
            if after is not None and rows and self.mark(rows[0]) <= after:
                raise SourceError("shop (toy): a page came twice", transient=True)
            if more and not rows:
                raise SourceError("shop (toy): an empty page is not the last", transient=True)
            after = self.mark(rows[-1]) if rows else after
            kept = None if not more or after is None else {"after": list(after)}
            yield Batch(self.table(rows, request), checkpoint(request, position=kept))
            if not more:
                return

    def start(self, given: Mapping[str, Any]) -> tuple[int, int] | None:
        """The row to go on after."""
        try:
            changed, number = given["after"]
        except (KeyError, TypeError, ValueError):
            return None
        return int(changed), int(number)

    def page(self, request: ReadRequest, after: tuple[int, int] | None) -> Any:
        """The rows after that one."""
        query = {
            "from": -int(-request.window.start.timestamp() // 1),
            "to": -int(-request.window.end.timestamp() // 1),
        }
        if after is not None:
            query["after"] = f"{after[0]}-{after[1]}"  # type: ignore[assignment]
        return self.client.get("things", query).json

    def meaning(self, reply: Reply) -> Retry | SourceError | None:
        """Only a whole page is one."""
        if reply.status != 200:
            return None
        page = reply.json
        if not isinstance(page, dict) or not isinstance(page.get("rows"), list):
            return Retry("it answers without rows")
        if not isinstance(page.get("more"), bool):
            return Retry("it does not answer whether there are more")
        for row in page["rows"]:
            if not isinstance(row, dict) or not all(
                isinstance(row.get(name), int) for name in ("id", "changed")
            ):
                return SourceError("shop (toy): a row without id or changed; numbers are expected")
        return None

    def mark(self, row: Row) -> tuple[int, int]:
        """Where a row stands in the order."""
        return row["changed"], row["id"]

    def table(self, rows: list[Row], request: ReadRequest) -> Any:
        """A page as a batch."""
        changed = [row["changed"] * 1_000_000 for row in rows]
        return table(rows, COLUMNS, changed=changed, positions=[f"things/{r['id']}" for r in rows])

    def check(self, stream: str) -> StreamCheck:
        """What columns there are."""
        return StreamCheck(stream, dict.fromkeys([*COLUMNS, "object"], "text"))

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()


def right(
    settings: Mapping[str, Any], _: Path, redis_url: str | None = None, shares: int = 1
) -> Toy:
    """The right connector."""
    return Toy(settings, redis_url, shares)
