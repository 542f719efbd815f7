"""Whose certificates calls to APIs trust, read once for all of them.

To read the hundred and fifty authorities that a system or `certifi` names takes longer than a call;
a client of httpx reads them for itself, and so does each of its proxies.
"""

from __future__ import annotations

import os
import ssl
from functools import cache, lru_cache
from pathlib import Path

import httpx


def trusted() -> ssl.SSLContext:
    """What connections are verified by: `SSL_CERT_FILE`, `SSL_CERT_DIR`, or what `certifi` has.

    A file that the environment names is read again once it has been replaced, a folder each time.
    """
    if file := os.environ.get("SSL_CERT_FILE"):
        found = Path(file).stat()
        return _of_file(file, found.st_ino, found.st_size, found.st_ctime_ns)
    return httpx.create_ssl_context() if os.environ.get("SSL_CERT_DIR") else _of_certifi()


@lru_cache(maxsize=1)
def _of_file(file: str, inode: int, size: int, changed_at: int) -> ssl.SSLContext:
    """What a file has that looks like this one."""
    return httpx.create_ssl_context()


@cache
def _of_certifi() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
