"""One read of a window of a stream, from its newest second to its oldest, then what it relists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from math import ceil
from typing import Any

from shop_assets.settings.apis import StripeSource
from shop_assets.sources.checkpoints import checkpoint, memory, position
from shop_assets.sources.protocol import Batch, ReadRequest
from shop_assets.sources.stripe import rows as shaped
from shop_assets.sources.stripe.changes import Change, Second, by_second, changes
from shop_assets.sources.stripe.pages import PAGE, Object, Pages
from shop_assets.sources.stripe.retention import Reading, reading
from shop_assets.sources.stripe.streams import TRANSACTIONS, StripeStream

_DAY = 86_400
_UNSETTLED = 14 * _DAY
"""For how long what a payout consists of may still be open."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Place:
    """Where a read stands: the seconds from `before` on are done.

    `relisting`: so is the window. Of payouts, `paid` are done, and of the transactions of `payout`
    those until `after`.
    """

    plan: Reading
    before: int
    relisting: bool = False
    payout: str | None = None
    after: str | None = None
    paid: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {**asdict(self), "paid": list(self.paid)}

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Place | None:
        """What `as_json` gave; None for anything else."""
        try:
            known = dict(kept or {})
            plan = Reading(**known.pop("plan"))
            return cls(plan, **{**known, "paid": tuple(known["paid"])})
        except (KeyError, TypeError):
            return None


class WindowRead:
    """A read of one request."""

    def __init__(
        self, source: StripeSource, stream: StripeStream, request: ReadRequest, pages: Pages
    ) -> None:
        self._stream = stream
        self._request = request
        self._pages = pages
        self._relist = source.relist_days * _DAY
        self._columns = source.streams[request.stream].columns
        self._of_payouts = request.stream == "payout_transactions"
        if request.stream == "balance_transactions":
            self._added = shaped.of_transaction(source.order_id)
        else:
            self._added = shaped.naming_order(source.order_id)

    def batches(self) -> Iterator[Batch]:
        """Yield the window, a page or so at a time, and at last what is to be remembered."""
        start = _seconds(self._request.window.start)
        kept = Place.of(position(self._request))
        place, created = self._begun(start) if kept is None else self._taken_up(kept)
        plan = place.plan
        if not place.relisting:
            found = self._changes(plan, place.before, created)
            for batch, at in self._batches(place, found, None):
                yield batch
                place = at
            place = Place(plan, plan.start, relisting=True, paid=place.paid)
        if plan.relist and self._stream.events:
            changed = (self._request.window.start - _EPOCH) // _MICROSECOND
            for batch, _ in self._batches(place, self._relisted(plan, place.before), changed):
                yield batch
        done = checkpoint(self._request, memory={"current_to": plan.current_to})
        yield Batch(self._rows([]), done)

    def _begun(self, start: int) -> tuple[Place, Iterable[list[Object]]]:
        end = _seconds(self._request.window.end)
        created = self._created(start, end)
        # The first answer says what time it is at Stripe.
        first = next(created, [])
        known = (memory(self._request) or {}).get("current_to")
        known = known if isinstance(known, int) else None
        plan = reading(start, end, self._pages.now or 0, known)
        pages = chain([first] if first else [], created)
        return Place(plan, plan.end), _until(plan.end, pages)

    def _taken_up(self, place: Place) -> tuple[Place, Iterable[list[Object]]]:
        if place.relisting:
            return place, []
        return place, self._created(place.plan.start, place.before)

    def _created(self, start: int, end: int) -> Iterator[list[Object]]:
        if start >= end:
            return iter(())
        expand = {"expand[]": self._stream.expand} if self._stream.expand else None
        return self._pages.listed(self._stream.path, start=start, end=end, filters=expand)

    def _changes(
        self, plan: Reading, before: int, created: Iterable[list[Object]]
    ) -> Iterator[Second]:
        """What changed in the window before a second, newest first."""
        if plan.by_events and self._stream.events and plan.start < before:
            yield from changes(
                *(self._pages, self._stream, created),
                start=plan.start,
                before=before,
                end=plan.end,
            )
            return
        for second, found in by_second(created):
            yield second, [self._as_now(each, second) for each in found]

    def _relisted(self, plan: Reading, before: int) -> Iterator[Second]:
        """What was created before the window, as it is now, newest first."""
        start = plan.start - self._relist
        if self._of_payouts:
            # What a payout consists of does not change once it is settled.
            start = max(start, plan.known - _UNSETTLED)
        for second, found in by_second(self._created(start, before)):
            yield second, [self._as_now(each, plan.now) for each in found]

    def _as_now(self, each: Object, second: int) -> Change:
        return Change(each, second, 0, f"{self._stream.path}/{each['id']}")

    def _batches(
        self, place: Place, found: Iterator[Second], changed: int | None
    ) -> Iterator[tuple[Batch, Place]]:
        """Batches, each with where the read stands after it."""
        if self._of_payouts:
            yield from self._transactions(place, found, changed)
            return
        waiting: list[Change] = []
        for second, happened in found:
            waiting += happened
            place = replace(place, before=second)
            if len(waiting) >= PAGE:
                yield self._batch(waiting, place, changed), place
                waiting = []
        if waiting:
            yield self._batch(waiting, place, changed), place

    def _transactions(
        self, place: Place, found: Iterator[Second], changed: int | None
    ) -> Iterator[tuple[Batch, Place]]:
        """The transactions of each payout that changed, in its newest version."""
        for second, happened in found:
            newest = {each.object["id"]: each for each in sorted(happened, key=lambda c: c.place)}
            for key, change in newest.items():
                if key in place.paid or change.object.get("automatic") is not True:
                    continue
                self._added = shaped.of_payout(key)
                after = place.after if place.payout == key else None
                # A payout's own transaction is in its list.
                pages = self._pages.listed(
                    TRANSACTIONS, after=after, some=not after, filters={"payout": key}
                )
                for page in pages:
                    last = str(page[-1]["id"])
                    place = replace(place, before=second + 1, payout=key, after=last)
                    parts = [
                        replace(change, object=each, by=f"{change.by}/{each['id']}")
                        for each in page
                    ]
                    yield self._batch(parts, place, changed), place
                place = replace(place, payout=None, after=None, paid=(*place.paid, key))
            place = replace(place, before=second)

    def _batch(self, found: list[Change], place: Place, changed: int | None) -> Batch:
        return Batch(
            self._rows(found, changed), checkpoint(self._request, position=place.as_json())
        )

    def _rows(self, found: list[Change], changed: int | None = None) -> Any:
        return shaped.rows(
            self._stream, found, columns=self._columns, added=self._added, changed=changed
        )


def _seconds(moment: datetime) -> int:
    """The first whole second from a moment on."""
    return ceil((moment - _EPOCH) / timedelta(seconds=1))


def _until(end: int, pages: Iterable[list[Object]]) -> Iterator[list[Object]]:
    """Without what was created only just now, in a window that is open."""
    for page in pages:
        kept = [each for each in page if each["created"] < end]
        if kept:
            yield kept
