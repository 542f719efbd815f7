"""Stripe's API over HTTP: keys, limits, versions, lists and single objects of one account."""

from __future__ import annotations

import base64
import binascii
import json
import re
import threading
from collections.abc import Collection, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shop_assets.demo.apis.serving import Clock
from shop_assets.demo.apis.store import Store
from shop_assets.demo.apis.stripe import problems
from shop_assets.demo.apis.stripe.account import StripeAccount
from shop_assets.demo.apis.stripe.limits import Buckets, CallLimits
from shop_assets.demo.apis.stripe.lists import LISTS, expanded, is_gone, page, shown_as
from shop_assets.demo.apis.stripe.problems import ProblemError

KEY = "sk_test_shop_assets_demo"
"""The secret key of a server that is given no other."""

_VERSION = re.compile(r"20\d{2}-\d{2}-\d{2}(\.[a-z]+)?")


class StripeServer(StripeAccount):
    """An account and the API that shows it; `app` is the ASGI application.

    `key` may read everything; `restricted` says of further keys which permissions they have
    (`rak_charge_read`, …). `account` is what `Stripe-Account` may name. Further options are
    `StripeAccount`'s.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        key: str = KEY,
        restricted: Mapping[str, Collection[str]] | None = None,
        account: str = "acct_1ShopAssetsDemo0",
        limits: CallLimits | None = None,
        **options: Any,
    ) -> None:
        super().__init__(store, clock, **options)
        self.limits = Buckets(limits or CallLimits())
        self._key = key
        self._restricted = dict(restricted or {})
        self._account = account
        self._locked = 0
        self._requests = 0
        self._counting = threading.Lock()
        self.app = Starlette(
            routes=[
                Route("/v1/{name}", self._list),
                Route("/v1/{name}/{id}", self._one),
                Route("/{rest:path}", self._unknown),
            ],
            exception_handlers={ProblemError: self._refuse},
        )

    def lock(self, calls: int = 1) -> None:
        """Answer so many calls as if another one held their object: `lock_timeout`."""
        with self._counting:
            self._locked = calls

    async def _list(self, request: Request) -> Response:
        name = request.path_params["name"]
        self._let_in(request, name)
        return self._answer(page(self, name, request.query_params.multi_items()))

    async def _one(self, request: Request) -> Response:
        name, key = request.path_params["name"], request.path_params["id"]
        self._let_in(request, name)
        found = self.store.get(LISTS[name].kind, key)
        if found is None or is_gone(self, found):
            raise problems.no_such(LISTS[name].kind, key, "id", 404)
        paths = [value for name, value in request.query_params.multi_items() if name == "expand[]"]
        return self._answer(expanded(self, shown_as(self, found.body), paths))

    async def _unknown(self, request: Request) -> Response:
        raise _unrecognized(request)

    def _let_in(self, request: Request, name: str) -> None:
        """Raise `ProblemError` unless the call may be answered."""
        key = _given_key(request.headers.get("authorization", ""))
        if not key:
            raise problems.no_key()
        if key != self._key and key not in self._restricted:
            raise problems.wrong_key(key)
        if name not in LISTS:
            raise _unrecognized(request)
        account = request.headers.get("stripe-account", self._account)
        if account != self._account:
            raise problems.no_account(key, account)
        version = request.headers.get("stripe-version", self.api_version)
        if not _VERSION.fullmatch(version):
            raise ProblemError(400, f"Invalid Stripe API version: {version}")
        refused = self.limits.refuses(request.scope["route"].path.replace("{name}", name))
        if refused is not None:
            raise problems.too_fast(refused)
        permission = LISTS[name].permission
        if key != self._key and permission not in self._restricted[key]:
            raise problems.lacks(key, self._account, permission)
        with self._counting:
            if self._locked:
                self._locked -= 1
                raise problems.locked()

    async def _refuse(self, _: Request, problem: Exception) -> Response:
        if not isinstance(problem, ProblemError):
            raise problem
        return self._answer(problem.body, problem.status, problem.headers)

    def _answer(
        self, body: Any, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        with self._counting:
            self._requests += 1
            number = self._requests
        return Response(
            json.dumps(body),
            status,
            headers={
                "content-type": "application/json",
                "request-id": f"req_{number:014d}",
                "stripe-version": self.api_version,
                **(headers or {}),
            },
        )


def stripe_app(store: Store, clock: Clock, **options: Any) -> Starlette:
    """The API of an account whose objects are in `store`; options as `StripeServer` has them."""
    return StripeServer(store, clock, **options).app


def _given_key(header: str) -> str:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _unrecognized(request: Request) -> ProblemError:
    return ProblemError(
        404,
        f"Unrecognized request URL ({request.method}: {request.url.path}). Please see "
        "https://stripe.com/docs or we can help at https://support.stripe.com/.",
    )
