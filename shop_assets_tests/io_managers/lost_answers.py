"""A way to PostgreSQL on which the answer to one load's COMMIT is lost."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit


class LosingProxy:
    """Passes everything on, but breaks off after the first COMMIT of a load has been done."""

    def __init__(self, host: str, port: int) -> None:
        self.lost = 0
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server:
            dropping = threading.Event()
            back = threading.Thread(
                target=self._answers, args=(server, client, dropping), daemon=True
            )
            back.start()
            loads = False
            while asked := _received(client):
                loads = loads or b"INSERT INTO meta.loads" in asked
                if loads and not self.lost and b"COMMIT" in asked:
                    self.lost += 1
                    dropping.set()
                server.sendall(asked)
            back.join(timeout=5)

    def _answers(
        self, server: socket.socket, client: socket.socket, dropping: threading.Event
    ) -> None:
        while answer := _received(server):
            if dropping.is_set():
                client.shutdown(socket.SHUT_RDWR)  # the server has committed, nobody hears of it
                return
            client.sendall(answer)


def _received(side: socket.socket) -> bytes:
    try:
        return side.recv(65536)
    except OSError:
        return b""


@contextmanager
def losing_one_answer(url: str) -> Iterator[tuple[str, LosingProxy]]:
    """The URL of the same database over a way that loses one answer."""
    parts = urlsplit(url)
    proxy = LosingProxy(str(parts.hostname), int(parts.port or 5432))
    place = f"{parts.username}:{parts.password}@127.0.0.1:{proxy.port}"
    try:
        yield urlunsplit((parts.scheme, place, parts.path, "sslmode=disable", "")), proxy
    finally:
        proxy.close()
