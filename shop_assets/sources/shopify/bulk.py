"""Reading a long window by a bulk operation: one file with all of it, made by Shopify.

The file is read as it comes, one object with its parts at a time. An operation that fails has an
address of what it got to; that is never taken for the whole.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from shop_assets.sources.errors import SourceError
from shop_assets.sources.shopify.calls import Admin, Object
from shop_assets.sources.shopify.selections import Part

_FIRST_LOOK, _LONGEST_LOOK = 0.5, 15.0
_STANDSTILL = 600.0
_GOING_ON = ("CREATED", "RUNNING", "CANCELING")
_BUSY = ("OPERATION_IN_PROGRESS", "LIMIT_REACHED")
_FIELDS = "id status errorCode objectCount rootObjectCount url"
_LARGEST_LINE = 16 << 20
_DOWNLOADS = 3
_REFUSED = (400, 401, 403, 404, 410)


class FailedError(Exception):
    """The operation has come to nothing: the window has to be read in another way."""


class GoneError(FailedError):
    """The operation or its file is no longer there: it has to be run again."""


@dataclass(frozen=True)
class Finished:
    """An operation that has run: where its file is (None: it is empty), and what is in it."""

    id: str
    url: str | None
    objects: int
    roots: int


@dataclass(frozen=True)
class Read:
    """An object of the outermost list with all its parts, and the lines read with it."""

    node: Object
    lines: int


class Bulk:
    """The bulk operations of a shop. `patience`: seconds to wait for others' to end."""

    def __init__(self, admin: Admin, patience: float) -> None:
        self._admin = admin
        self._patience = patience

    def start(self, part: Part, arguments: str, query: str) -> str:
        """Start an operation, or find the same one going on; gives its id.

        Where other operations take all places, waits for one. Raises `FailedError` where none
        becomes free, or Shopify does not take the query.
        """
        given = ",".join(filter(None, (f"query:{json.dumps(query)}" if query else "", arguments)))
        inner = f"{{edges{{node{{{part.node(bulk=True)}}}}}}}"
        text = f"{{{part.field}{f'({given})' if given else ''}{inner}}}"
        began, wait = time.monotonic(), _FIRST_LOOK
        while True:
            same = self._running(text)
            if same is not None:
                return same
            answer = self._admin.ask(
                "bulkOperationRunQuery",
                "query:$query,groupObjects:true",
                "{bulkOperation{id} userErrors{code field message}}",
                {"query": ("String!", text)},
                mutation=True,
            )
            errors = answer.get("userErrors") if isinstance(answer, dict) else None
            if not isinstance(answer, dict) or not isinstance(errors, list):
                raise self._admin.expected("bulkOperationRunQuery", answer, "an operation")
            made = answer.get("bulkOperation")
            if not errors and isinstance(made, dict) and isinstance(made.get("id"), str):
                return str(made["id"])
            codes = [each.get("code") for each in errors if isinstance(each, dict)]
            if not any(code in _BUSY for code in codes):
                raise FailedError(str(errors)[:300])
            if time.monotonic() - began + wait > self._patience:
                raise FailedError("other bulk operations do not end")
            time.sleep(wait)
            wait = min(wait * 2, _LONGEST_LOOK)

    def finish(self, id_: str) -> Finished:
        """Wait until an operation has run. `FailedError` where it has not run to its end."""
        began, wait, seen = time.monotonic(), _FIRST_LOOK, ""
        while True:
            found = self._look(id_)
            status, count = found.get("status"), str(found.get("objectCount"))
            if status == "COMPLETED":
                return self._finished(id_, found)
            if status not in _GOING_ON:
                raise FailedError(f"{status} {found.get('errorCode') or ''}".strip())
            if count != seen:
                began, seen = time.monotonic(), count
            if time.monotonic() - began + wait > _STANDSTILL:
                raise FailedError(f"still {status} after {_STANDSTILL:.0f} s without a step")
            time.sleep(wait)
            wait = min(wait * 2, _LONGEST_LOOK)

    def objects(self, done: Finished, part: Part, skip: int, *, most: int = 0) -> Iterator[Read]:
        """The outermost objects of the file that begin after so many lines.

        `most`: how many parts of one object are held; the object is then given in several pieces
        (0: never). Raises `GoneError` for an address that is refused, a transient `SourceError`
        for a file that is not all that the operation has counted.
        """
        for attempt in range(_DOWNLOADS):
            reader = _Reader(self._admin, part, most)
            try:
                for read in self._file(done, reader, skip):
                    skip = read.lines
                    yield read
            except SourceError as error:
                if any(f"answers {status}," in str(error) for status in _REFUSED):
                    raise GoneError(str(error)) from None
                if attempt == _DOWNLOADS - 1 or not error.transient:
                    raise
            else:
                return

    def _file(self, done: Finished, reader: _Reader, skip: int) -> Iterator[Read]:
        roots = lines = 0
        if done.url is not None:
            for raw in self._admin.lines(done.url):
                lines += 1
                line = reader.decoded(raw, lines)
                root = "__parentId" not in line
                roots += root
                if lines > skip:
                    yield from reader.take(line, lines)
                elif root:
                    reader.begin(line, given=True)
        if (lines, roots) != (done.objects, done.roots):
            raise SourceError(
                f"{self._admin.where}: the file of {done.id} has {lines} objects ({roots} "
                f"outermost), expected {done.objects} ({done.roots}), as the operation counted",
                transient=True,
            )
        yield from reader.rest(lines)

    def _look(self, id_: str) -> Object:
        found = self._admin.ask(
            "node", "id:$id", f"{{... on BulkOperation{{{_FIELDS}}}}}", {"id": ("ID!", id_)}
        )
        if found is None:
            raise GoneError(f"there is no operation {id_} any more")
        if not isinstance(found, dict) or found.get("id") != id_:
            raise self._admin.expected(f"the operation {id_}", found, "the operation itself")
        return found

    def _running(self, text: str) -> str | None:
        """The operation of the same query that is going on: whoever started it, it is ours."""
        found = self._admin.ask(
            "bulkOperations",
            'first:10,reverse:true,sortKey:CREATED_AT,query:"operation_type:query"',
            "{nodes{id status query}}",
            {},
        )
        nodes = found.get("nodes") if isinstance(found, dict) else None
        if not isinstance(nodes, list):
            raise self._admin.expected("bulkOperations.nodes", nodes, "a list")
        for each in nodes:
            if not isinstance(each, dict):
                continue
            if each.get("query") == text and each.get("status") in ("CREATED", "RUNNING"):
                return str(each.get("id"))
        return None

    def _finished(self, id_: str, found: Object) -> Finished:
        url = found.get("url")
        try:
            objects, roots = int(found["objectCount"]), int(found["rootObjectCount"])
        except (KeyError, TypeError, ValueError):
            raise self._admin.expected(f"the count of {id_}", found, "a number") from None
        if url is None and objects:
            raise self._admin.expected(f"the address of {id_}", url, "an address")
        if url is not None and not isinstance(url, str):
            raise self._admin.expected(f"the address of {id_}", url, "an address")
        return Finished(id_, url, objects, roots)


class _Reader:
    """Puts an object's lines together. In a grouped file, its parts come right after it."""

    def __init__(self, admin: Admin, part: Part, most: int) -> None:
        self._admin = admin
        self._part = part
        self._most = most
        self._root: Object | None = None
        self._held = 0
        self._given = False
        self._known: dict[str, tuple[Object, Part]] = {}

    def decoded(self, raw: bytes, number: int) -> Object:
        """A line of the file."""
        try:
            line = json.loads(raw, parse_float=Decimal) if len(raw) <= _LARGEST_LINE else None
        except ValueError:
            line = None
        if not isinstance(line, dict):
            raise self._admin.expected(f"line {number} of a bulk file", line, "an object")
        return line

    def take(self, line: Object, number: int) -> Iterator[Read]:
        """Add a line; gives the object before it, where that is complete now."""
        parent = line.pop("__parentId", None)
        if parent is None:
            yield from self.rest(number - 1)
            self.begin(line)
            return
        if parent not in self._known:
            raise self._admin.expected(f"the parent of line {number}", parent, "one just before it")
        holder, part = self._known[parent]
        kind = line.get("__typename")
        inner = next((each for each in part.parts if kind in each.kinds), None)
        if inner is None:
            known = f"a part of {part.field}"
            raise self._admin.expected(f"the type of line {number}", kind, known)
        holder[inner.field].append(line)
        self._add(line, inner)
        self._held += 1
        if self._most and self._held >= self._most and holder is self._root:
            yield Read(holder, number)
            self.begin({k: v for k, v in holder.items() if k != inner.field}, given=True)

    def rest(self, number: int) -> Iterator[Read]:
        """The object that was begun last, unless all that is known of it was given already."""
        if self._root is not None and (self._held or not self._given):
            yield Read(self._root, number)
        self._root = None

    def begin(self, root: Object, *, given: bool = False) -> None:
        """Let an object's parts follow; `given`: those before were given already."""
        self._root, self._held, self._given, self._known = root, 0, given, {}
        self._add(root, self._part)

    def _add(self, node: Object, part: Part) -> None:
        for inner in part.parts:
            node.setdefault(inner.field, [])
        if isinstance(node.get("id"), str) and (part.parts or part is self._part):
            self._known[node["id"]] = (node, part)
