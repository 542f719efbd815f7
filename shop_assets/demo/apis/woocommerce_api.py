"""The answers of a WooCommerce site: routes, keys, lists and errors as WordPress has them."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from shop_assets.demo.apis import woocommerce_lists as lists
from shop_assets.demo.apis import woocommerce_objects as objects
from shop_assets.demo.apis.store import Stored

if TYPE_CHECKING:
    from shop_assets.demo.apis.woocommerce import Kind, WooCommerceServer


class PhpJson(JSONResponse):
    """JSON as PHP writes it: in ASCII, so that it can say even half a surrogate pair."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json.dumps(content, separators=(",", ":")).encode("ascii")


_ROUTES: tuple[tuple[str, Kind], ...] = (
    (r"/orders(?:/(?P<id>\d+))?", "order"),
    (r"/orders/(?P<parent>\d+)/refunds(?:/(?P<id>\d+))?", "refund"),
    (r"/refunds", "refund"),
    (r"/products(?:/(?P<id>\d+))?", "product"),
    (r"/products/(?P<parent>\d+)/variations(?:/(?P<id>\d+))?", "variation"),
    (r"/variations", "variation"),
    (r"/customers(?:/(?P<id>\d+))?", "customer"),
)
_POSTS = {"order": "shop_order", "refund": "shop_order_refund", "customer": "user"}
_PARENTS: dict[Kind, Kind] = {"refund": "order", "variation": "product"}
_NOT_FOUND = "<html><head><title>404 Not Found</title></head><body>Not Found</body></html>"
MAINTENANCE = (
    b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>"
    b"<h1>Briefly unavailable for scheduled maintenance. Check back in a minute.</h1></body></html>"
)
"""The body of a 503 while WordPress updates itself."""
PHP_WARNING = (
    b"<br />\n<b>Warning</b>:  Undefined array key &quot;rate&quot; in "
    b"<b>/var/www/html/wp-content/plugins/gift/gift.php</b> on line <b>118</b><br />\n"
)
"""What a careless plugin puts in front of an answer where errors are displayed."""


class ApiError(Exception):
    """An answer that is an error, as WordPress writes it."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, "data": {"status": status, **data}}


def application(shop: WooCommerceServer) -> Starlette:
    """The site: the API at its two addresses, and nothing else."""

    async def answer(request: Request) -> Response:
        route = _route(shop, request)
        if route is None:
            return HTMLResponse(_NOT_FOUND, 404)
        try:
            return _answered(shop, request, route)
        except ApiError as error:
            return PhpJson(error.body, error.status)
        except lists.ParameterError as error:
            code, message = "rest_invalid_param", f"Invalid parameter(s): {error.name}"
            wrong = ApiError(400, code, message, params={error.name: str(error)})
            return PhpJson(wrong.body, 400)

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(routes=[Route("/{path:path}", answer, methods=methods)])


def _route(shop: WooCommerceServer, request: Request) -> str | None:
    plain = request.query_params.get("rest_route")
    if plain is not None:
        return plain.rstrip("/")
    path = request.url.path
    if shop.plain_permalinks or not path.startswith("/wp-json/"):
        return None
    return path.removeprefix("/wp-json").rstrip("/")


def _answered(shop: WooCommerceServer, request: Request, route: str) -> Response:
    kind, given = _meant(shop, route)
    one = given.get("id")
    _authorise(shop, request, kind, one is not None)
    query = _query(request)
    decimals = int(query.get("dp", shop.decimals))
    parent = given.get("parent")
    if parent is not None and shop.store.get(_PARENTS[kind], parent) is None:
        name = "order" if kind == "refund" else "product"
        raise ApiError(404, f"woocommerce_rest_invalid_{name}_id", f"Invalid {name} ID.")
    if one is not None:
        stored = shop.store.get(kind, one)
        if stored is None or (parent is not None and stored.parent != parent):
            post = _POSTS.get(kind, "product")
            code = "woocommerce_rest_invalid_id" if kind == "customer" else None
            raise ApiError(404, code or f"woocommerce_rest_{post}_invalid_id", "Invalid ID.")
        return PhpJson(_shown(shop, stored, decimals, parent))
    page = lists.page(shop.store, kind, query, shop.zone, parent)
    url = str(request.url.replace(query=""))
    plain = {"rest_route": route} if "rest_route" in request.query_params else {}
    content = [_shown(shop, each, decimals, parent) for each in page.found]
    return PhpJson(content, headers=page.headers(url, {**plain, **query}))


def _meant(shop: WooCommerceServer, route: str) -> tuple[Kind, dict[str, str | None]]:
    """The kind of objects that a route is of, and the ids in it."""
    if route.startswith("/wc/v3/") and route.removeprefix("/wc/v3") not in shop.lacking:
        for pattern, kind in _ROUTES:
            if found := re.fullmatch(pattern, route.removeprefix("/wc/v3")):
                return kind, found.groupdict()
    no_route = "No route was found matching the URL and request method."
    raise ApiError(404, "rest_no_route", no_route)


def _shown(
    shop: WooCommerceServer, stored: Stored, decimals: int, parent: str | None
) -> objects.Object:
    body = stored.body
    if stored.kind in ("order", "refund"):
        body = objects.shown(body, decimals)
    if stored.kind == "refund" and parent is not None:
        body = {name: value for name, value in body.items() if name != "parent_id"}
    return body


def _query(request: Request) -> Mapping[str, str]:
    """The parameters, lists (`status[]=a&status[]=b`) joined by commas, without keys and route."""
    result: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in ("rest_route", "consumer_key", "consumer_secret"):
            continue
        plain = re.sub(r"\[\d*\]$", "", name)
        listed = plain != name and plain in result
        result[plain] = f"{result[plain]},{value}" if listed else value
    return result


def _authorise(shop: WooCommerceServer, request: Request, kind: Kind, single: bool) -> None:
    key, secret = _credentials(request)
    seen = "view this resource." if single else "list resources."
    if key != shop.key:
        raise ApiError(401, "woocommerce_rest_cannot_view", f"Sorry, you cannot {seen}")
    code = "woocommerce_rest_authentication_error"
    if secret != shop.secret:
        raise ApiError(401, code, "Consumer secret is invalid.")
    if request.method != "GET":
        raise ApiError(401, code, "The API key provided does not have write permissions.")
    if kind in shop.forbidden:
        raise ApiError(403, "woocommerce_rest_cannot_view", f"Sorry, you cannot {seen}")


def _credentials(request: Request) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            key, _, secret = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return key, secret
    query = request.query_params
    return query.get("consumer_key", ""), query.get("consumer_secret", "")
