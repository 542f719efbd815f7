"""Stripe's lists, page by page, newest first; each page looked at before it is believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from shop_assets.sources.errors import SourceError
from shop_assets.sources.http import ApiClient

Object = Mapping[str, Any]

PAGE = 100
_MOST_TRIES = 5


class Pages:
    """The lists that one read asks for. `now`: the source's clock at the first answer, seconds."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._seen: dict[str, set[str]] = {}
        self.now: int | None = None

    def listed(
        self,
        path: str,
        *,
        start: int | None = None,
        end: int | None = None,
        after: str | None = None,
        some: bool = False,
        filters: Mapping[str, Sequence[str] | str] | None = None,
    ) -> Iterator[list[Object]]:
        """Pages of the objects created in `[start, end)`, from after the object `after` on.

        A page that was delivered before, or that answers another question, is asked for again; and
        so is an empty one, once, where `some` are expected. Each page that is yielded has objects,
        each of them a text `id` and a whole number `created`.
        """
        bounds = {"created[gte]": start, "created[lt]": end}
        fixed: dict[str, Any] = {name: value for name, value in bounds.items() if value is not None}
        fixed |= filters or {}
        tries = 0
        newest = end
        while True:
            params = fixed | {"limit": PAGE} | ({"starting_after": after} if after else {})
            found, has_more = self._page(path, params)
            fresh = self._fresh(path, found)
            if not found and not has_more:
                if some and not tries:
                    tries += 1
                    continue
                return
            some = False
            if not fresh or not _answers(fresh, start, newest):
                tries += 1
                if tries == _MOST_TRIES:
                    raise SourceError(
                        f"{self._client.where}: GET /{path} answers with a page that it has "
                        f"answered with before, {tries} times; the next one is expected",
                        transient=True,
                    )
                continue
            tries = 0
            self._seen[path] = {each["id"] for each in found}
            yield fresh
            if not has_more:
                return
            after = fresh[-1]["id"]
            # Of one second, all are newer or older by their place alone.
            newest = fresh[-1]["created"] + 1

    def one(self, path: str) -> Object:
        """A single object; `SourceError` where there is none."""
        reply = self._client.get(path)
        if not isinstance(reply.json, Mapping):
            raise self._odd(path, "an object")
        return reply.json

    def _page(self, path: str, params: Mapping[str, Any]) -> tuple[list[Object], bool]:
        reply = self._client.get(path, params)
        if self.now is None:
            self.now = int(reply.now.timestamp())
        answer = reply.json if isinstance(reply.json, Mapping) else {}
        found, has_more = answer.get("data"), answer.get("has_more")
        if not isinstance(found, list) or not isinstance(has_more, bool):
            raise self._odd(path, "a list with data and has_more")
        for each in found:
            if not isinstance(each, Mapping) or not isinstance(each.get("id"), str):
                raise SourceError(
                    f"{self._client.where}: GET /{path} answers with an object without id; "
                    f"an id is expected in each"
                )
            if not isinstance(each.get("created"), int):
                raise SourceError(
                    f"{self._client.where}: GET /{path} answers with {each['id'][:60]} without "
                    f"created; the seconds since 1970 are expected in each object"
                )
        return found, has_more

    def _fresh(self, path: str, found: Sequence[Object]) -> list[Object]:
        """Without what the page before had, and what stands twice."""
        known = set(self._seen.get(path, ()))
        fresh = []
        for each in found:
            if each["id"] not in known:
                known.add(each["id"])
                fresh.append(each)
        return fresh

    def _odd(self, path: str, expected: str) -> SourceError:
        return SourceError(
            f"{self._client.where}: GET /{path} answers with something else; {expected} is "
            "expected",
            transient=True,
        )


def _answers(found: Sequence[Object], start: int | None, end: int | None) -> bool:
    """Whether the objects are of the span that was asked for, newest first."""
    times = [each["created"] for each in found]
    return (
        (start is None or times[-1] >= start)
        and (end is None or times[0] < end)
        and all(later >= earlier for later, earlier in pairwise(times))
    )
