"""What goes wrong with an API on demand: refusals, delays, cut, repeated and changed answers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs

Kind = Literal["answer", "stall", "cut", "short", "repeat", "change", "before"]


@dataclass(frozen=True)
class Call:
    """A request that came in. `query`: the last value of each parameter; `number`: from 0."""

    number: int
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What goes back: headers by their lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Matches = Callable[[Call], bool]


@dataclass
class _Rule:
    kind: Kind
    matches: Matches
    skip: int
    times: int | None
    answer: Answer | None = None
    amount: float = 0.0
    change: Callable[[bytes], bytes] | None = None
    act: Callable[[Call], None] | None = None


def everything(_: Call) -> bool:
    """Match each request."""
    return True


@dataclass
class Faults:
    """Rules for requests to come; the first rule that fits a request decides it.

    Each rule leaves the first `skip` requests that it matches alone and spoils the next `times`
    (None: all). Safe for threads.
    """

    calls: list[Call] = field(default_factory=list)
    """Every request since the last `clear`, in order."""
    _rules: list[_Rule] = field(default_factory=list)
    _last: dict[str, Answer] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        """Forget all rules and calls."""
        with self._lock:
            self._rules.clear()
            self._last.clear()
            self.calls.clear()

    def answer(
        self,
        status: int,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        matches: Matches = everything,
        skip: int = 0,
        times: int | None = 1,
    ) -> None:
        """Answer with this instead of asking the server."""
        answer = Answer(status, {"content-type": "application/json", **(headers or {})}, body)
        self._add(_Rule("answer", matches, skip, times, answer))

    def stall(
        self, seconds: float, *, matches: Matches = everything, skip: int = 0, times: int | None = 1
    ) -> None:
        """Answer that much later."""
        self._add(_Rule("stall", matches, skip, times, amount=seconds))

    def cut(
        self, share: float, *, matches: Matches = everything, skip: int = 0, times: int | None = 1
    ) -> None:
        """Break the connection after that share (0 to 1) of the body."""
        self._add(_Rule("cut", matches, skip, times, amount=share))

    def shorten(
        self, share: float, *, matches: Matches = everything, skip: int = 0, times: int | None = 1
    ) -> None:
        """Send that share of the body as if it were all of it."""
        self._add(_Rule("short", matches, skip, times, amount=share))

    def repeat(
        self, *, matches: Matches = everything, skip: int = 0, times: int | None = 1
    ) -> None:
        """Answer with the path's answer before this one; where there is none, as usual."""
        self._add(_Rule("repeat", matches, skip, times))

    def change(
        self,
        change: Callable[[bytes], bytes],
        *,
        matches: Matches = everything,
        skip: int = 0,
        times: int | None = 1,
    ) -> None:
        """Answer with the changed body."""
        self._add(_Rule("change", matches, skip, times, change=change))

    def before(
        self,
        act: Callable[[Call], None],
        *,
        matches: Matches = everything,
        skip: int = 0,
        times: int | None = 1,
    ) -> None:
        """Do something (change an object, say) before the server answers."""
        self._add(_Rule("before", matches, skip, times, act=act))

    def _add(self, rule: _Rule) -> None:
        with self._lock:
            self._rules.append(rule)

    def _for(self, call: Call) -> _Rule | None:
        with self._lock:
            self.calls.append(call)
            for rule in self._rules:
                if rule.times == 0 or not rule.matches(call):
                    continue
                if rule.skip:
                    rule.skip -= 1
                    continue
                if rule.times is not None:
                    rule.times -= 1
                return rule
        return None


class Spoilt:
    """An ASGI application whose answers are spoilt by `faults`; `date` is said in each of them."""

    def __init__(self, app: Any, faults: Faults, date: Callable[[], str]) -> None:
        self._app = app
        self._faults = faults
        self._date = date

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        query = {k: v[-1] for k, v in parse_qs(scope["query_string"].decode()).items()}
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        faults = self._faults
        call = Call(len(faults.calls), scope["method"], scope["path"], query, headers, body)
        rule = faults._for(call)  # noqa: SLF001
        if rule is not None and rule.kind == "stall":
            await asyncio.sleep(rule.amount)
        if rule is not None and rule.act is not None:
            rule.act(call)
        answer = rule.answer if rule is not None else None
        if rule is not None and rule.kind == "repeat":
            answer = faults._last.get(call.path)  # noqa: SLF001
        if answer is None:
            answer = await self._asked(scope, body)
            faults._last[call.path] = answer  # noqa: SLF001
        content, length = answer.body, len(answer.body)
        if rule is not None and rule.change is not None:
            content = rule.change(content)
            length = len(content)
        elif rule is not None and rule.kind in ("cut", "short"):
            content = content[: int(len(content) * rule.amount)]
            length = length if rule.kind == "cut" else len(content)
        said = {"date": self._date(), **answer.headers, "content-length": str(length)}
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [(k.encode(), v.encode("latin-1")) for k, v in said.items()],
            }
        )
        whole = len(content) == length
        await send({"type": "http.response.body", "body": content, "more_body": not whole})
        # Of an answer that is left like this, the server breaks the connection.

    async def _asked(self, scope: Any, body: bytes) -> Answer:
        parts: list[bytes] = []
        start: dict[str, Any] = {}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, send)
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in start["headers"]}
        return Answer(start["status"], headers, b"".join(parts))


async def _body(receive: Any) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
