"""Windows as filters of Shopify's lists, and what comes back of them, checked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any


def between(start: datetime, end: datetime) -> str:
    """A window as a filter. Times without quotes would lose their time of day."""
    return f"updated_at:>='{_second(start)}' AND updated_at:<'{_second(end, up=True)}'"


def _second(moment: datetime, *, up: bool = False) -> str:
    """Shopify's times are whole seconds: a window that is finer is asked for somewhat wider."""
    at = moment.astimezone(UTC)
    if up and at.microsecond:
        at += timedelta(seconds=1)
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def quoted(query: str) -> str:
    """A filter within a query's text."""
    return '"' + query + '"'


def ids(found: Any) -> list[str]:
    """The ids of a list of objects."""
    if not isinstance(found, list):
        return []
    return [str(each.get("id")) for each in found if isinstance(each, dict)]


def moment(value: Any) -> datetime | None:
    """A time with its zone, UTC; None where it is none."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.utcoffset() is not None else None


def text(value: Any) -> str | None:
    """The value, if it is text."""
    return value if isinstance(value, str) else None


def items(value: Any) -> list[Any]:
    """The value, if it is a list."""
    return value if isinstance(value, list) else []


def whole(value: Any) -> int:
    """The value, if it is a whole number; else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
