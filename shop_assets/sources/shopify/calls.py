"""Calls to the Admin API: what its answers mean, and how fast it may be asked.

Shopify counts points, and says with each answer how many are left to all that read with the token.
A call waits until there should be enough, so that it is hardly ever refused; where it is, it waits
for what lacks. How many calls all runs may make at once is the shared limit's business.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from shop_assets.settings.apis import ShopifySource
from shop_assets.sources.errors import SourceError
from shop_assets.sources.http import ApiClient, Reply, Retry
from shop_assets.sources.rate_limit import RateLimit

Object = dict[str, Any]

MOST_POINTS = 1000
_AGAIN = ("INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE")
_SHOWN = 300
_ERROR = 400
_TRIES = 3


class TooDearError(SourceError):
    """A query costs more than one query may."""


class Admin:
    """A shop's Admin API. `now`: by Shopify's clock, once it was asked for something."""

    def __init__(self, name: str, source: ShopifySource, limit: RateLimit) -> None:
        self.where = f"{name} (Shopify)"
        self.now: datetime | None = None
        self._limit = limit
        self._path = f"admin/api/{source.api_version}/graphql.json"
        self._shop = source.shop
        self._token = source.token.get_secret_value()
        self._left: tuple[float, float, float] | None = None
        self._requested = 1
        self._client = ApiClient(
            self.where,
            source.api_url or f"https://{source.shop}",
            options=source,
            limit=limit,
            headers={"x-shopify-access-token": self._token},
            classify=self._meaning,
        )
        self.begin = self._client.begin
        self.close = self._client.close

    def ask(
        self,
        field: str,
        arguments: str,
        chosen: str,
        variables: Mapping[str, tuple[str, Any]],
        *,
        mutation: bool = False,
    ) -> Any:
        """What one field of the API gives. `variables`: each with its type and value.

        The field goes by a name that is made of what is asked: an answer to another question is
        noticed. Raises `TooDearError` where the query is refused for its size.
        """
        declared = ",".join(f"${name}:{kind}" for name, (kind, _) in variables.items())
        values = {name: value for name, (_, value) in variables.items()}
        asked = f"{field}({arguments}){chosen}{sorted(values.items())}"
        alias = f"a{hashlib.sha256(asked.encode()).hexdigest()[:12]}"
        outer = f"({declared})" if declared else ""
        inner = f"({arguments})" if arguments else ""
        word = "mutation" if mutation else "query"
        text = f"{word}{outer}{{{alias}:{field}{inner}{chosen}}}"
        for _ in range(1 if mutation else _TRIES):
            self._wait()
            reply = self._client.post(self._path, {"query": text, "variables": values})
            self.now = reply.now
            self._note(reply.json)
            data = reply.json.get("data") if isinstance(reply.json, dict) else None
            if isinstance(data, dict) and alias in data:
                return data[alias]
        raise SourceError(
            f"{self.where}: the answer to {field} has no data of that name, expected an answer "
            "to what was asked",
            transient=True,
        )

    def lines(self, url: str) -> Iterator[bytes]:
        """The lines of a file that Shopify has made; one call more of those that are counted."""
        self._limit.acquire()
        return self._client.lines(url)

    def expected(self, what: str, found: Any, expected: str) -> SourceError:
        """An answer that is not as the API's reference says."""
        shown = type(found).__name__ if isinstance(found, dict | list) else repr(found)[:40]
        return SourceError(f"{self.where}: {what} is {shown}, expected {expected}", transient=True)

    @property
    def requested(self) -> int:
        """What the last query might have cost."""
        return self._requested

    def _wait(self) -> None:
        """Let points come back until the next query, if it is like the last, can be paid."""
        if self._left is None:
            return
        left, rate, at = self._left
        there = left + (time.monotonic() - at) * rate
        if there < self._requested and rate > 0:
            self._limit.pause((self._requested - there) / rate)

    def _note(self, answer: Any) -> None:
        cost = _cost_of(answer)
        status: Any = cost.get("throttleStatus")
        # An answer without them, or with others, is still an answer.
        with contextlib.suppress(KeyError, TypeError, ValueError):
            self._requested = int(cost["requestedQueryCost"])
            left, rate = float(status["currentlyAvailable"]), float(status["restoreRate"])
            # A query that no bucket could ever hold must not be waited for.
            self._requested = min(self._requested, int(status["maximumAvailable"]))
            self._left = (left, rate, time.monotonic())

    def _meaning(self, reply: Reply) -> Retry | SourceError | None:
        if reply.status in (401, 402, 403, 404, 423):
            return SourceError(f"{self.where}: {_REFUSALS[reply.status].format(shop=self._shop)}")
        if reply.status >= _ERROR or not isinstance(reply.json, dict):
            return None
        errors = reply.json.get("errors")
        if not errors:
            return None
        if not isinstance(errors, list) or not all(isinstance(each, dict) for each in errors):
            return SourceError(f"{self.where}: the API says {self._hidden(str(errors))}")
        return self._wrong(errors, reply)

    def _wrong(self, errors: list[Object], reply: Reply) -> Retry | SourceError:
        more = [each.get("extensions") for each in errors]
        known = [each for each in more if isinstance(each, dict)]
        codes = [str(each.get("code")) for each in known]
        said = "; ".join(str(each.get("message")) for each in errors)
        said = self._hidden(said)
        if "THROTTLED" in codes or said == "Throttled":
            return Retry("its points are used up", _lacking(reply.json))
        if "MAX_COST_EXCEEDED" in codes:
            return TooDearError(f"{self.where}: {said}")
        if "ACCESS_DENIED" in codes:
            return SourceError(
                f"{self.where}: the token may not read all that the stream needs: {said}"
            )
        if any(code in _AGAIN for code in codes):
            return Retry(f"it says {said}")
        return SourceError(f"{self.where}: the API says {said}")

    def _hidden(self, said: str) -> str:
        """What the API says, on one line, without the token, should it repeat it."""
        return " ".join(said.replace(self._token, "***").split())[:_SHOWN]


_REFUSALS = {
    401: "the access token is not known to the shop; a custom app's Admin API token is expected",
    402: "the shop {shop} is frozen for an unpaid bill",
    403: "the shop refuses the access token; it is expected to be allowed to read",
    404: "there is no Admin API of that version at {shop}",
    423: "the shop {shop} is locked",
}


def _cost_of(answer: Any) -> Mapping[str, Any]:
    extensions = answer.get("extensions") if isinstance(answer, dict) else None
    cost = extensions.get("cost") if isinstance(extensions, dict) else None
    return cost if isinstance(cost, dict) else {}


def _lacking(answer: Any) -> float | None:
    """In how many seconds there will be points enough; None where the answer does not say."""
    cost = _cost_of(answer)
    try:
        status = cost["throttleStatus"]
        lacking = float(cost["requestedQueryCost"]) - float(status["currentlyAvailable"])
        return max(0.1, lacking / float(status["restoreRate"]))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
