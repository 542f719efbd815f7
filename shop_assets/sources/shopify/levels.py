"""Stock page by page: one location after the other, the levels of each by when they changed.

No list is paged beyond 25,000 objects, and levels come in no order of time. So where more of them
changed at a location, the window is read there in shorter pieces, as short as they have to be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from shop_assets.sources.errors import SourceError
from shop_assets.sources.protocol import Window
from shop_assets.sources.shopify import windows
from shop_assets.sources.shopify.calls import Object
from shop_assets.sources.shopify.lists import Lists
from shop_assets.sources.shopify.selections import LEVELS, Part

_PLACES = Part("locations", ("Location",), "id name isActive")
_SECOND = timedelta(seconds=1)
_SHORTER = 4


@dataclass(frozen=True)
class Levels:
    """Stock of a shop; `where` begins each error, `most`: how many levels a list is paged to."""

    lists: Lists
    where: str
    most: int

    def pages(self, window: Window, at: Mapping[str, Any]) -> Iterator[tuple[Object, Object]]:
        """Locations, each with some levels, and the position behind them; from position `at` on.

        A location that is made while the others are read has changed later than the window. Levels
        come again where there turn out to be too many. Raises `SourceError`.
        """
        done = {str(id_) for id_ in windows.items(at.get("done"))}
        begun = windows.text(at.get("location"))
        listed = self.lists.pages(_PLACES, "includeInactive:true", None, None)
        places = [node for page in listed for node in page.nodes]
        for place in sorted(places, key=lambda node: node.get("id") != begun):
            id_ = str(place.get("id"))
            if id_ in done:
                continue
            for levels, stands in self._of(place, window, at if id_ == begun else {}):
                done |= set() if stands else {id_}
                within = {"location": id_, **stands} if stands else {"location": None}
                yield {**place, LEVELS.field: levels}, {"done": sorted(done), **within}

    def _of(
        self, place: Object, window: Window, at: Mapping[str, Any]
    ) -> Iterator[tuple[list[Object], Object]]:
        """A location's levels, page by page, and where its reading stands: {} at its end."""
        start, span, after, count = window.start, window.end - window.start, None, 0
        begun, seconds = windows.moment(at.get("from")), windows.whole(at.get("seconds"))
        if begun is not None and window.start <= begun < window.end and seconds > 0:
            start, span = begun, min(seconds * _SECOND, span)
            after, count = windows.text(at.get("after")), windows.whole(at.get("count"))
        while start < window.end:
            end = min(start + span, window.end)
            asked = f"query:{windows.quoted(windows.between(start, end))}"
            for page in self.lists.within(place, _PLACES, replace(LEVELS, arguments=asked), after):
                after, count = page.cursor, count + len(page.nodes)
                if after is not None and count >= self.most:
                    span, count = self._shorter(place, start, end), 0
                    break
                if after is None:
                    # Where few have changed, pieces need not be as short as where many did.
                    span, start, count = span * (1 + (count < self.most / 4)), end, 0
                stands = {"from": start.isoformat(), "seconds": -(-span // _SECOND)}
                stands |= {"after": after, "count": count}
                yield page.nodes, stands if start < window.end else {}
            after = None

    def _shorter(self, place: Object, start: datetime, end: datetime) -> timedelta:
        """How long a piece of the window is tried next, where there are too many in this one."""
        if end - start <= _SECOND:
            raise SourceError(
                f"{self.where}: more than {self.most:,} levels of the location {place.get('name')} "
                f"changed at {start}, expected fewer; read them in bulk"
            )
        return max(_SECOND, (end - start) // _SHORTER // _SECOND * _SECOND)
