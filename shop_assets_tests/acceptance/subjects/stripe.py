"""Stripe, against the local server of its API: what has events, and what is listed alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from shop_assets.demo.apis.faults import Faults
from shop_assets.demo.apis.serving import Clock, serving
from shop_assets.demo.apis.store import Store
from shop_assets.demo.apis.stripe import CallLimits, StripeServer
from shop_assets.sources.protocol import Window
from shop_assets_tests.acceptance.http_source import HttpSource
from shop_assets_tests.acceptance.subject import (
    CANARY,
    HOUR,
    NOW,
    Seen,
    Servers,
    Stream,
    Subject,
    register,
)

KINDS = {"charges": "charge", "refunds": "refund", "disputes": "dispute", "payouts": "payout"}
LEDGER = ("balance_transactions", "payout_transactions")
_BEFORE = int(HOUR.start.timestamp()) - 10 * 86_400
_NAMES = {"key": "id", "time": "created", "optional": "description"}


class StripeSubject(HttpSource):
    """An account of the local server; everything it has is made by `put`."""

    fields: Mapping[str, Mapping[str, str]] = dict.fromkeys((*KINDS, *LEDGER), _NAMES)

    def __init__(self, url: str, faults: Faults, server: StripeServer) -> None:
        super().__init__(url, faults)
        self._server = server

    def settings(self, **options: Any) -> dict[str, Any]:
        return {
            "connector": "stripe",
            "api_key": CANARY,
            "api_url": self.url,
            "allow_private": True,
            "requests_per_second": 10_000,
            **options,
        }

    def put(
        self, stream: str, moments: Sequence[datetime], texts: Sequence[str] | None = None
    ) -> list[str]:
        given = list(texts) if texts is not None else [f"text {n}" for n in range(len(moments))]
        with self._server.writing():
            return [
                self._made(stream, int(moment.timestamp()), text)
                for moment, text in zip(moments, given, strict=True)
            ]

    def fill(self, stream: str, rows: int, text: str = "a note") -> None:
        if stream != "payout_transactions":
            super().fill(stream, rows, text)
            return
        with self._server.writing():
            moved = [self._moved(text) for _ in range(rows)]
            middle = int(HOUR.start.timestamp()) + 1800
            for at, part in ((middle, moved[: rows // 3]), (middle + 1, moved[rows // 3 :])):
                if part:
                    self._server.pay_out_these(part, at=at)

    def truth(self, stream: str, window: Window) -> Counter[Seen]:
        # What happens in this very second is for the next read.
        start, end = (int(edge.timestamp()) for edge in (window.start, min(window.end, NOW)))
        if stream == "balance_transactions":
            current = self._server.current("balance_transaction").values()
            times = {each["id"]: each["created"] for each in current}
            return Counter(Seen(key, _moment(at)) for key, at in times.items() if start <= at < end)
        kind = KINDS.get(stream, "payout")
        found = [v for v in self._server.versions(kind) if start <= v.at < end]
        if stream in KINDS:
            return Counter(Seen(version.id, _moment(version.at)) for version in found)
        newest = {version.id: version.at for version in found}
        return Counter(
            Seen(f"{payout}|{each.id}", _moment(at))
            for payout, at in newest.items()
            for each in self._server.store.select("balance_transaction", "parent = ?", (payout,))
        )

    def change(self, stream: str, key: str, moment: datetime) -> None:
        at = int(moment.timestamp())
        if stream == "charges":
            self._server.update_charge(key, at=at, description="changed")
        elif stream == "refunds":
            self._server.update_refund(key, at=at, metadata={"changed": "yes"})
        elif stream == "disputes":
            self._server.respond(key, at=at)
        else:
            self._server.settle_payout(key, at=at)

    def _made(self, stream: str, at: int, text: str) -> str:
        """Make an object of the stream's; the key of its row."""
        server = self._server
        if stream == "charges":
            return server.charge(1000, "eur", description=text, at=at)
        if stream == "balance_transactions":
            return server.fee(10, "eur", description=text, at=at)
        if stream == "payouts":
            return server.pay_out_manually(10, "eur", at=at, description=text)
        if stream == "payout_transactions":
            moved = self._moved(text)
            return f"{server.pay_out_these([moved], at=at)}|{moved['id']}"
        charge = server.charge(1000, "eur", at=_BEFORE)
        if stream == "refunds":
            return server.refund(charge, 100, reason=text, at=at)
        return server.dispute(charge, reason=text, inquiry=True, at=at)

    def _moved(self, text: str) -> dict[str, Any]:
        """A balance transaction of earlier."""
        return self._server.body(self._server.fee(-1000, "eur", description=text, at=_BEFORE))


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


@contextmanager
def account(_: Servers) -> Iterator[StripeSubject]:
    """An account without any money."""
    clock, faults = Clock(NOW), Faults()
    server = StripeServer(Store(), clock, key=CANARY, limits=CallLimits(None, None))
    with serving(server.app, faults=faults, clock=clock) as url:
        yield StripeSubject(url, faults, server)


register(
    Subject(
        "stripe",
        account,
        {"charges": Stream(("id",), "description", 100)},
        frozenset({"windows", "http", "checkpoints", "changes", "secret", "schema"}),
        many=2_500,
    )
)
register(
    Subject(
        "stripe-ledger",
        account,
        {
            "balance_transactions": Stream(("id",), "description", 100),
            "payout_transactions": Stream(("payout", "id"), "description", 100),
        },
        frozenset({"windows", "http", "checkpoints", "secret", "schema"}),
        many=2_500,
        like="stripe",
    )
)
