"""User and password in a URL: what may stand there as it is, and what must be percent-encoded."""

from __future__ import annotations

import re
from urllib.parse import quote

# What stays as it is where a text was percent-encoded, by whichever of the usual functions.
_ENCODED = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:/-]|%[0-9A-Fa-f]{2})*")
_ACCESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<access>[^/?#@]*:[^/?#@]*)@")

ENCODED = "percent-encoded (@ as %40, / as %2F, : as %3A, # as %23, % as %25)"
"""How a user or password stands in a URL, in words."""


def in_url(secret: str) -> str:
    """A user or password as it stands in a URL.

    What is percent-encoded already stays so: it has a `%` with two digits, and nothing that
    encoding would have left out. All else is taken for the thing itself, whatever it holds. So
    the one secret that is misread is one that holds, say, `%41` and no other such character.
    """
    if "%" in secret and _ENCODED.fullmatch(secret):
        return secret
    return quote(secret, safe="")


def access_span(url: str) -> tuple[int, int]:
    """Where `user:password` stands in a URL: from, to; (0, 0) where it has none of both."""
    found = _ACCESS.match(url)
    return found.span("access") if found else (0, 0)


def has_lost_password(url: str) -> bool:
    """Whether a database's URL has an `@` behind the one that ends the password.

    That is a password with an `@` of its own, the rest of which would be taken for a host, a port
    or a database. A database's name may have one.
    """
    scheme, _, rest = url.partition("://")
    if scheme.startswith("sqlite"):
        return False
    address, _, options = rest.partition("@")[2].partition("?")
    server, _, database = address.partition("/")
    in_database = "/" in database.partition("@")[2]
    return "@" in server or in_database or "@" in options.partition("=")[0]
