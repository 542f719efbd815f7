"""What sources behind an HTTP API have in common: faults, and answers of another shape."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from shop_assets.demo.apis.faults import Faults
from shop_assets_tests.acceptance.subject import Alteration, Source

_REMOVED = object()


class HttpSource(Source):
    """A server at `url`, whose answers `faults` spoils.

    `fields`: by stream, what `alter` takes away or changes: the names in the server's objects of
    the `key`, of the change `time`, and of one that nothing depends on (`optional`).
    """

    fields: Mapping[str, Mapping[str, str]]

    def __init__(self, url: str, faults: Faults) -> None:
        self.url = url
        self.faults: Faults = faults

    def alter(self, stream: str, how: Alteration) -> None:
        """Change every object in every answer."""
        names = self.fields[stream]
        changes: dict[Alteration, tuple[str, Any]] = {
            "new field": ("brand_new", {"deep": [1, None, "x"]}),
            "no optional": (names["optional"], _REMOVED),
            "other type": (names["optional"], {"deep": [1, None, "x"]}),
            "no key": (names["key"], _REMOVED),
            "no change time": (names["time"], _REMOVED),
        }
        field, value = changes[how]
        marker = names.get("marker", names["key"])
        self.faults.change(
            lambda body: rewritten(body, lambda each: _set(each, field, value, marker)), times=None
        )


def rewritten(body: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """An answer (JSON, or a line of JSON for each object) with every object in it changed."""
    try:
        return json.dumps(_walked(json.loads(body), change)).encode()
    except ValueError:
        lines = [line for line in body.split(b"\n") if line.strip()]
        return b"".join(
            json.dumps(_walked(json.loads(li), change)).encode() + b"\n" for li in lines
        )


def _walked(value: Any, change: Callable[[dict[str, Any]], None]) -> Any:
    if isinstance(value, dict):
        for part in value.values():
            _walked(part, change)
        change(value)
    elif isinstance(value, list):
        for part in value:
            _walked(part, change)
    return value


def _set(each: dict[str, Any], field: str, value: Any, marker: str) -> None:
    """Change what looks like one of the stream's objects, which have a `marker`."""
    if marker not in each:
        return
    if value is _REMOVED:
        each.pop(field, None)
    else:
        each[field] = value


def places(answer: Any, depth: int = 4) -> list[tuple[str, ...]]:
    """Where each part of an answer's envelope is: keys of objects, down to the lists."""
    if not isinstance(answer, dict) or depth == 0:
        return []
    found: list[tuple[str, ...]] = []
    for name, part in answer.items():
        found.append((name,))
        found += [(name, *rest) for rest in places(part, depth - 1)]
    return found


def without(place: tuple[str, ...], *given: Any) -> bytes:
    """An answer (the last of `given`) without that part, or with the value before it there."""
    body, value = given[-1], given[0] if len(given) > 1 else _REMOVED
    answer = json.loads(body)
    holder = answer
    for name in place[:-1]:
        holder = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(holder, dict) and place[-1] in holder:
        if value is _REMOVED:
            del holder[place[-1]]
        else:
            holder[place[-1]] = value
    return json.dumps(answer).encode()
