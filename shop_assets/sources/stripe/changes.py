"""What changed in a span, from events and from the objects created in it, newest second first.

An event brings its object as it was then. An object that no event of the minute after its creation
tells of (as of refunds, in older accounts) is taken from its list, as it is now.

Stripe dates to the second. A version's place among those of its object in one second follows from
the order of the events: listed objects have place 0, events 1, 2, … from the oldest on. What an
event tells of without showing it is asked for, and comes last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, groupby

from shop_assets.sources.errors import SourceError
from shop_assets.sources.stripe.client import MissingError
from shop_assets.sources.stripe.pages import Object, Pages
from shop_assets.sources.stripe.streams import EVENTS, StripeStream

_CREATED_WITHIN = 60


@dataclass(frozen=True)
class Change:
    """A version of an object. `place`: of those of this object and second. `by`: where from."""

    object: Object
    second: int
    place: int
    by: str


Second = tuple[int, list[Change]]


def changes(
    pages: Pages,
    stream: StripeStream,
    created_then: Iterable[list[Object]],
    *,
    start: int,
    before: int,
    end: int,
) -> Iterator[Second]:
    """The changes of each second in `[start, before)`, of a window that ends at `end`.

    `created_then`: the objects created in that span, by the page. `before` is less than `end` where
    a read goes on: what is yielded is the same.
    """
    newest = min(end, before + _CREATED_WITHIN)
    types = {"types[]": [*stream.events, *stream.about]}
    events = by_second(pages.listed(EVENTS, start=start, end=newest, filters=types))
    told = _Told()
    for second, created, happened in _together(by_second(created_then), events):
        shown = _shown(happened, stream)
        told.add(second, shown)
        if second >= before:
            continue
        found = [
            Change(each, second, 0, f"{stream.path}/{each['id']}")
            for each in created
            if each["id"] not in told
        ]
        for versions in shown.values():
            found += [
                Change(_object(event), second, place, str(event["id"]))
                for place, event in enumerate(versions, 1)
            ]
        for key, event in _told_of(happened, stream).items():
            try:
                asked = pages.one(f"{stream.path}/{key}")
            except MissingError:
                continue
            found.append(Change(asked, second, len(shown.get(key, ())) + 1, str(event["id"])))
        yield second, found


class _Told:
    """The ids of objects that events of the last minute, going backwards, have told of."""

    def __init__(self) -> None:
        self._order: deque[tuple[int, str]] = deque()
        self._last: dict[str, int] = {}

    def add(self, second: int, ids: Iterable[str]) -> None:
        for key in ids:
            self._order.append((second, key))
            self._last[key] = second
        while self._order and self._order[0][0] > second + _CREATED_WITHIN:
            past, key = self._order.popleft()
            if self._last.get(key) == past:
                del self._last[key]

    def __contains__(self, key: str) -> bool:
        return key in self._last


def _shown(happened: list[Object], stream: StripeStream) -> Mapping[str, list[Object]]:
    """The events that show one of the stream's objects, by its id, oldest first."""
    found: dict[str, list[Object]] = {}
    for event in reversed(happened):
        if event.get("type") in stream.events:
            found.setdefault(_object(event)["id"], []).append(event)
    return found


def _told_of(happened: list[Object], stream: StripeStream) -> Mapping[str, Object]:
    """The last event that tells of one of the stream's objects by its id alone."""
    found: dict[str, Object] = {}
    for event in reversed(happened):
        key = _object(event).get("charge") if event.get("type") in stream.about else None
        if isinstance(key, str):
            found[key] = event
    return found


def _object(event: Object) -> Object:
    data = event.get("data")
    found = data.get("object") if isinstance(data, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(found.get("id"), str):
        raise SourceError(
            f"the event {event['id'][:60]} of Stripe has no object with an id; "
            "what it is about is expected in data.object"
        )
    return found


def by_second(pages: Iterable[list[Object]]) -> Iterator[tuple[int, list[Object]]]:
    """Objects by the second of their creation, newest first."""
    for second, found in groupby(chain.from_iterable(pages), key=lambda each: each["created"]):
        yield int(second), list(found)


def _together(
    objects: Iterator[tuple[int, list[Object]]], events: Iterator[tuple[int, list[Object]]]
) -> Iterator[tuple[int, list[Object], list[Object]]]:
    """Each second that either has something of, with what both have."""
    left, right = next(objects, None), next(events, None)
    while left or right:
        second = max(each[0] for each in (left, right) if each)
        created: list[Object] = []
        happened: list[Object] = []
        if left and left[0] == second:
            created, left = left[1], next(objects, None)
        if right and right[0] == second:
            happened, right = right[1], next(events, None)
        yield second, created, happened
