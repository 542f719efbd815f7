"""Connectors to the toy's API that read the wrong rows: which ones, how often, from where on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from shop_assets.sources.errors import SourceError
from shop_assets.sources.protocol import Batch, ReadRequest, Window
from shop_assets_tests.acceptance.toy import PAGE, Row, Toy


class LosesARow(Toy):
    """Leaves out the last row of each full page."""

    def table(self, rows: list[Row], request: ReadRequest) -> Any:
        return super().table(rows[:-1] if len(rows) == PAGE else rows, request)


class DoublesARow(Toy):
    """Asks from the last row on, not after it, so that the row comes with the next page, too."""

    def mark(self, row: Row) -> tuple[int, int]:
        return row["changed"], row["id"] - 1


class TakesTheEnd(Toy):
    """Reads the window with its end, so that a row at an edge comes in two windows."""

    def page(self, request: ReadRequest, after: tuple[int, int] | None) -> Any:
        longer = Window(request.window.start, request.window.end.replace(second=1))
        return super().page(ReadRequest(request.stream, longer), after)


class KnowsNoEmptyShop(Toy):
    """Takes a window without rows for a mistake."""

    def table(self, rows: list[Row], request: ReadRequest) -> Any:
        if not rows:
            raise SourceError("shop (toy): no rows")
        return super().table(rows, request)


class PagesByNumber(Toy):
    """Counts rows instead of going on after the last: pages shift when rows change."""

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        self.client.begin()
        offset, low, high = 0, request.window.start, request.window.end
        while True:
            query = {"from": int(low.timestamp()), "to": int(high.timestamp()), "offset": offset}
            page = self.client.get("things", query).json
            yield Batch(self.table(page["rows"], request))
            offset += PAGE
            if not page["more"]:
                return


class TakesPagesTwice(Toy):
    """Does not look whether a page is the one before, and gives its rows again."""

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        self.client.begin()
        after: tuple[int, int] | None = None
        while True:
            page = self.page(request, after)
            after = self.mark(page["rows"][-1]) if page["rows"] else after
            yield Batch(self.table(page["rows"], request))
            if not page["more"]:
                return


class LoopsForEver(Toy):
    """Goes on as long as there is said to be more, even if nothing new comes."""

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        seen: set[int] = set()
        self.client.begin()
        after: tuple[int, int] | None = None
        while True:
            page = self.page(request, after)
            rows = [row for row in page["rows"] if row["id"] not in seen]
            seen |= {row["id"] for row in rows}
            after = self.mark(page["rows"][-1]) if page["rows"] else after
            yield Batch(self.table(rows, request))
            if not page["more"]:
                return


class IgnoresCheckpoints(Toy):
    """Begins at the start again, whatever checkpoint it is given."""

    def start(self, given: Mapping[str, Any]) -> tuple[int, int] | None:
        return None


class SkipsAtCheckpoints(Toy):
    """Goes on some time after a checkpoint's row, and loses what lies between."""

    def start(self, given: Mapping[str, Any]) -> tuple[int, int] | None:
        found = super().start(given)
        return None if found is None else (found[0] + 100, found[1])


class TrustsAnyCheckpoint(Toy):
    """Goes on from where any checkpoint says, also one of another window or of later."""

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        kept = dict(request.checkpoint or {})
        kept |= {"stream": request.stream, "start": request.window.start.isoformat()}
        kept |= {"end": request.window.end.isoformat()}
        kept["position"] = kept.get("position") or kept.get("memory")
        for batch in super().read(ReadRequest(request.stream, request.window, kept)):
            last = batch.rows["object"].to_pylist()[-1:]
            memory = [self.mark(json.loads(text)) for text in last if text is not None]
            given = dict(batch.checkpoint or {})
            if memory and given["position"] is None:
                given["memory"] = {"after": list(memory[-1])}
            yield Batch(batch.rows, given)


class HoldsAllRows(Toy):
    """Reads all rows before it gives any: its memory grows with the window."""

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        yield from list(super().read(request))
