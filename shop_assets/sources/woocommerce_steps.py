"""Which lists a read of WooCommerce goes through, and which of their objects it is about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from shop_assets.sources.woocommerce_lists import (
    Listing,
    Object,
    asked_after,
    asked_before,
    between,
)

Span = tuple[datetime, datetime]
"""From when until before when."""

EXACT = {"dp": "6"}
"""Amounts with every digit that WooCommerce keeps: parts then sum to their whole."""

LATER_LISTS = frozenset({"/refunds", "/variations"})
"""What older versions of WooCommerce do not have: the same objects are elsewhere there."""

_MODIFIED, _CREATED = "date_modified_gmt", "date_created_gmt"


@dataclass(frozen=True)
class Step:
    """A list of a read. `dated`: the field that says when an object changed.

    `within`: of which change times its objects are wanted; None: of all. `before`: of those alone
    that changed before then. `children`: not the objects are wanted, but what belongs to them.
    """

    listing: Listing
    dated: str
    within: Span | None = None
    before: datetime | None = None
    children: Literal["variations", "refunds"] | None = None

    def is_about(self, changed: datetime) -> bool:
        """Whether an object that changed then is wanted."""
        if self.before is not None:
            return changed < self.before
        return self.within is None or self.within[0] <= changed < self.within[1]

    def inner(self, parent: int) -> list[Step]:
        """The lists of what belongs to one of its objects."""
        if self.children == "variations":
            return _modified(f"/products/{parent}/variations", self.within)
        return [_made(f"/orders/{parent}/refunds", None, self.within)]


def steps(
    stream: str, span: Span | None, again: Span | None = None, lacking: Collection[str] = ()
) -> list[Step]:
    """The lists to read, the same ones each time that the same is asked.

    `span`: of change; None: everything. `again`: when orders were created that are read again.
    `lacking`: the lists that the shop's version of WooCommerce does not have.
    """
    if stream == "customers":
        return [Step(Listing("/customers", {"role": "all"}), _MODIFIED)]
    if stream == "products":
        inside = _inside_products(span) if "/variations" in lacking else None
        return [*_modified("/products", span), *(inside or _modified("/variations", span))]
    if stream == "refunds":
        return _inside_orders(span) if "/refunds" in lacking else [_made("/refunds", span, span)]
    found = _modified("/orders", span, EXACT)
    if again is not None and span is not None:
        found += _created("/orders", again, span[0])
    return found


def _inside_orders(span: Span | None) -> list[Step]:
    """Refunds by the orders that were modified since, up to now: a refund modifies its order."""
    start = None if span is None else span[0]
    listed = _modified("/orders", None, EXACT, since=start)
    return [replace(each, within=span, children="refunds") for each in listed]


def _inside_products(span: Span | None) -> list[Step]:
    """Variations by their products, where these were modified."""
    return [
        replace(
            each,
            listing=replace(each.listing, params={**each.listing.params, "type": "variable"}),
            children="variations",
        )
        for each in _modified("/products", span)
    ]


def _modified(
    path: str,
    span: Span | None,
    params: Mapping[str, str] | None = None,
    *,
    since: datetime | None = None,
) -> list[Step]:
    """What was modified in a span, or since then: in two lists, as `any` is all but the trash."""
    start, end = span or (since, None)
    after = None if start is None else asked_after(start)
    before = None if end is None else asked_before(end)
    asked = _asked("modified", after, before)
    return [
        Step(
            Listing(
                path,
                {**(params or {}), **asked, "status": status},
                _both(_of_status(status), between(_MODIFIED, after, before)),
            ),
            _MODIFIED,
            span,
        )
        for status in ("any", "trash")
    ]


def _created(path: str, span: Span, changed_before: datetime) -> list[Step]:
    """What was created in a span, of what changed before a moment as far as its date says."""
    after, before = asked_after(span[0]), asked_before(span[1])
    return [
        Step(
            Listing(
                path,
                {**EXACT, **_asked("", after, before), "status": status},
                _both(_of_status(status), between(_CREATED, after, before)),
            ),
            _MODIFIED,
            before=changed_before,
        )
        for status in ("any", "trash")
    ]


def _made(path: str, asked_of: Span | None, within: Span | None) -> Step:
    """Refunds, by when they were made: they do not change."""
    after, before = (
        (None, None) if asked_of is None else (asked_after(asked_of[0]), asked_before(asked_of[1]))
    )
    asked = {**EXACT, **_asked("", after, before)}
    return Step(Listing(path, asked, between(_CREATED, after, before)), _CREATED, within)


def _asked(kind: str, after: str | None, before: str | None) -> dict[str, str]:
    prefix = f"{kind}_" if kind else ""
    dates = {f"{prefix}after": after, f"{prefix}before": before}
    given = {name: value for name, value in dates.items() if value is not None}
    return {"dates_are_gmt": "true", **given} if given else {}


def _of_status(status: str) -> Callable[[Object], bool]:
    def fits(each: Object) -> bool:
        return (each.get("status") == "trash") == (status == "trash")

    return fits


def _both(
    one: Callable[[Object], bool], other: Callable[[Object], bool]
) -> Callable[[Object], bool]:
    return lambda each: one(each) and other(each)
