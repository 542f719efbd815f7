"""Which addresses a source may have."""

from __future__ import annotations

import ipaddress

from shop_assets.sources.errors import SourceError


def refuse_link_local(name: str, host: str) -> None:
    """Addresses at which clouds hand out their machines' credentials are no sources."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return
    if address.is_link_local:
        raise SourceError(f"{name}: {host} is a link-local address; a source's server is expected")
