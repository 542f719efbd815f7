"""Stripe's lists: what can be asked of each, and the page that answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shop_assets.demo.apis.store import Stored
from shop_assets.demo.apis.stripe.books import MICROS, Books
from shop_assets.demo.apis.stripe.objects import KINDS, Body
from shop_assets.demo.apis.stripe.problems import ProblemError, no_such

EVENTS_KEPT = 30 * 86_400
"""For how many seconds events can be read."""

_MOST, _USUAL = 100, 10
_MOST_TYPES = 20
_DEEPEST = 4
_COMPARE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_COMMON = frozenset({"limit", "starting_after", "ending_before", "created", "expand[]"})
_EXPANDABLE = frozenset(
    {
        *("source", "charge", "balance_transaction", "failure_balance_transaction"),
        *("customer", "payment_intent", "payout", "original_payout", "reversed_by"),
    }
)
_PERMISSIONS = {
    "balance_transaction": "rak_balance_transaction_source_read",
    "charge": "rak_charge_read",
    "refund": "rak_charge_read",
    "dispute": "rak_dispute_read",
    "payout": "rak_payout_read",
    "event": "rak_event_read",
}
Query = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Listing:
    """A list. `filters`: further parameters, each with an SQL condition on its value."""

    kind: str
    filters: Mapping[str, str] = field(default_factory=dict)

    @property
    def permission(self) -> str:
        """What a restricted key needs."""
        return _PERMISSIONS[self.kind]


def _in(name: str) -> str:
    return f"json_extract(body, '$.{name}') = ?"


# The plus keeps SQLite from sorting all events of all times that are of these types.
_TYPES = "+parent IN (SELECT value FROM json_each(?))"

LISTS = {
    "balance_transactions": Listing(
        "balance_transaction",
        {
            "payout": "parent = ?",
            "source": _in("source"),
            "type": _in("type"),
            "currency": _in("currency"),
        },
    ),
    "charges": Listing("charge", {"customer": _in("customer")}),
    "refunds": Listing("refund", {"charge": "parent = ?"}),
    "disputes": Listing("dispute", {"charge": "parent = ?"}),
    "payouts": Listing("payout", {"status": _in("status")}),
    "events": Listing("event", {"type": "+parent GLOB ?", "types[]": _TYPES}),
}


def page(books: Books, name: str, query: Query) -> Body:
    """The answer to `GET /v1/name?query`; `ProblemError` for what Stripe refuses."""
    listing = LISTS[name]
    conditions, values = _conditions(listing, query)
    last = dict(query)
    limit = _limit(last.get("limit"))
    backwards = "ending_before" in last
    for parameter, compare in (("starting_after", "<"), ("ending_before", ">")):
        if parameter in last:
            cursor = _cursor(books, listing.kind, last[parameter], parameter)
            # What comes first is what SQLite looks a page up by.
            conditions.insert(0, f"(created, number) {compare} (?, ?)")
            values = [cursor.created, cursor.number, *values]
    if listing.kind == "event":
        conditions.append("created >= ?")
        values.append((books.clock.seconds - EVENTS_KEPT) * MICROS)
    found = books.store.select(
        listing.kind,
        " AND ".join(conditions) or "1",
        tuple(values),
        order="created",
        descending=not backwards,
        limit=limit + 1,
    )
    shown = found[:limit]
    if backwards:
        shown.reverse()
    paths = [value for parameter, value in query if parameter == "expand[]"]
    for path in paths:
        if not path.startswith("data."):
            raise ProblemError(400, f"This property cannot be expanded ({path}).")
        _check(path[5:])
    return {
        "object": "list",
        "url": f"/v1/{name}",
        "has_more": len(found) > limit,
        "data": [
            expanded(books, shown_as(books, each.body), [path[5:] for path in paths])
            for each in shown
        ],
    }


def shown_as(books: Books, body: Body) -> Body:
    """An object as it is shown now: a balance transaction becomes available by itself."""
    if body["object"] != "balance_transaction" or body["available_on"] > books.clock.seconds:
        return body
    return {**body, "status": "available"}


def expanded(books: Books, body: Body, paths: Sequence[str]) -> Body:
    """An object with ids replaced by what they name; nothing where it has no such property."""
    for path in paths:
        _check(path)
        body = _expanded(books, body, path.split("."))
    return body


def _check(path: str) -> None:
    steps = path.split(".")
    if len(steps) + 1 > _DEEPEST or not _EXPANDABLE.issuperset(steps):
        raise ProblemError(400, f"This property cannot be expanded ({path}).")


def _expanded(books: Books, body: Body, steps: Sequence[str]) -> Body:
    first, *rest = steps
    value = body.get(first)
    if isinstance(value, str) and books.knows(value):
        value = shown_as(books, books.body(value))
    if isinstance(value, dict) and rest:
        value = _expanded(books, value, rest)
    return {**body, first: value} if first in body else body


def _conditions(listing: Listing, query: Query) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    types = [value for parameter, value in query if parameter.startswith("types[")]
    if len(types) > _MOST_TYPES:
        raise ProblemError(400, f"Array must have at most {_MOST_TYPES} elements.", param="types")
    if types:
        conditions.append(_TYPES)
        values.append(json.dumps(types))
    for given, value in query:
        parameter = "types[]" if given.startswith("types[") else given
        parameter = "expand[]" if parameter.startswith("expand[") else parameter
        name, bracket, operator = parameter.partition("[")
        if name == "created" and bracket and operator.rstrip("]") in _COMPARE:
            conditions.append(f"created {_COMPARE[operator.rstrip(']')]} ?")
            values.append(_integer(value, parameter) * MICROS)
        elif parameter == "created":
            conditions.append("created = ?")
            values.append(_integer(value, parameter) * MICROS)
        elif parameter in listing.filters:
            if parameter != "types[]":
                conditions.append(listing.filters[parameter])
                values.append(value)
        elif parameter not in _COMMON:
            raise ProblemError(
                *(400, f"Received unknown parameter: {name}"),
                code="parameter_unknown",
                param=name,
            )
    return conditions, values


def _limit(value: str | None) -> int:
    limit = _USUAL if value is None else _integer(value, "limit")
    if not 1 <= limit <= _MOST:
        bound = f"less than or equal to {_MOST}" if limit > _MOST else "greater than or equal to 1"
        raise ProblemError(
            *(400, f"This value must be {bound} (it currently is '{limit}')."),
            code="parameter_invalid_integer",
            param="limit",
        )
    return limit


def _integer(value: str, parameter: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ProblemError(
            *(400, f"Invalid integer: {value}"), code="parameter_invalid_integer", param=parameter
        ) from None


def _cursor(books: Books, kind: str, key: str, parameter: str) -> Stored:
    found = books.store.get(kind, key) if KINDS.get(key.partition("_")[0]) == kind else None
    if found is None or is_gone(books, found):
        raise no_such(kind, key, parameter, 400)
    return found


def is_gone(books: Books, stored: Stored) -> bool:
    """Whether it is an event that is kept no longer."""
    kept = (books.clock.seconds - EVENTS_KEPT) * MICROS
    return stored.kind == "event" and stored.created < kept
