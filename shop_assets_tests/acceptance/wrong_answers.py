"""Connectors to the toy's API that take its answers wrongly, are impolite, or tell their key."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import httpx

from shop_assets.sources.errors import SourceError
from shop_assets.sources.http import Reply, Retry
from shop_assets.sources.protocol import Batch, ReadRequest
from shop_assets_tests.acceptance.toy import Row, Toy


class StopsAtACutPage(Toy):
    """Takes an error for the end of the rows."""

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        try:
            yield from super().read(request)
        except SourceError:
            return


class TakesAnythingForAPage(Toy):
    """Takes an answer without rows for the last page."""

    def page(self, request: ReadRequest, after: tuple[int, int] | None) -> Any:
        found = super().page(request, after)
        return {"rows": found.get("rows", []), "more": bool(found.get("more"))}

    def meaning(self, reply: Reply) -> Retry | SourceError | None:
        return None


class WaitsAsItLikes(Toy):
    """Asks again at once when it is refused, however long the source says to wait."""

    def meaning(self, reply: Reply) -> Retry | SourceError | None:
        return Retry("refused", 0.001) if reply.status == 429 else super().meaning(reply)


class GivesUpAtOnce(Toy):
    """Tries nothing again, and shows the error of the library in place of one sentence."""

    def page(self, request: ReadRequest, after: tuple[int, int] | None) -> Any:
        query = {"from": request.window.start.timestamp(), "to": request.window.end.timestamp()}
        head = {"authorization": f"Bearer {self.key}"}
        url = f"{self.options.api_url}/things"
        answer = httpx.get(url, params={k: int(v) for k, v in query.items()}, headers=head)
        return answer.raise_for_status().json()


class CallsAsItLikes(Toy):
    """Calls without asking the limit that all parallel reads share."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.limit.acquire = lambda cost=1: None  # type: ignore[method-assign]


class TellsItsKey(Toy):
    """Says in an error which key was refused."""

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        try:
            yield from super().read(request)
        except SourceError as error:
            raise SourceError(f"shop: {error} (with {self.key})", transient=True) from None


class LogsItsKey(Toy):
    """Logs the key that it sends."""

    def page(self, request: ReadRequest, after: tuple[int, int] | None) -> Any:
        logging.getLogger("toy").debug("sending %s", self.key)
        return super().page(request, after)


class ShowsItsKey(Toy):
    """Has its key in its own `repr`."""

    def __repr__(self) -> str:
        return f"Toy({self.key})"


class KeepsItsKey(Toy):
    """Writes its key to checkpoints."""

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        for batch in super().read(request):
            yield Batch(batch.rows, {**(batch.checkpoint or {}), "as": self.key})


class InventsTimes(Toy):
    """Gives rows without a change time the window's start for one."""

    def meaning(self, reply: Reply) -> Retry | SourceError | None:
        for row in reply.json["rows"] if reply.status == 200 and reply.json else ():
            row.setdefault("changed", 1773136800)
        return super().meaning(reply)


class InventsKeys(Toy):
    """Numbers rows without a key."""

    def meaning(self, reply: Reply) -> Retry | SourceError | None:
        for number, row in enumerate(reply.json["rows"] if reply.status == 200 else ()):
            row.setdefault("id", 1_000_000 + number)
        return super().meaning(reply)


class DropsHugeRows(Toy):
    """Leaves out, without a word, rows that are too long."""

    def table(self, rows: list[Row], request: ReadRequest) -> Any:
        return super().table([row for row in rows if len(row["note"]) < 1 << 20], request)


class CleansText(Toy):
    """Makes text nicer than the source has it."""

    def table(self, rows: list[Row], request: ReadRequest) -> Any:
        return super().table([{**row, "note": row["note"].strip("=\0 ")} for row in rows], request)


class NeedsEveryField(Toy):
    """Reads no row that lacks a field on which nothing depends."""

    def table(self, rows: list[Row], request: ReadRequest) -> Any:
        return super().table([row for row in rows if row.get("extra")], request)
