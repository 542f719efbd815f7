"""The books of one account: objects in the store, written all at once, and events about them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shop_assets.demo.apis.serving import Clock
from shop_assets.demo.apis.store import Store, Stored
from shop_assets.demo.apis.stripe import objects
from shop_assets.demo.apis.stripe.objects import KINDS, Body
from shop_assets.errors import UserError

MICROS = 1_000_000
_PREFIXES = {kind: prefix for prefix, kind in KINDS.items()}


@dataclass(frozen=True)
class Version:
    """What an event said of an object. `at`: seconds; `number` orders those of one second."""

    id: str
    type: str
    event: str
    at: int
    number: int
    body: Body


class Books:
    """Objects by id, and what happened to them. Safe for threads.

    `api_version` is the account's: before 2024-10-28, refunds of charges have no `refund.` events.
    """

    def __init__(self, store: Store, clock: Clock, *, api_version: str) -> None:
        self.store = store
        self.clock = clock
        self.api_version = api_version
        self._lock = threading.RLock()
        self._draft: dict[tuple[str, str], Stored] | None = None
        # What was put before a restart stays in its order.
        self._number = max(
            found.number
            for kind in KINDS.values()
            for found in (*store.select(kind, descending=True, limit=1), _FIRST)
        )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Put all that is done within into the store at once, at the end; nothing, on an error."""
        with self._lock:
            if self._draft is not None:
                yield
                return
            self._draft = {}
            try:
                yield
                if self._draft:
                    self.store.put(self._draft.values())
            finally:
                self._draft = None

    def versions(self, kind: str) -> list[Version]:
        """All that events have ever said of objects of a kind, in order: the truth of changes."""
        found = self.store.select(
            "event", "json_extract(body, '$.data.object.object') = ?", (kind,), order="created"
        )
        return [
            Version(
                id=each.body["data"]["object"]["id"],
                type=each.body["type"],
                event=each.id,
                at=each.body["created"],
                number=each.number,
                body=each.body["data"]["object"],
            )
            for each in found
        ]

    def current(self, kind: str) -> dict[str, Body]:
        """The objects of a kind as they are now, by id: the truth of states."""
        return {each.id: each.body for each in self.store.select(kind, order="created")}

    def stored(self, key: str) -> Stored:
        """An object by its id; `UserError` where there is none."""
        kind = KINDS.get(key.partition("_")[0], "")
        found = (self._draft or {}).get((kind, key)) or self.store.get(kind, key)
        if found is None:
            raise UserError(f"no such {kind or 'object'}: {key!r}")
        return found

    def body(self, key: str) -> Body:
        """An object by its id, as it is now; `UserError` where there is none."""
        return self.stored(key).body

    def knows(self, key: str) -> bool:
        """Whether there is an object of that id."""
        kind = KINDS.get(key.partition("_")[0], "")
        return (kind, key) in (self._draft or {}) or self.store.get(kind, key) is not None

    def new_id(self, kind: str) -> str:
        """An id that no object has."""
        return f"{_PREFIXES[kind]}_{self._next():014d}"

    def add(self, body: Body, *, parent: str = "") -> Body:
        """Keep a new object."""
        at = body["created"] * MICROS
        self._put(Stored(body["object"], body["id"], self._next(), parent, at, at, body))
        return body

    def change(
        self, key: str, at: int, changes: Body, *, event: str | None = None, parent: str = ""
    ) -> Body:
        """Change some of an object's values, with an event of that type about it."""
        old = self.stored(key)
        body = {**old.body, **changes}
        self._put(
            Stored(
                *(old.kind, old.id, old.number, parent or old.parent),
                *(old.created, at * MICROS, body),
            )
        )
        if event is not None:
            self.say(event, at, body, {name: old.body[name] for name in changes})
        return body

    def say(self, kind: str, at: int, of: Body, before: Body | None = None) -> None:
        """Tell of an object as it is: an event of that type."""
        number = self._next()
        body = objects.event(f"evt_{number:014d}", at, kind, of, before, self.api_version)
        self._put(Stored("event", body["id"], number, kind, at * MICROS, at * MICROS, body))

    def _put(self, stored: Stored) -> None:
        if self._draft is None:
            raise RuntimeError("an object is put outside `writing`")
        self._draft[stored.kind, stored.id] = stored

    def _next(self) -> int:
        self._number += 1
        return self._number


_FIRST = Stored("", "", 0, "", 0, 0, {})
