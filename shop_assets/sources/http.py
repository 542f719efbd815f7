"""Calls to a provider's HTTP API: limited, timed out, tried again, and never led astray.

The transport is httpx (pooling, TLS, proxies, streaming), the retries are stamina's: both are small
and well kept, and leave what is ours to us. dlt's REST client brings paging of its own, but ties
requests to its pipelines and state; Stripe's, Shopify's and WooCommerce's paging is theirs anyway.

A call follows no redirect: an API that moves is a wrong address. A download may be redirected, to
public addresses alone, and never carries our credentials.
"""

from __future__ import annotations

import contextlib
import json
import random
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import stamina

from shop_assets.settings.apis import ApiSource
from shop_assets.sources.addresses import (
    is_proxied,
    refuse_credentials_address,
    refuse_credentials_host,
    refuse_link_local,
    refuse_private,
    refuse_private_address,
)
from shop_assets.sources.certificates import trusted
from shop_assets.sources.errors import SourceError
from shop_assets.sources.rate_limit import RateLimit

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_LARGEST_ANSWER = 256 << 20
_LONGEST_LINE = 64 << 20
_SHOWN = 200
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_ERROR = 400
_SECRET_HEADERS = ("authorization", "token", "key")


@dataclass(frozen=True)
class Retry:
    """An answer that asks for another try; `after`: in how many seconds, where it says so."""

    reason: str
    after: float | None = None


@dataclass(frozen=True)
class Reply:
    """An answer, decoded. `json`: floats as `Decimal`; `now`: the source's clock, UTC."""

    status: int
    headers: Mapping[str, str]
    json: Any
    now: datetime


Classify = Callable[[Reply], Retry | SourceError | None]
"""What an answer means that HTTP's status does not say: an error, one to try again, or neither."""


class _TryAgainError(Exception):
    """`after`: how long to wait at the least."""

    def __init__(self, reason: str, after: float | None) -> None:
        super().__init__(reason)
        self.after = after


class ApiClient:
    """One provider's API, for one read after another.

    `where` begins each error (the source's name and the provider). `classify` is asked about each
    decoded answer, errors included, before its status is. What the API refuses is tried again with
    growing, jittered waits, or when it says; within `retry_budget_seconds` since `begin`, of which
    waits and calls in vain are taken.
    """

    def __init__(
        self,
        where: str,
        base_url: str,
        *,
        options: ApiSource,
        limit: RateLimit,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        classify: Classify | None = None,
    ) -> None:
        self.where = where
        self._limit = limit
        self._classify = classify
        self._budget = options.retry_budget_seconds
        self._left = options.retry_budget_seconds
        self._allow_private = options.allow_private
        self._timeout = options.timeout_seconds
        self._base = base_url.rstrip("/")
        self._looked_up = False
        # It would print each retry among a command's results, as soon as structlog is installed.
        stamina.instrumentation.set_on_retry_hooks(())
        self._secrets = [*(auth or ()), *_secrets(headers or {})]
        if auth is not None:
            self._secrets.append(b64encode(":".join(auth).encode()).decode())
        self._began = 0.0
        refuse_link_local(where, urlsplit(self._base).hostname or "")
        verify = trusted()
        self._client = httpx.Client(
            base_url=self._base + "/",
            headers={"user-agent": "shop-assets", "accept": "application/json", **(headers or {})},
            auth=auth,
            timeout=options.timeout_seconds,
            follow_redirects=False,
            verify=verify,
        )
        self._downloads = httpx.Client(
            timeout=options.timeout_seconds, follow_redirects=False, verify=verify
        )

    def begin(self) -> None:
        """Start a read: the budget of waiting is whole again."""
        self._left = self._budget

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()
        self._downloads.close()

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, cost: int = 1) -> Reply:
        """The answer to a GET below the base URL; lists in `params` are repeated."""
        request = self._client.build_request("GET", path.lstrip("/"), params=params)
        return self._called(request, cost)

    def post(self, path: str, body: Any, *, cost: int = 1) -> Reply:
        """The answer to a POST of JSON. It is tried again: only for calls that may be."""
        request = self._client.build_request("POST", path.lstrip("/"), json=body)
        return self._called(request, cost)

    def lines(self, url: str) -> Iterator[bytes]:
        """The lines of a file that the provider has made for us, as they come.

        A connection that breaks is a transient `SourceError`: whoever reads knows where it was.
        """
        try:
            with contextlib.closing(self._opened(url)) as answer:
                if answer.status_code >= _ERROR:
                    raise SourceError(
                        f"{self.where}: its file answers {answer.status_code}, expected 200",
                        transient=True,
                    )
                yield from self._split(answer.iter_bytes())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceError(
                f"{self.where}: its file cannot be read to the end: {_said(error)}", transient=True
            ) from None

    def _split(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        begun: list[bytes] = []
        size = 0
        for chunk in chunks:
            first, *others = chunk.split(b"\n")
            begun.append(first)
            size += len(first)
            if size > _LONGEST_LINE:
                raise SourceError(
                    f"{self.where}: its file has a line of more than {_LONGEST_LINE >> 20} MiB"
                )
            if others:
                whole = [b"".join(begun), *others[:-1]]
                begun, size = [others[-1]], len(others[-1])
                yield from (line for line in whole if line.strip())
        if (rest := b"".join(begun)).strip():
            yield rest

    def _opened(self, url: str) -> httpx.Response:
        for _ in range(_MOST_REDIRECTS):
            self._refuse_address(url, "its file")
            request = self._downloads.build_request("GET", url)
            answer = self._downloads.send(request, stream=True)
            if answer.status_code not in _REDIRECTS:
                self._refuse_private_peer(answer, "its file")
                return answer
            answer.close()
            url = str(httpx.URL(url).join(answer.headers.get("location", "")))
        raise SourceError(f"{self.where}: its file redirects more than {_MOST_REDIRECTS} times")

    def _called(self, request: httpx.Request, cost: int) -> Reply:
        what = f"{request.method} {request.url.path}"
        if not self._looked_up:
            self._refuse_address(self._base, "it")
        self._looked_up = True
        try:
            for attempt in stamina.retry_context(
                on=self._wait_for,
                attempts=None,
                timeout=None,
                wait_initial=_FIRST_WAIT,
                wait_max=_LONGEST_WAIT,
                wait_jitter=_FIRST_WAIT,
            ):
                with attempt:
                    self._limit.acquire(cost)
                    self._began = time.monotonic()
                    return self._once(request, what)
        except _TryAgainError as error:
            raise SourceError(
                f"{self.where}: {what} still fails after {self._budget - self._left:.0f} s of "
                f"trying again: {error}",
                transient=True,
            ) from None
        except httpx.HTTPError as error:
            raise SourceError(
                f"{self.where}: {what} failed after {time.monotonic() - self._began:.0f} s: "
                f"{self._hidden(_said(error))}",
                transient=not _is_about_certificates(error),
            ) from None
        raise AssertionError("retries end by an answer or an error")

    def _once(self, request: httpx.Request, what: str) -> Reply:
        answer = self._client.send(request, stream=True)
        try:
            self._refuse_private_peer(answer, "it")
            content = self._content(answer, what)
        finally:
            answer.close()
        reply = Reply(answer.status_code, answer.headers, _decoded(content), _date(answer))
        meaning = self._classify(reply) if self._classify else None
        if isinstance(meaning, SourceError):
            raise meaning
        if isinstance(meaning, Retry):
            raise _TryAgainError(meaning.reason, meaning.after or _retry_after(answer))
        if reply.status in _AGAIN:
            raise _TryAgainError(f"it answers {reply.status}", _retry_after(answer))
        if reply.status in _REDIRECTS:
            to = self._hidden(answer.headers.get("location"))
            raise SourceError(
                f"{self.where}: {what} is redirected to {to}; the API's own address is expected"
            )
        if reply.status >= _ERROR:
            raise SourceError(
                f"{self.where}: {what} answers {reply.status}: {self._hidden(content)}"
            )
        if reply.json is None:
            raise _TryAgainError(f"it answers {self._hidden(content)!r}, expected JSON", None)
        return reply

    def _content(self, answer: httpx.Response, what: str) -> bytes:
        parts, size = [], 0
        for chunk in answer.iter_bytes():
            size += len(chunk)
            if size > _LARGEST_ANSWER:
                raise SourceError(
                    f"{self.where}: {what} answers more than {_LARGEST_ANSWER >> 20} MiB"
                )
            parts.append(chunk)
        return b"".join(parts)

    def _wait_for(self, error: Exception) -> float | bool:
        """How long to wait before the next try; False where none is left or would help."""
        if isinstance(error, _TryAgainError):
            least = error.after
        elif isinstance(error, httpx.TransportError) and not _is_about_certificates(error):
            least = None
        else:
            return False
        self._left -= time.monotonic() - self._began
        waited = self._budget - self._left
        if least is None:
            # Full jitter: from nothing up to as long as was waited already, and a bit.
            wait = random.uniform(0, min(_LONGEST_WAIT, waited + _FIRST_WAIT))  # noqa: S311
        else:
            wait = least + random.uniform(0, _FIRST_WAIT)  # noqa: S311
        if wait > self._left:
            return False
        if least is not None:
            self._limit.pause(least)
        self._left -= wait
        return wait

    def _refuse_address(self, url: str, what: str) -> None:
        if self._allow_private:
            refuse_credentials_host(self.where, url)
        else:
            refuse_private(self.where, url, what)

    def _refuse_private_peer(self, answer: httpx.Response, what: str) -> None:
        """A name may mean another address by the time the connection is made."""
        stream = answer.extensions.get("network_stream")
        peer = stream.get_extra_info("server_addr") if stream is not None else None
        if peer and not is_proxied(str(answer.url)):
            try:
                refuse_credentials_address(self.where, str(peer[0]), answer.url.host)
                if not self._allow_private:
                    refuse_private_address(self.where, str(peer[0]), answer.url.host, what)
            except SourceError:
                answer.close()
                raise

    def _hidden(self, said: bytes | str | None) -> str:
        """What an answer says, without our credentials, should it repeat them."""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said or ""
        for secret in filter(None, self._secrets):
            for written in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
                text = text.replace(written, "***")
        return " ".join(text[:_SHOWN].split()) or "nothing"


def _secrets(headers: Mapping[str, str]) -> list[str]:
    """The credentials in a client's headers."""
    return [
        value.split()[-1]
        for name, value in headers.items()
        if value.strip() and any(word in name.lower() for word in _SECRET_HEADERS)
    ]


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _date(answer: httpx.Response) -> datetime:
    try:
        return parsedate_to_datetime(answer.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError, TypeError):
        return datetime.now(UTC)


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds, from either form of the header."""
    said = answer.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(said) - _date(answer)).total_seconds())
    except (ValueError, TypeError):
        return None


def _said(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "it does not answer in time"
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def _is_about_certificates(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
