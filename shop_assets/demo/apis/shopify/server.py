"""Shopify's Admin GraphQL API, as far as a reader of sales and stock sees it."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    NameNode,
    OperationDefinitionNode,
    execute_sync,
    parse,
    validate,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shop_assets.demo.apis.serving import Clock
from shop_assets.demo.apis.shopify.bulk import BulkOperations
from shop_assets.demo.apis.shopify.cost import MOST, Bucket, Query
from shop_assets.demo.apis.shopify.resolve import ALL_ORDERS, Args, Reading, resolver
from shop_assets.demo.apis.shopify.schema import schema
from shop_assets.demo.apis.shopify.shop import ShopifyShop
from shop_assets.demo.apis.store import Store

TOKEN = "shpat_simulated"  # noqa: S105
"""The access token that a server knows unless it is told of others."""
SCOPES = frozenset(
    {
        ALL_ORDERS,
        "read_orders",
        "read_returns",
        "read_customers",
        "read_products",
        "read_inventory",
        "read_locations",
    }
)
_VERSION = re.compile(r"20\d\d-(01|04|07|10)|unstable")
_NAME, _ANY_NAME = re.compile(r"\{\s*(\w+)\s*:\s*\w"), "any_name"
_UNKNOWN_TOKEN = "[API] Invalid API key or access token (unrecognized login or wrong password)"  # noqa: S105


class ShopifyServer(ShopifyShop):
    """A shop and its API: `POST /admin/api/{version}/graphql.json`.

    `tokens`: the scopes of each access token. The bucket's clock is the machine's unless given
    (`now`, in seconds): a shop whose own clock stands still is not throttled for ever.
    """

    def __init__(  # noqa: PLR0913
        self,
        store: Store,
        clock: Clock,
        *,
        tokens: Mapping[str, frozenset[str]] | None = None,
        name: str = "demo",
        currency: str = "EUR",
        taxes_included: bool = False,
        points: float = 2000.0,
        points_per_second: float = 100.0,
        now: Callable[[], float] = time.monotonic,
        results: Path | None = None,
    ) -> None:
        super().__init__(store, clock, name=name, currency=currency, taxes_included=taxes_included)
        self.tokens = dict(tokens or {TOKEN: SCOPES})
        self.frozen = False
        """Whether the shop is locked: every call is then answered 403."""
        self.bulk = BulkOperations(store, clock, folder=results)
        self.queries: list[str] = []
        """Names of the top-level fields that were asked for, one entry for each call."""
        self._limits = (points, points_per_second, now)
        self._buckets: dict[str, Bucket] = {}
        self.app = Starlette(
            routes=[
                Route("/admin/api/{version}/graphql.json", self._graphql, methods=["POST"]),
                Route("/bulk/{number}.jsonl", self._file, methods=["GET"]),
            ]
        )

    async def _graphql(self, request: Request) -> Response:
        version = request.path_params["version"]
        headers = {"x-shopify-api-version": version}
        if not _VERSION.fullmatch(version):
            return JSONResponse({"errors": "Not Found"}, 404)
        token = request.headers.get("x-shopify-access-token", "")
        if token not in self.tokens:
            return JSONResponse({"errors": _UNKNOWN_TOKEN}, 401, headers)
        if self.frozen:
            return JSONResponse({"errors": "[API] This shop's API is locked"}, 403, headers)
        try:
            body = json.loads(await request.body())
            text, variables = body["query"], body.get("variables") or {}
        except (ValueError, KeyError, TypeError):
            said = {"errors": {"query": "Required parameter missing or invalid"}}
            return JSONResponse(said, 400, headers)
        base_url = str(request.base_url).rstrip("/")
        scopes = self.tokens[token]
        reading = Reading(
            self.store, self.clock, scopes, version, self.bulk.look, self._run, base_url
        )
        answer = self._answered(text, variables, reading, self._bucket(token))
        return Response(json.dumps(answer), 200, headers, "application/json")

    def _answered(
        self, text: str, variables: Mapping[str, Any], reading: Reading, bucket: Bucket
    ) -> dict[str, Any]:
        """The answer of one call. What is wrong with a query is said in it, with status 200."""
        try:
            document = _parsed(text)
        except GraphQLError as error:
            return {"errors": [error.formatted]}
        query = Query.of(schema(), document, variables)
        requested = query.requested()
        cost: dict[str, Any] = {"requestedQueryCost": requested, "actualQueryCost": None}
        if requested > MOST:
            said = f"Query cost is {requested}, which exceeds the single query max cost limit"
            said += f" ({MOST})."
            return _failed(said, {"code": "MAX_COST_EXCEEDED", "cost": requested, "maxCost": MOST})
        if not bucket.take(requested):
            cost["throttleStatus"] = bucket.status()
            return {**_failed("Throttled", {"code": "THROTTLED"}), "extensions": {"cost": cost}}
        self.queries.append(",".join(_names(query)))
        result = execute_sync(
            schema(),
            document,
            context_value=reading,
            variable_values=dict(variables),
            field_resolver=resolver,
        )
        actual = query.actual(result.data)
        bucket.give_back(requested - actual)
        cost.update(actualQueryCost=actual, throttleStatus=bucket.status())
        extensions: dict[str, Any] = {"cost": cost}
        if reading.warnings:
            extensions["search"] = reading.warnings
        answer: dict[str, Any] = {"data": result.data, "extensions": extensions}
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        return answer

    def _run(self, name: str, args: Args, reading: Reading) -> dict[str, Any]:
        if name == "bulkOperationCancel":
            return self.bulk.cancel(args["id"])
        # The operation goes on after this request, with the same rights.
        own = replace(reading, warnings=[], _seen={})
        return self.bulk.run(args["query"], own, grouped=args["groupObjects"])

    async def _file(self, request: Request) -> Response:
        signature = request.query_params.get("signature", "")
        status, path = self.bulk.file(request.path_params["number"], signature)
        if path is None:
            code = "ExpiredToken" if status == 403 else "NoSuchKey"
            return Response(f"<Error><Code>{code}</Code></Error>", status, {}, "application/xml")
        return Response(path.read_bytes(), media_type="application/jsonl")

    def _bucket(self, token: str) -> Bucket:
        if token not in self._buckets:
            points, rate, now = self._limits
            self._buckets[token] = Bucket(now, points, rate)
        return self._buckets[token]


def shopify_app(store: Store, clock: Clock, **options: Any) -> Starlette:
    """The API of a shop as an ASGI application; `options`: those of `ShopifyServer`."""
    return ShopifyServer(store, clock, **options).app


def _parsed(text: str) -> DocumentNode:
    """A query that is valid. Under another name (`{name: orders…}`) it is not looked over again."""
    named = _NAME.search(text)
    if named is not None:
        with contextlib.suppress(GraphQLError):
            document = _valid(text[: named.start(1)] + _ANY_NAME + text[named.end(1) :])
            match document.definitions:
                case [OperationDefinitionNode() as operation]:
                    match operation.selection_set.selections:
                        case [FieldNode(alias=NameNode(value="any_name")) as field]:
                            return _renamed(operation, field, named.group(1))
    return _valid(text)


def _renamed(operation: OperationDefinitionNode, field: FieldNode, name: str) -> DocumentNode:
    given = copy(field)
    given.alias = NameNode(value=name)
    chosen = copy(operation.selection_set)
    chosen.selections = (given,)
    found = copy(operation)
    found.selection_set = chosen
    return DocumentNode(definitions=(found,))


@lru_cache(maxsize=256)
def _valid(text: str) -> DocumentNode:
    document = parse(text)
    wrong = validate(schema(), document)
    if wrong:
        raise wrong[0]
    return document


def _failed(message: str, extensions: Mapping[str, Any]) -> dict[str, Any]:
    shown = {**extensions, "documentation": "https://shopify.dev/api/usage/rate-limits"}
    return {"errors": [{"message": message, "extensions": shown}]}


def _names(query: Query) -> list[str]:
    chosen = query.operation.selection_set.selections
    return [node.name.value for node in chosen if hasattr(node, "name")]
