"""A short text that is another one where the configuration says something else."""

from __future__ import annotations

import hashlib

from sqlalchemy.engine import make_url

from shop_assets.settings.shop import ShopSettings, SqlSource

_PATIENCE = {
    *("connect_timeout", "statement_timeout", "timeout_seconds", "retry_budget_seconds"),
    *("requests_per_second", "page_size"),
}
"""How patiently a source is read: the rows are the same."""


def digest(settings: ShopSettings) -> str:
    """A digest of all that rows are made by.

    Passwords and keys have no part in it: a new one makes nothing else of the rows, and none can
    be guessed from it.
    """
    addresses = {
        name: _without_password(source.url)
        for name, source in settings.sources.items()
        if isinstance(source, SqlSource)
    }
    without = {name: _PATIENCE | {"url"} for name in addresses}
    # Of a `Secret`, JSON has nothing but stars.
    said = settings.model_dump_json(
        exclude={"sources": {name: without.get(name, _PATIENCE) for name in settings.sources}}
    )
    return hashlib.sha256(f"{said}{addresses}".encode()).hexdigest()[:16]


def _without_password(url: str) -> str:
    plain = make_url(url).set(password="").difference_update_query(["password"])
    return plain.render_as_string(hide_password=False)
