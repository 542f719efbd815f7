"""Calls go where they were meant to: certificates, proxies, redirects and private addresses."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from shop_assets.sources import addresses
from shop_assets.sources.addresses import refuse_private
from shop_assets.sources.errors import SourceError
from shop_assets_tests.sources.api_clients import Served, client, served

PUBLIC = "93.184.216.34"


@pytest.fixture
def server() -> Iterator[Served]:
    with served() as found:
        yield found


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA, tmp_path: Path) -> Iterator[Served]:
    """A server whose certificate is of an authority that nobody knows."""
    made = authority.issue_cert("127.0.0.1", "localhost")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    for part in made.cert_chain_pems:
        part.write_to_path(chain, append=True)
    made.private_key_pem.write_to_path(key)
    with served(tls=(chain, key)) as found:
        yield found


def test_a_certificate_of_an_unknown_authority_is_refused_at_once(secure: Served) -> None:
    api = client(secure.url)
    with pytest.raises(SourceError, match=r"(?i)certificate verify failed") as caught:
        api.get("things")
    assert not caught.value.transient
    assert secure.faults.calls == []
    with pytest.raises(SourceError, match=r"(?i)certificate verify failed"):
        list(api.lines(f"{secure.url}/file"))
    api.close()


def test_an_authority_that_the_environment_names_is_trusted(
    secure: Served, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    api = client(secure.url)
    assert api.get("things").status == 200
    assert list(api.lines(f"{secure.url}/file")) == [b'{"ok": 1.10}']
    api.close()


def test_a_certificate_of_another_host_is_refused(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, pem = tmp_path / "ca.pem", tmp_path / "both.pem"
    authority.cert_pem.write_to_path(bundle)
    authority.issue_cert("shop.example").private_key_and_cert_chain_pem.write_to_path(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with served(tls=(pem, pem)) as found:
        api = client(found.url)
        with pytest.raises(SourceError, match=r"(?i)certificate verify failed"):
            api.get("things")
        api.close()


class Proxy(socketserver.ThreadingTCPServer):
    """Answers every request by itself and keeps its first line."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.asked: list[str] = []


class _Asked(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        first = self.rfile.readline().decode()
        while self.rfile.readline().strip():
            pass
        server: Any = self.server
        server.asked.append(first.strip())
        if first.startswith("CONNECT"):
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        else:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def test_a_proxy_of_the_environment_is_used(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"http://127.0.0.1:{proxy.server_address[1]}"
    monkeypatch.setenv("HTTP_PROXY", address)
    monkeypatch.setenv("HTTPS_PROXY", address)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    plain = client("http://shop.invalid")
    assert plain.get("things").json == {}
    # A name that only the proxy can look up, and no private address that we would know of.
    secured = client("https://shop.invalid", allow_private=False, retry_budget_seconds=0)
    with pytest.raises(SourceError, match="403"):
        secured.get("things")
    asked = ["GET http://shop.invalid/things HTTP/1.1", "CONNECT shop.invalid:443 HTTP/1.1"]
    assert proxy.asked == asked
    with pytest.raises(SourceError, match="a private address"):
        list(secured.lines("https://10.0.0.1/file"))
    assert proxy.asked == asked
    plain.close()
    secured.close()


def test_hosts_that_need_no_proxy_are_asked_themselves(
    server: Served, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.server_address[1]}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    api = client(server.url)
    api.get("things")
    assert proxy.asked == []
    api.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_call_is_never_redirected(server: Served, status: int) -> None:
    server.faults.answer(status, b"", headers={"location": f"{server.url}/other"})
    api = client(server.url)
    with pytest.raises(SourceError, match=rf"is redirected to {server.url}/other; the API's own"):
        api.get("things")
    assert len(server.faults.calls) == 1
    api.close()


def test_a_download_follows_redirects_but_not_for_ever(server: Served) -> None:
    api = client(server.url)
    server.faults.answer(302, b"", headers={"location": "/there"}, times=2)
    assert list(api.lines(f"{server.url}/file")) == [b'{"ok": 1.10}']
    server.faults.answer(302, b"", headers={"location": "/there"}, times=None)
    with pytest.raises(SourceError, match="redirects more than 5 times"):
        list(api.lines(f"{server.url}/file"))
    api.close()


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "::1", "fe80::1", "fc00::1", "::ffff:10.0.0.1"),
        "64:ff9b::a00:1",
    ],
)
def test_private_addresses_are_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    literal = f"[{address}]" if ":" in address else address
    with pytest.raises(SourceError, match="a private address; a public one is expected"):
        refuse_private("shop", f"https://{literal}/x", "its file")
    _names(monkeypatch, {"inside.example": address})
    with pytest.raises(SourceError, match=r"its file is at inside\.example, a private address"):
        refuse_private("shop", "https://inside.example/x", "its file")


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700::1111", "64:ff9b::5db8:d822"])
def test_public_addresses_are_taken(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _names(monkeypatch, {"outside.example": address})
    refuse_private("shop", "https://outside.example/x", "its file")


@pytest.mark.parametrize("url", ["http://shop.example/x", "ftp://shop.example", "https:///x", "x"])
def test_what_is_not_https_is_refused(url: str) -> None:
    with pytest.raises(SourceError, match="not at an https:// address"):
        refuse_private("shop", url, "its file")


def test_a_host_that_is_not_found_is_a_transient_error() -> None:
    with pytest.raises(SourceError, match=r"the host shop\.invalid is not found") as caught:
        refuse_private("shop", "https://shop.invalid", "it")
    assert caught.value.transient


def test_an_api_at_a_private_address_is_refused(secure: Served) -> None:
    api = client(secure.url, allow_private=False)
    with pytest.raises(SourceError, match=r"it is at 127\.0\.0\.1, a private address"):
        api.get("things")
    assert secure.faults.calls == []
    api.close()


def test_a_name_that_means_another_address_when_called_is_refused(
    secure: Served, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked up, the name is public; the connection then leads to this machine."""
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    port = int(secure.url.rpartition(":")[2])
    api = client(f"https://localhost:{port}", allow_private=False)
    _names(monkeypatch, {"localhost": PUBLIC})
    with pytest.raises(SourceError, match=r"its file is at localhost, a private address"):
        list(api.lines(f"https://localhost:{port}/file"))
    with pytest.raises(SourceError, match=r"it is at localhost, a private address"):
        api.get("things")
    api.close()


def test_a_download_that_is_redirected_inside_is_refused(
    secure: Served, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    api = client(secure.url)
    secure.faults.answer(302, b"", headers={"location": "https://169.254.169.254/latest"})
    # The first address is let pass, as a public one would be.
    first = f"{secure.url}/file"
    taken = addresses.refuse_private

    def all_but_the_first(where: str, url: str, what: str) -> None:
        if url != first:
            taken(where, url, what)

    monkeypatch.setattr("shop_assets.sources.http.refuse_private", all_but_the_first)
    api._allow_private = False
    with pytest.raises(SourceError, match=r"its file is at 169\.254\.169\.254, a private address"):
        list(api.lines(first))
    assert len(secure.faults.calls) == 1
    api.close()


@pytest.mark.parametrize(
    "written",
    [
        *("169.254.169.254", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "169.254.43518"),
        *("[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[fe80::1]", "[fd00:ec2::254]"),
        "100.100.100.200",
    ],
)
def test_where_clouds_give_out_credentials_is_no_api_however_it_is_written(written: str) -> None:
    with pytest.raises(SourceError, match="a link-local address; a source's server is expected"):
        client(f"http://{written}", allow_private=True)


def test_a_name_of_the_address_of_credentials_is_refused_even_where_private_ones_are_not(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = client(server.url, allow_private=True)
    server.faults.answer(302, b"", headers={"location": "http://2852039166/latest"})
    with pytest.raises(SourceError, match="2852039166 is a link-local address"):
        list(api.lines(f"{server.url}/file"))
    api.close()
    api = client("http://inside.example", allow_private=True)
    _names(monkeypatch, {"inside.example": "169.254.169.254"})
    with pytest.raises(SourceError, match=r"inside\.example is a link-local address"):
        api.get("things")
    api.close()


def _names(monkeypatch: pytest.MonkeyPatch, known: dict[str, str]) -> None:
    """Let names be looked up as a name server might say, for the check alone."""

    def found(host: str, port: int, flags: int = 0, **_: Any) -> list[Any]:
        if flags & socket.AI_NUMERICHOST:
            return socket.getaddrinfo(host, port, flags=flags)
        family = socket.AF_INET6 if ":" in known[host] else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (known[host], port))]

    class Looked:
        SOCK_STREAM = socket.SOCK_STREAM
        AI_NUMERICHOST = socket.AI_NUMERICHOST
        getaddrinfo = staticmethod(found)

    monkeypatch.setattr(addresses, "socket", Looked)
