"""Stripe's API: its address, its version, its key, and what its errors mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from shop_assets.settings.apis import StripeSource
from shop_assets.sources.errors import SourceError
from shop_assets.sources.http import ApiClient, Classify, Reply, Retry
from shop_assets.sources.rate_limit import RateLimit

API = "https://api.stripe.com"
VERSION = "2025-09-30.clover"
"""Of the answers; events keep the version that the account had when they happened."""

_PERMISSION = re.compile(r"'(rak_[a-z_]+)'")
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


class MissingError(SourceError):
    """There is no object of that id."""


class LackingError(SourceError):
    """The key may not read this."""


def client(name: str, source: StripeSource, limit: RateLimit) -> ApiClient:
    """A client for the account of a source of that name."""
    where = f"{name} (Stripe)"
    headers = {"stripe-version": VERSION}
    if source.account is not None:
        headers["stripe-account"] = source.account
    return ApiClient(
        where,
        source.api_url or API,
        options=source,
        limit=limit,
        headers=headers,
        auth=(source.api_key.get_secret_value(), ""),
        classify=_classify(where),
    )


def _classify(where: str) -> Classify:
    def classify(reply: Reply) -> Retry | SourceError | None:
        error = _error(reply)
        code = str(error.get("code", ""))
        if error and (code == "lock_timeout" or reply.headers.get("stripe-should-retry") == "true"):
            return Retry(f"it answers {reply.status} ({code or 'try again'})")
        if reply.status == _UNAUTHORIZED:
            return SourceError(f"{where}: the key is not known; a valid api_key is expected")
        if reply.status == _FORBIDDEN:
            found = _PERMISSION.search(str(error.get("message", "")))
            what = f"lacks the permission {found[1]}" if found else "may not read this account"
            return LackingError(f"{where}: the key {what}; see docs/connect/stripe.md")
        if reply.status == _NOT_FOUND and code == "resource_missing":
            return MissingError(f"{where}: {str(error.get('message', ''))[:200]}")
        return None

    return classify


def _error(reply: Reply) -> Mapping[str, Any]:
    found = reply.json.get("error") if isinstance(reply.json, Mapping) else None
    return found if isinstance(found, Mapping) else {}
