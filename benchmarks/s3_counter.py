"""A proxy in front of the S3 server that counts requests and the bytes that they bring."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

_PIECE = 1 << 16


class CountingProxy:
    """Passes on what it gets. `requests`: by method; `sent`: bytes of requests' bodies."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self.requests: Counter[str] = Counter()
        self.sent = 0
        self.url = ""

    async def _serve(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection(self._host, self._port)
        back = asyncio.create_task(_pass_on(answers, answer))
        try:
            while True:
                head = await client.readuntil(b"\r\n\r\n")
                server.write(head)
                await self._body(head, client, server)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client has gone, or the proxy goes
        finally:
            server.close()
            back.cancel()
            answer.close()

    async def _body(
        self, head: bytes, client: asyncio.StreamReader, server: asyncio.StreamWriter
    ) -> None:
        """Count a request by its head, and pass on the body that follows it."""
        lines = head.decode("latin-1").split("\r\n")
        self.requests[lines[0].split(" ", 1)[0]] += 1
        headers = dict(line.lower().split(":", 1) for line in lines[1:] if ":" in line)
        if "transfer-encoding" in headers:
            raise ValueError("a request of unknown length is not expected of these clients")
        left = int(headers.get("content-length", "0"))
        self.sent += left
        while left:
            piece = await client.read(min(left, _PIECE))
            if not piece:
                raise ConnectionError
            server.write(piece)
            await server.drain()
            left -= len(piece)
        await server.drain()


async def _pass_on(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await source.read(_PIECE):
            to.write(piece)
            await to.drain()
    to.close()


@contextlib.contextmanager
def counting(endpoint: str) -> Iterator[CountingProxy]:
    """A proxy on loopback in front of that server, in a thread of its own; see `url`."""
    proxy = CountingProxy(endpoint)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(proxy._serve, "127.0.0.1", 0))  # noqa: SLF001
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
