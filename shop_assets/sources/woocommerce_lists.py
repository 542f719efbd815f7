"""WooCommerce's lists, read to their end while they change.

Lists come by position: a page is "a hundred from the hundredth on". Where an object leaves the
list meanwhile (an order that is modified again leaves the hours of before), all later ones move up,
and the next page would pass over some. So each page begins with the last object of the one before.
Objects come in the order of their ids: a page that begins at the last one seen or before it, has
all that come next. One that begins later has lost some, and is asked for again from further back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from shop_assets.sources.errors import SourceError
from shop_assets.sources.http import ApiClient, Reply, Retry

Object = Mapping[str, Any]

_MOST_IDLE = 12
_ASKED_AGAIN = 2
_REFUSED = (401, 403)
_NOT_FOUND = 404
_SECOND, _HOUR = timedelta(seconds=1), timedelta(hours=1)


class NoRouteError(SourceError):
    """The shop's version of WooCommerce does not have what was asked for."""


@dataclass(frozen=True)
class Listing:
    """A list: where it is, what is asked of it, and whether an object can be an answer to that.

    An answer with one that cannot is not the answer to this question (a proxy's, of an earlier
    one), and is asked for again.
    """

    path: str
    params: Mapping[str, str]
    fits: Callable[[Object], bool] = lambda _: True


@dataclass(frozen=True)
class Part:
    """Objects that come next in a list, the last one's id, and the position of the next page."""

    objects: list[Object]
    after: int
    offset: int


class Site:
    """A shop's API. `where` begins each error; `page`: how many objects to ask for at once."""

    def __init__(
        self, where: str, client: ApiClient, permalinks: Literal["pretty", "plain"], page: int
    ) -> None:
        self.where = where
        self._client = client
        self._size = page
        self._plain = permalinks == "plain"

    def get(self, path: str, params: Mapping[str, str]) -> Reply:
        """The answer to a question: a list, or an object."""
        if self._plain:
            return self._client.get("", {"rest_route": f"/wc/v3{path}", **params})
        return self._client.get(f"wp-json/wc/v3{path}", params)

    def parts(self, listing: Listing, *, after: int = 0, offset: int = 0) -> Iterator[Part]:
        """A list's objects by their ids, each once; of those beyond `after`.

        `after` and `offset` go on from a `Part`. What leaves the list while it is read may be
        missing; what is in it from beginning to end is not. Raises `SourceError`.
        """
        idle = 0
        while True:
            found, total = self._page(listing, offset)
            if idle > _MOST_IDLE:
                raise SourceError(
                    f"{self.where}: GET {listing.path} does not come further than id {after}; "
                    "lists that follow on each other are expected",
                    transient=True,
                )
            if offset and (not found or _id(found[0]) > after):
                offset = max(0, offset - 2**idle)
                idle += 1
                continue
            new = [each for each in found if _id(each) > after]
            over = len(found) < self._size and offset + self._size >= total
            idle = 0 if new else idle + 1
            after = _id(new[-1]) if new else after
            # Objects that the shop lists but does not show have positions too.
            offset += max(min(self._size, total - offset) - 1, 0)
            yield Part(new, after, offset)
            if over:
                return

    def _page(self, listing: Listing, offset: int) -> tuple[list[Object], int]:
        """A page that is whole, as far as can be told, and how many the list has in all."""
        before: list[int] | None = None
        for _ in range(1 + _ASKED_AGAIN):
            found, total = self._asked(listing, offset)
            ids = [_id(each) for each in found]
            if not all(map(listing.fits, found)):
                before = None
                continue
            # A page that lacks some is cut, or the shop hides them: then it lacks them again.
            if len(ids) >= min(self._size, total - offset) or ids == before:
                return found, total
            before = ids
        raise SourceError(
            f"{self.where}: GET {listing.path} does not list what it was asked for from position "
            f"{offset} on; a list by dates is expected, as WooCommerce 5.8 and newer give it",
            transient=True,
        )

    def _asked(self, listing: Listing, offset: int) -> tuple[list[Object], int]:
        asked = {**listing.params, "per_page": str(self._size), "orderby": "id", "order": "asc"}
        if offset:
            asked["offset"] = str(offset)
        reply = self.get(listing.path, asked)
        total = reply.headers.get("x-wp-total", "")
        if not re.fullmatch(r"\d+", total):
            raise self._wrong(listing.path, f"says {total!r} in X-WP-Total", "a number of objects")
        if not isinstance(reply.json, list):
            raise self._wrong(listing.path, f"answers {type(reply.json).__name__}", "a list")
        last = 0
        for each in reply.json:
            if not isinstance(each, Mapping) or not isinstance(each.get("id"), int):
                raise self._wrong(listing.path, "lists something without id", "objects with ids")
            if each["id"] <= last:
                raise self._wrong(listing.path, f"lists {each['id']} after {last}", "rising ids")
            last = each["id"]
        return reply.json, int(total)

    def _wrong(self, path: str, found: str, expected: str) -> SourceError:
        return SourceError(f"{self.where}: GET {path} {found}; expected {expected}", transient=True)


def classify(where: str, reply: Reply) -> Retry | SourceError | None:
    """What WooCommerce's and WordPress's own errors mean."""
    body = reply.json if isinstance(reply.json, Mapping) else {}
    code, message = str(body.get("code", "")), str(body.get("message", ""))[:200]
    if reply.status in _REFUSED:
        return SourceError(
            f"{where}: the key is refused ({reply.status} {code or 'without a code'}: "
            f"{message or 'without a message'}); a key with read permission is expected, of a user "
            "who may see orders, products and customers (a shop manager)"
        )
    if reply.status == _NOT_FOUND and code == "rest_no_route":
        return NoRouteError(
            f"{where}: the shop has no such list; WooCommerce 5.8 or newer is expected"
        )
    if reply.status == _NOT_FOUND and not code:
        return SourceError(
            f"{where}: there is no WordPress API at this address; expected the shop's address in "
            "api_url, and `permalinks: plain` where the site has plain permalinks"
        )
    return None


def asked_after(moment: datetime) -> str:
    """What to ask for to get all that changed at the moment or later: ends are exclusive."""
    return _written(_outside_gaps(_whole(moment) - _SECOND, -_HOUR))


def asked_before(moment: datetime) -> str:
    """What to ask for to get all that changed before the moment."""
    whole = _whole(moment)
    return _written(_outside_gaps(whole if whole == moment else whole + _SECOND, _HOUR))


def between(name: str, after: str | None, before: str | None) -> Callable[[Object], bool]:
    """Whether an object's date lies within what was asked for; what is no date may be anywhere."""

    def fits(each: Object) -> bool:
        said = each.get(name)
        if not isinstance(said, str) or not re.match(r"\d{4}-\d\d-\d\d", said):
            return True
        return (after is None or said > after) and (before is None or said < before)

    return fits


def one_of(numbers: Collection[int]) -> Callable[[Object], bool]:
    """Whether an object's id is one of those that were asked for."""
    asked = frozenset(numbers)
    return lambda each: each["id"] in asked


def moment(where: str, each: Object, name: str) -> datetime:
    """The moment that an object names, UTC; `SourceError` where it names none."""
    said = each.get(name)
    try:
        return datetime.fromisoformat(str(said)).replace(tzinfo=UTC)
    except ValueError:
        raise SourceError(
            f"{where}: {name} of {each.get('id')} is {str(said)[:60]!r}; expected a time like "
            "2026-01-31T08:30:00"
        ) from None


def _id(each: Object) -> int:
    number: int = each["id"]
    return number


def _whole(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def _written(moment: datetime) -> str:
    """Without an offset: WordPress would turn it to the site's clock and compare that with GMT."""
    return moment.replace(tzinfo=None).isoformat()


def _outside_gaps(moment: datetime, step: timedelta) -> datetime:
    """The moment, or the nearest one in steps that no clock on earth skips.

    WordPress reads even a date of GMT on the site's clock, whose zone nobody tells. One that this
    clock skips in spring would be moved on, and the hour before it would never be read.
    """
    while _is_skipped(moment.replace(tzinfo=None)):
        moment += step
    return moment


@lru_cache(maxsize=1024)
def _is_skipped(wall: datetime) -> bool:
    """Whether some zone's clock never shows this time."""
    return any(
        wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall
        for zone in _zones()
    )


@cache
def _zones() -> tuple[ZoneInfo, ...]:
    # Kept: of itself zoneinfo remembers eight, and reads the files of the others each time.
    return tuple(map(ZoneInfo, sorted(available_timezones())))
