"""Whose certificates calls to APIs trust, read once for all of them.

To read the hundred and fifty authorities that a system or `certifi` names takes longer than a call;
a client of httpx reads them for itself, and so does each of its proxies.
"""

from __future__ import annotations

import os
import ssl
from functools import cache

import httpx


def trusted() -> ssl.SSLContext:
    """What connections are verified by: `SSL_CERT_FILE`, `SSL_CERT_DIR`, or what `certifi` has.

    Files that the environment names are read each time, since they may be replaced meanwhile.
    """
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
    return httpx.create_ssl_context() if named else _of_certifi()


@cache
def _of_certifi() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
