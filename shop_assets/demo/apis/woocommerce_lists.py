"""How WordPress answers a list: its parameters, its pages, and what it says of them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from shop_assets.demo.apis.store import Store, Stored

_DATE = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?P<offset>[Zz]|[+-]\d\d(?::\d\d)?)?"
)
_MOST = 100
_MICROS = 1_000_000
_ORDERBY = {
    "order": ("date", "modified", "id", "include", "title", "slug"),
    "refund": ("date", "modified", "id", "include", "title", "slug"),
    "product": ("date", "modified", "id", "include", "title", "slug", "price", "popularity"),
    "variation": ("date", "modified", "id", "include", "title", "slug"),
    "customer": ("id", "include", "name", "registered_date"),
}
_COLUMNS = {"date": "created", "modified": "updated", "registered_date": "created"}


class ParameterError(ValueError):
    """A parameter that WordPress does not take."""

    def __init__(self, name: str, said: str) -> None:
        super().__init__(said)
        self.name = name


@dataclass(frozen=True)
class Page:
    """A page of a list, and how many objects and pages the whole of it has."""

    found: list[Stored]
    total: int
    pages: int
    number: int

    def headers(self, url: str, query: Mapping[str, str]) -> dict[str, str]:
        """What the answer says of the list."""
        links = []
        if self.number > 1:
            links.append((min(self.number - 1, max(self.pages, 1)), "prev"))
        if self.pages > self.number:
            links.append((self.number + 1, "next"))
        said = [f'<{url}?{urlencode({**query, "page": n})}>; rel="{rel}"' for n, rel in links]
        return {
            "x-wp-total": str(self.total),
            "x-wp-totalpages": str(self.pages),
            **({"link": ", ".join(said)} if said else {}),
        }


def page(
    store: Store, kind: str, query: Mapping[str, str], zone: ZoneInfo, parent: str | None = None
) -> Page:
    """The objects that a query asks for; `ParameterError` where it asks for the impossible."""
    size = _number(query, "per_page", 10, 1, _MOST)
    number = _number(query, "page", 1, 1, None)
    offset = _number(query, "offset", 0, 0, None) or (number - 1) * size
    orderby = _one_of(query, "orderby", "id" if kind == "customer" else "date", _ORDERBY[kind])
    usual = "asc" if kind == "customer" else "desc"
    descending = _one_of(query, "order", usual, ("asc", "desc")) == "desc"
    parts, values = _conditions(kind, query, zone)
    if parent is not None:
        parts.append("parent = ?")
        values.append(parent)
    where = " AND ".join(f"({part})" for part in parts) or "1"
    found, total = store.page(
        kind,
        where,
        tuple(values),
        order=_COLUMNS.get(orderby, "number"),
        descending=descending,
        limit=size,
        offset=offset,
    )
    return Page(found, total, -(-total // size), number)


def _conditions(kind: str, query: Mapping[str, str], zone: ZoneInfo) -> tuple[list[str], list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    gmt = query.get("dates_are_gmt", "").lower() in ("1", "true")
    if kind != "customer":
        for name, condition in (
            ("after", "created > ?"),
            ("before", "created < ?"),
            ("modified_after", "updated > ?"),
            ("modified_before", "updated < ?"),
        ):
            if name in query:
                parts.append(condition)
                values.append(compared(name, query[name], zone, gmt=gmt))
    for name, condition in (("include", "number IN"), ("exclude", "number NOT IN")):
        if wanted := _numbers(query, name):
            parts.append(f"{condition} ({', '.join('?' * len(wanted))})")
            values += wanted
    status = query.get("status", "any").split(",")
    said = "parent" if kind in ("order", "product") else "json_extract(body, '$.status')"
    if kind in ("refund", "customer"):
        pass
    elif "any" in status:
        # `any` wins over what is named beside it, and means all but the trash.
        parts.append(f"{said} IS NOT 'trash'")
    else:
        parts.append(f"{said} IN ({', '.join('?' * len(status))})")
        values += status
    if kind == "customer" and (role := query.get("role", "customer")) != "all":
        parts.append("json_extract(body, '$.role') = ?")
        values.append(role)
    if kind == "product" and "type" in query:
        parts.append("json_extract(body, '$.type') = ?")
        values.append(query["type"])
    if kind == "order" and "customer" in query:
        parts.append("json_extract(body, '$.customer_id') = ?")
        values.append(int(query["customer"]))
    return parts, values


def compared(name: str, value: str, zone: ZoneInfo, *, gmt: bool) -> int:
    """What a date of a query is compared with, in microseconds since 1970.

    WordPress reads it on the site's clock, turns one with an offset to that clock, and compares the
    digits, with those of GMT where the query says so. So a date with an offset is compared wrongly
    as GMT, and one that the site's clock has skipped in spring is moved on by the hour skipped.
    """
    written = _DATE.fullmatch(value)
    if not written:
        raise ParameterError(name, "Invalid date.")
    try:
        moment = dt.datetime.fromisoformat(value.upper())
    except ValueError:
        raise ParameterError(name, "Invalid date.") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    wall = moment.astimezone(dt.UTC).astimezone(zone).replace(microsecond=0, tzinfo=None)
    counted = wall.replace(tzinfo=dt.UTC if gmt else zone)
    return int(counted.timestamp()) * _MICROS


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int | None) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"-?\d+", text):
        raise ParameterError(name, f"{name} is not of type integer.")
    found = int(text)
    if found < least or (most is not None and found > most):
        raise ParameterError(
            name, f"{name} must be between {least} (inclusive) and {most} (inclusive)"
        )
    return found


def _numbers(query: Mapping[str, str], name: str) -> list[int]:
    text = query.get(name, "").strip()
    if text and not re.fullmatch(r"\d+(,\d+)*", text):
        raise ParameterError(name, f"{name}[0] is not of type integer.")
    return [int(part) for part in text.split(",") if part]


def _one_of(query: Mapping[str, str], name: str, default: str, known: tuple[str, ...]) -> str:
    found = query.get(name, default)
    if found not in known:
        raise ParameterError(name, f"{name} is not one of {', '.join(known)}.")
    return found
