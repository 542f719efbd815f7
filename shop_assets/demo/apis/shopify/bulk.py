"""Bulk operations: a query that is run in the background, and whose result is a file of JSON lines.

An operation is CREATED, then RUNNING, then COMPLETED (or FAILED, with the part that it got to): it
goes on by one step with each look at it, and not before `seconds` have passed on the server's
clock. A look waits for a short one to end, a long one goes on beside the looks. From version
2026-01 on five may run at once, before that one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import tempfile
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from graphql import GraphQLError, OperationType, parse, validate

from shop_assets.demo.apis.serving import Clock
from shop_assets.demo.apis.shopify.cost import Query
from shop_assets.demo.apis.shopify.export import Flaw, flaw_of, lines
from shop_assets.demo.apis.shopify.resolve import Document, Reading
from shop_assets.demo.apis.shopify.schema import schema
from shop_assets.demo.apis.shopify.values import gid, moment_of, moment_text, seconds
from shop_assets.demo.apis.store import Store, Stored

KEPT = dt.timedelta(days=7)
_SEVERAL_FROM, _SEVERAL = "2026-01", 5
_GOING_ON = ("CREATED", "RUNNING")
_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Failure:
    """How an operation is to fail: with this code, after that share (0 to 1) of its lines."""

    code: str = "TIMEOUT"
    share: float = 0.5


@dataclass
class _Work:
    """A file that is written, and how many lines it has by now."""

    objects: int = 0
    roots: int = 0
    done: Future[None] = field(init=False)

    def counts(self) -> dict[str, str]:
        return {"objectCount": str(self.objects), "rootObjectCount": str(self.roots)}


@dataclass
class BulkOperations:
    """The bulk operations of a shop. Results are files in `folder`, or in one of their own."""

    store: Store
    clock: Clock
    folder: Path | None = None
    looks: int = 2
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    """How the next ones end that are started; empty: well."""
    _own: tempfile.TemporaryDirectory[str] | None = None
    _readings: dict[str, Reading] = field(default_factory=dict)
    """Who asked, of all operations that are going on."""
    _works: dict[str, _Work] = field(default_factory=dict)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_SEVERAL))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def run(self, query: str, reading: Reading, *, grouped: bool) -> dict[str, Any]:
        """Start an operation: the payload of `bulkOperationRunQuery`."""
        with self._lock:
            going_on = [s for s in self.store.select("BulkOperation") if _goes_on(s.body)]
            several = reading.version >= _SEVERAL_FROM
            if len(going_on) >= (_SEVERAL if several else 1):
                if several:
                    said = "Bulk operations limit reached. Please try again later."
                    return _refused(said, "LIMIT_REACHED")
                said = (
                    "A bulk query operation for this app and shop is already in progress: "
                    f"{going_on[-1].id}."
                )
                return _refused(said, "OPERATION_IN_PROGRESS")
            flaw = _flaw(query)
            if flaw is not None:
                return _refused(flaw, "INVALID")
            return {"bulkOperation": self._started(query, reading, grouped), "userErrors": []}

    def cancel(self, id: str) -> dict[str, Any]:  # noqa: A002
        """Stop an operation: the payload of `bulkOperationCancel`."""
        with self._lock:
            stored = self.store.get("BulkOperation", id)
            if stored is None or not _goes_on(stored.body):
                said = "A bulk operation cannot be canceled when it is not running"
                return {
                    "bulkOperation": stored.body if stored else None,
                    "userErrors": [{"field": ["id"], "message": said}],
                }
            self._forget(id)
            return {"bulkOperation": self._kept(stored, status="CANCELED"), "userErrors": []}

    def look(self, id: str | None) -> Document | None:  # noqa: A002
        """An operation (None: the newest), after the step that looking lets it take."""
        with self._lock:
            if id is None:
                newest = self.store.select("BulkOperation", descending=True, limit=1)
                stored = newest[0] if newest else None
            else:
                stored = self.store.get("BulkOperation", id)
            if stored is None:
                return None
            return self._advanced(stored) if _goes_on(stored.body) else stored.body

    def file(self, number: str, signature: str) -> tuple[int, Path | None]:
        """A result: the status of its download, and the file where that is 200."""
        stored = self.store.get("BulkOperation", gid("BulkOperation", number))
        if stored is None:
            return 404, None
        path = self._path(number)
        made = moment_of(stored.body["completedAt"]) if stored.body["completedAt"] else 0
        expired = made < seconds(self.clock.now() - KEPT) or stored.body.get("_expired")
        if expired or signature != _signature(number) or not path.exists():
            return 403, None
        return 200, path

    def expire(self) -> None:
        """Let the addresses of all results be out of date."""
        with self._lock:
            for stored in self.store.select("BulkOperation"):
                self._kept(stored, _expired=True)

    def _started(self, query: str, reading: Reading, grouped: bool) -> Document:
        number = self.store.count("BulkOperation") + 1
        id_ = gid("BulkOperation", number)
        now = seconds(self.clock.now())
        failure = self.failures.pop(0) if self.failures else None
        body = {
            "__typename": "BulkOperation",
            "id": id_,
            "status": "CREATED",
            "type": "QUERY",
            "errorCode": None,
            "createdAt": moment_text(now),
            "completedAt": None,
            "objectCount": "0",
            "rootObjectCount": "0",
            "fileSize": None,
            "url": None,
            "partialDataUrl": None,
            "query": query,
            "_looks": 0,
            "_grouped": grouped,
            "_failure": None if failure is None else [failure.code, failure.share],
            "_base": reading.base_url,
        }
        self._readings[id_] = reading
        self.store.put([Stored("BulkOperation", id_, number, "", now, now, body)])
        return body

    def _kept(self, stored: Stored, **changed: Any) -> Document:
        body = {**stored.body, **changed}
        self.store.put([replace(stored, body=body)])
        return body

    def _advanced(self, stored: Stored) -> Document:
        looks = stored.body["_looks"] + 1
        waited = (seconds(self.clock.now()) - stored.created) / 1_000_000
        if looks < self.looks or waited < self.seconds:
            return self._kept(stored, status="RUNNING", _looks=looks)
        return self._ended(stored)

    def _ended(self, stored: Stored) -> Document:
        number, body = str(stored.number), stored.body
        path, now = self._path(number), seconds(self.clock.now())
        reading = self._readings.get(stored.id)
        ended = {"completedAt": moment_text(now), "_looks": body["_looks"] + 1}
        if reading is None:
            # The server was started anew in the meantime: nobody knows who asked.
            return self._kept(stored, status="FAILED", errorCode="INTERNAL_SERVER_ERROR", **ended)
        work = self._works.get(stored.id)
        if work is None:
            work = self._works[stored.id] = _Work()
            work.done = self._threads.submit(self._write, stored, reading, work)
        try:
            work.done.result(_LOOK_SECONDS)
        except TimeoutError:
            return self._kept(stored, status="RUNNING", **work.counts())
        except GraphQLError:
            self._forget(stored.id)
            return self._kept(stored, status="FAILED", errorCode="ACCESS_DENIED", **ended)
        self._forget(stored.id)
        url = f"{body['_base']}/bulk/{number}.jsonl?signature={_signature(number)}"
        if body["_failure"] is not None:
            code, share = body["_failure"]
            _cut(path, int(work.objects * share))
            ended.update(status="FAILED", errorCode=code, partialDataUrl=url)
        else:
            ended.update(status="COMPLETED", url=url if work.objects else None)
        return self._kept(stored, fileSize=str(path.stat().st_size), **work.counts(), **ended)

    def _write(self, stored: Stored, reading: Reading, work: _Work) -> None:
        """Write an operation's file, for as long as it goes on."""
        query = Query.of(schema(), parse(stored.body["query"]), {})
        with self._path(str(stored.number)).open("wb") as file:
            for root, line in lines(query, reading, grouped=stored.body["_grouped"]):
                if stored.id not in self._works:
                    break
                file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
                work.objects += 1
                work.roots += root

    def _forget(self, id_: str) -> None:
        self._readings.pop(id_, None)
        self._works.pop(id_, None)

    def _path(self, number: str) -> Path:
        if self.folder is None:
            self._own = self._own or tempfile.TemporaryDirectory(prefix="shopify-bulk-")
            return Path(self._own.name) / f"{number}.jsonl"
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{number}.jsonl"


def _flaw(query: str) -> str | None:
    """Why a query cannot be run in bulk; None where it can."""
    try:
        document = parse(query)
        wrong = validate(schema(), document)
        if wrong:
            return f"Invalid bulk query: {wrong[0].message}"
        found = Query.of(schema(), document, {})
        if found.operation.operation is not OperationType.QUERY:
            return "Invalid bulk query: only queries can be run"
        flaw_of(found)
    except Flaw as flaw:
        return str(flaw)
    except GraphQLError as error:
        return f"Invalid bulk query: {error.message}"
    return None


def _refused(message: str, code: str) -> dict[str, Any]:
    field_name = ["query"] if code == "INVALID" else None
    return {
        "bulkOperation": None,
        "userErrors": [{"code": code, "field": field_name, "message": message}],
    }


def _goes_on(body: Mapping[str, Any]) -> bool:
    return body["status"] in _GOING_ON


def _signature(number: str) -> str:
    return hashlib.sha256(f"bulk {number}".encode()).hexdigest()[:16]


def _cut(path: Path, count: int) -> None:
    kept = list(_first(path, count))
    path.write_bytes(b"".join(kept))


def _first(path: Path, count: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number >= count:
                return
            yield line
