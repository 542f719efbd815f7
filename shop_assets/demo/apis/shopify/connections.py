"""Pages of lists: at most 250 objects, opaque cursors that hold while objects change."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError

from shop_assets.demo.apis.store import Store, Stored

MOST = 250
MOST_PAGED = 25_000
_STEP = 500

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Listed:
    """Objects of a kind that meet a condition, by a column of `Stored` and their number."""

    store: Store
    kind: str
    where: str = "1"
    values: tuple[object, ...] = ()
    column: str = "number"
    reverse: bool = False

    def after(self, position: Sequence[int] | None, count: int, *, backwards: bool) -> list[Stored]:
        """The next objects behind a position (the column's value and the number)."""
        down = self.reverse != backwards
        where, values = f"({self.where})", self.values
        if position is not None:
            sign = "<" if down else ">"
            # What comes first is what SQLite looks a page up by.
            where = f"({self.column}, number) {sign} (?, ?) AND {where}"
            values = (*position, *values)
        return self.store.select(
            self.kind, where, values, order=self.column, descending=down, limit=count
        )

    def position(self, stored: Stored) -> tuple[int, int]:
        """Where an object stands."""
        return int(getattr(stored, self.column)), stored.number

    def every(self) -> Iterator[Node]:
        """All of them, a few hundred in memory at a time."""
        position: tuple[int, int] | None = None
        while found := self.after(position, _STEP, backwards=False):
            yield from (each.body for each in found)
            position = self.position(found[-1])


Source = Listed | Sequence[Node]


def every(source: Source) -> Iterator[Node]:
    """All nodes of a list."""
    return source.every() if isinstance(source, Listed) else iter(source)


def page(source: Source, args: Mapping[str, Any]) -> dict[str, Any]:
    """The `Connection` that the arguments ask for. `GraphQLError` where they cannot be met."""
    first, last = args.get("first"), args.get("last")
    if (first is None) == (last is None):
        raise GraphQLError("you must provide one of first or last", extensions=_BAD)
    backwards = first is None
    size: int = last if first is None else first  # type: ignore[assignment]
    name = "last" if backwards else "first"
    if size > MOST:
        raise GraphQLError(f"{name} cannot exceed {MOST}", extensions=_BAD)
    if size < 1:
        raise GraphQLError(f"{name} must be a positive number", extensions=_BAD)
    cursor = args.get("before" if backwards else "after")
    start = _decoded(cursor) if cursor else None
    counted = start[2] if start else 0
    if counted + size > MOST_PAGED and counted >= MOST_PAGED:
        raise GraphQLError(
            f"Paginated queries cannot return objects beyond {MOST_PAGED:,}.", extensions=_BAD
        )
    position = start[:2] if start else None
    if isinstance(source, Listed):
        found = source.after(position, size + 1, backwards=backwards)
        rows: list[tuple[tuple[int, int], Node]]
        rows = [(source.position(each), each.body) for each in found]
    else:
        rows = _of_list(source, position, size + 1, down=bool(args.get("reverse")) != backwards)
    more = len(rows) > size
    rows = rows[:size]
    edges = [
        {"cursor": _encoded(*place, counted + number), "node": node}
        for number, (place, node) in enumerate(rows, 1)
    ]
    if backwards:
        edges.reverse()
    return {
        "edges": edges,
        "nodes": [edge["node"] for edge in edges],
        "pageInfo": {
            "hasNextPage": bool(cursor) if backwards else more,
            "hasPreviousPage": more if backwards else bool(cursor),
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
        },
    }


_BAD = {"code": "BAD_REQUEST"}


def _of_list(
    nodes: Sequence[Node], position: Sequence[int] | None, size: int, *, down: bool
) -> list[tuple[tuple[int, int], Node]]:
    """Of an object's own parts, which are only ever added to: by their place in it."""
    placed = [((number, number), node) for number, node in enumerate(nodes)]
    if down:
        placed.reverse()
    if position is not None:
        at = position[0]
        placed = [p for p in placed if (p[0][0] < at if down else p[0][0] > at)]
    return placed[:size]


def _encoded(value: int, number: int, counted: int) -> str:
    text = json.dumps({"last_id": number, "last_value": value, "seen": counted})
    return base64.urlsafe_b64encode(text.encode()).decode()


def _decoded(cursor: str) -> tuple[int, int, int]:
    try:
        kept = json.loads(base64.urlsafe_b64decode(cursor))
        return int(kept["last_value"]), int(kept["last_id"]), int(kept["seen"])
    except (ValueError, KeyError, TypeError):
        raise GraphQLError(f"Invalid cursor: {cursor[:40]}", extensions=_BAD) from None
