"""A Stripe account as a source: versions of its objects, by when they changed.

Lists can be filtered by creation alone. So changes come from events, what these do not tell of from
lists, and what they tell no more, since they are kept for 30 days, from objects listed anew (see
`retention`).
"""

from __future__ import annotations

from collections.abc import Iterator

from shop_assets.settings.apis import StripeSource
from shop_assets.sources.errors import SourceError
from shop_assets.sources.http import ApiClient
from shop_assets.sources.protocol import Batch, ReadRequest, StreamCheck
from shop_assets.sources.rate_limit import RateLimit
from shop_assets.sources.stripe import rows as shaped
from shop_assets.sources.stripe.client import LackingError, client
from shop_assets.sources.stripe.pages import Pages
from shop_assets.sources.stripe.streams import STREAMS, TRANSACTIONS, StripeStream
from shop_assets.sources.stripe.window import WindowRead


class StripeConnector:
    """Reads the streams of a `stripe` source."""

    def __init__(self, name: str, source: StripeSource, limit: RateLimit) -> None:
        self._name = name
        self._source = source
        self._limit = limit
        self._opened: ApiClient | None = None

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        """Yield the versions of the window, about a page at a time; see `Connector.read`."""
        stream = self._stream(request.stream)
        client = self._client()
        client.begin()
        yield from WindowRead(self._source, stream, request, Pages(client)).batches()

    def check(self, stream: str) -> StreamCheck:
        """Ask each list that the stream needs for an object; see `Connector.check`."""
        known = self._stream(stream)
        client = self._client()
        client.begin()
        problems = []
        needs = [*known.needs, *([TRANSACTIONS] if stream == "payout_transactions" else [])]
        for path in needs:
            try:
                client.get(path, {"limit": 1})
            except LackingError as error:
                problems.append(str(error))
        columns = shaped.names(known, self._source.streams[stream].columns)
        return StreamCheck(stream, dict.fromkeys(columns, "text"), problems)

    def close(self) -> None:
        """Give back the connections."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _client(self) -> ApiClient:
        if self._opened is None:
            self._opened = client(self._name, self._source, self._limit)
        return self._opened

    def _stream(self, name: str) -> StripeStream:
        if name not in self._source.streams or name not in STREAMS:
            raise SourceError(
                f"{self._name} has no stream {name!r}; "
                f"one of {', '.join(self._source.streams)} is expected"
            )
        return STREAMS[name]
