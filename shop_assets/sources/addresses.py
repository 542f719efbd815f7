"""Which addresses a source may have."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from shop_assets.sources.errors import SourceError

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
# Where Alibaba Cloud, AWS and Google Cloud have theirs beside the link-local ones.
_CREDENTIALS = [
    ipaddress.ip_address(each) for each in ("100.100.100.200", "fd00:ec2::254", "fd20:ce::254")
]


def refuse_link_local(name: str, host: str) -> None:
    """Addresses at which clouds hand out their machines' credentials are no sources.

    However they are written: `2852039166` and `::ffff:169.254.169.254` are that address, too.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return
    for *_, address in found:
        refuse_credentials_address(name, str(address[0]), host)


def refuse_credentials_host(name: str, url: str) -> None:
    """`SourceError` where the URL's host is found at such an address; a proxy finds it itself."""
    host = urlsplit(url).hostname or ""
    refuse_link_local(name, host)
    if is_proxied(url):
        return
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return  # whoever calls it says so
    for *_, address in found:
        refuse_credentials_address(name, str(address[0]), host)


def refuse_credentials_address(name: str, address: str, host: str) -> None:
    """`SourceError` for an address at which a cloud hands out credentials."""
    found = _meant(address)
    if found.is_link_local or found in _CREDENTIALS:
        raise SourceError(f"{name}: {host} is a link-local address; a source's server is expected")


def refuse_private(where: str, url: str, what: str) -> None:
    """`SourceError` where the URL is not https://, or its host not at public addresses alone.

    Where a proxy is asked, it finds the address by itself: of a name nothing can be said then.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or not host:
        raise SourceError(f"{where}: {what} is not at an https:// address")
    if _is_address(host):
        refuse_private_address(where, host, host, what)
    if is_proxied(url):
        return
    try:
        found = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceError(
            f"{where}: the host {host} is not found: {error}", transient=True
        ) from None
    for *_, address in found:
        refuse_private_address(where, str(address[0]), host, what)


def refuse_private_address(where: str, address: str, host: str, what: str) -> None:
    """`SourceError` for an address that is not one of the internet's."""
    if not _is_public(address):
        raise SourceError(
            f"{where}: {what} is at {host}, a private address; a public one is expected "
            "(or allow_private: true)"
        )


def is_proxied(url: str) -> bool:
    """Whether the environment names a proxy for it, as httpx understands it."""
    parts = urlsplit(url)
    known = getproxies()
    if not (parts.scheme in known or "all" in known):
        return False
    return not proxy_bypass(parts.hostname or "")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_public(address: str) -> bool:
    found = _meant(address)
    return found.is_global and not found.is_multicast


def _meant(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """One of IPv6 that stands for one of IPv4 is as that one is."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found in _TRANSLATED:
            return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        return found.ipv4_mapped or found
    return found
