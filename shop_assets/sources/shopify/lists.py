"""Reading lists page by page, and the rest of lists that stand within their objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shop_assets.sources.shopify.calls import MOST_POINTS, Admin, Object, TooDearError
from shop_assets.sources.shopify.selections import Part

MOST = 250
_REPEATS = 3
_TARGET = 0.9
_FIRST = 10


@dataclass(frozen=True)
class Page:
    """Some objects of a list, and the cursor behind them; None after the last."""

    nodes: list[Object]
    cursor: str | None


class Lists:
    """Lists of a shop. Pages are as long as a query's limit of points lets them be."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._sizes: dict[str, int] = {}
        self._asked = _FIRST

    def pages(
        self, part: Part, arguments: str, query: str | None, after: str | None
    ) -> Iterator[Page]:
        """A list of the shop from a cursor on; `query`: its filter."""
        key = f"{part.field} {part.fields}"
        while True:
            found = self._page(part, arguments, query, after, self._sizes.setdefault(key, _FIRST))
            if found is None:
                self._sizes[key] = max(1, self._sizes[key] // 2)
                continue
            page, self._sizes[key] = found
            yield page
            if page.cursor is None:
                return
            after = page.cursor

    def _page(
        self, part: Part, arguments: str, query: str | None, after: str | None, size: int
    ) -> tuple[Page, int] | None:
        """The next page, and how long the one after may be; None where it would be too long."""
        variables: dict[str, tuple[str, Any]] = {
            "first": ("Int!", size),
            "after": ("String", after),
            "query": ("String", query),
        }
        given = ",".join(filter(None, ("first:$first,after:$after,query:$query", arguments)))
        chosen = f"{{nodes{{{part.node(bulk=False)}}} pageInfo{{hasNextPage endCursor}}}}"
        for _ in range(_REPEATS):
            try:
                answer = self._admin.ask(part.field, given, chosen, variables)
            except TooDearError:
                if size == 1:
                    raise
                return None
            best = self._best(size)
            found = self.page(answer, part.field)
            if found.cursor is None or found.cursor != after:
                for node in found.nodes:
                    self._complete(node, part)
                return found, best
        raise self._admin.expected(f"the page of {part.field} after {after}", after, "a new one")

    def _best(self, size: int) -> int:
        """How long the next page may be, by what this one might have cost."""
        requested = self._admin.requested
        if requested <= 0:
            return size
        return max(1, min(MOST, int(size * MOST_POINTS * _TARGET / requested)))

    def page(self, answer: Any, what: str) -> Page:
        """A connection of an answer. `SourceError` where it lacks a part."""
        if not isinstance(answer, dict):
            raise self._admin.expected(f"the list {what}", answer, "a list with its page")
        nodes, info = answer.get("nodes"), answer.get("pageInfo")
        if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
            raise self._admin.expected(f"{what}.nodes", nodes, "a list of objects")
        more = info.get("hasNextPage") if isinstance(info, dict) else None
        if not isinstance(info, dict) or not isinstance(more, bool):
            raise self._admin.expected(f"{what}.pageInfo.hasNextPage", more, "true or false")
        cursor = info.get("endCursor")
        if more and (not isinstance(cursor, str) or not nodes):
            raise self._admin.expected(f"{what}.pageInfo.endCursor", cursor, "a cursor")
        return Page(nodes, cursor if more else None)

    def details(self, ids: Sequence[str], part: Part) -> dict[str, Object]:
        """Objects by their ids, in the shape of `part`, with their lists whole."""
        found: dict[str, Object] = {}
        key = f"nodes {part.fields} {part.field}"
        chosen = f"{{... on {part.kinds[0]}{{{part.node(bulk=False)}}}}}"
        at = 0
        while at < len(ids):
            size = self._sizes.setdefault(key, _FIRST)
            asked = list(ids[at : at + size])
            try:
                nodes = self._admin.ask("nodes", "ids:$ids", chosen, {"ids": ("[ID!]!", asked)})
            except TooDearError:
                if size == 1:
                    raise
                self._sizes[key] = size // 2
                continue
            if len(asked) == size:
                self._sizes[key] = self._best(size)
            if not isinstance(nodes, list) or len(nodes) != len(asked):
                raise self._admin.expected("nodes", nodes, f"{len(asked)} objects")
            for id_, node in zip(asked, nodes, strict=True):
                if not isinstance(node, dict) or node.get("id") != id_:
                    raise self._admin.expected(f"the object {id_}", node, "the object itself")
                self._complete(node, part)
                found[id_] = node
            at += len(asked)
        return found

    def within(self, node: Object, part: Part, inner: Part, after: str | None) -> Iterator[Page]:
        """A list within an object, page by page, from a cursor on."""
        first, key = _FIRST, f"{inner.field} {inner.fields}"
        while True:
            found = self._more(node, part, inner, after, first=self._sizes.get(key, first))
            self._sizes[key] = self._best(self._asked)
            yield found
            if found.cursor is None:
                return
            after = found.cursor

    def _complete(self, node: Object, part: Part) -> None:
        """Make the lists within an object whole; each is a plain list afterwards."""
        for inner in part.parts:
            answer = node.get(inner.field)
            if isinstance(answer, list):
                continue
            found = self.page(answer, f"{part.field}.{inner.field}")
            nodes, cursor = list(found.nodes), found.cursor
            cut = cursor is not None or not all(_whole(each, inner) for each in nodes)
            if inner.parts and not _by_id(inner) and cut:
                nodes, cursor = self._one_by_one(node, part, inner), None
            while cursor is not None:
                more = self._more(node, part, inner, cursor)
                nodes, cursor = nodes + more.nodes, more.cursor
            for each in nodes:
                self._complete(each, inner)
            node[inner.field] = nodes

    def _more(
        self, node: Object, part: Part, inner: Part, cursor: str | None, *, first: int = 20
    ) -> Page:
        """The next page of a list within an object."""
        id_ = self._id(node, part)
        size = first
        while True:
            inside = inner.text(bulk=False, size="first:$first,after:$after")
            chosen = f"{{... on {part.kinds[0]}{{{inside}}}}}"
            try:
                answer = self._admin.ask(
                    "node",
                    "id:$id",
                    chosen,
                    {"id": ("ID!", id_), "first": ("Int!", size), "after": ("String", cursor)},
                )
            except TooDearError:
                if size == 1:
                    raise
                size //= 2
                continue
            what = f"{part.field}.{inner.field}"
            if not isinstance(answer, dict):
                raise self._admin.expected(f"the object {id_}", answer, "the object itself")
            self._asked = size
            found = self.page(answer.get(inner.field), what)
            if cursor is not None and found.cursor == cursor:
                raise self._admin.expected(f"{what} after {cursor}", cursor, "a new page")
            return found

    def _one_by_one(self, node: Object, part: Part, inner: Part) -> list[Object]:
        """A list whose objects have no address of their own: each read whole, by its place."""
        found: list[Object] = []
        id_, after = self._id(node, part), None
        [deep] = inner.parts
        while True:
            each, cursor = self._at(id_, after, part, inner, deep, None)
            if each is None:
                return found
            listed = self.page(each.get(deep.field), deep.field)
            nodes, inside = list(listed.nodes), listed.cursor
            while inside is not None:
                again, _ = self._at(id_, after, part, inner, deep, inside)
                listed = self.page((again or {}).get(deep.field), deep.field)
                if listed.cursor == inside:
                    raise self._admin.expected(f"{deep.field} after {inside}", inside, "a new page")
                nodes, inside = nodes + listed.nodes, listed.cursor
            found.append({**each, deep.field: nodes})
            if cursor is None:
                return found
            after = cursor

    def _at(
        self, id_: str, after: str | None, part: Part, inner: Part, deep: Part, inside: str | None
    ) -> tuple[Object | None, str | None]:
        """The object behind a cursor, and the cursor behind it; its list begins at `inside`."""
        below = deep.text(bulk=False, size="first:40,after:$inside")
        chosen = (
            f"{{... on {part.kinds[0]}{{{inner.field}(first:1,after:$after)"
            f"{{nodes{{__typename {inner.fields} {below}}} pageInfo{{hasNextPage endCursor}}}}}}}}"
        )
        variables: Mapping[str, tuple[str, Any]] = {
            "id": ("ID!", id_),
            "after": ("String", after),
            "inside": ("String", inside),
        }
        answer = self._admin.ask("node", "id:$id", chosen, variables)
        if not isinstance(answer, dict):
            raise self._admin.expected(f"the object {id_}", answer, "the object itself")
        found = self.page(answer.get(inner.field), inner.field)
        return (found.nodes[0] if found.nodes else None), found.cursor

    def _id(self, node: Object, part: Part) -> str:
        id_ = node.get("id")
        if not isinstance(id_, str):
            raise self._admin.expected(f"the id of one of {part.field}", id_, "an id")
        return id_


def _by_id(part: Part) -> bool:
    """Whether a list's objects can be asked for by their ids."""
    return part.kinds[0] in ("Return", "Refund", "Order", "Product", "Location")


def _whole(node: Object, part: Part) -> bool:
    infos = [(node.get(inner.field) or {}).get("pageInfo") for inner in part.parts]
    return all(isinstance(info, dict) and info.get("hasNextPage") is False for info in infos)
