"""What each field of the schema gives, of the documents in the store.

Most fields are keys of the document. The rest stand here: the lists of the shop, references from
one object to another, and amounts, which are kept as short texts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, get_named_type

from shop_assets.demo.apis.serving import Clock
from shop_assets.demo.apis.shopify.connections import Listed, Source, page
from shop_assets.demo.apis.shopify.search import search
from shop_assets.demo.apis.shopify.values import gid, kind_of, level_gid, money_bag, seconds
from shop_assets.demo.apis.store import Store

ALL_ORDERS = "read_all_orders"
_RECENT = dt.timedelta(days=60)

Document = Mapping[str, Any]
Args = Mapping[str, Any]

_NEEDS: dict[tuple[str, str], tuple[str, ...]] = {
    **{("Query", name): ("read_orders",) for name in ("order", "orders", "refund")},
    ("Query", "return"): ("read_returns",),
    ("Order", "returns"): ("read_returns",),
    ("Order", "customer"): ("read_customers",),
    ("Query", "customer"): ("read_customers",),
    ("Query", "customers"): ("read_customers",),
    **{
        ("Query", name): ("read_products",)
        for name in ("product", "products", "productVariant", "productVariants")
    },
    ("LineItem", "product"): ("read_products",),
    ("LineItem", "variant"): ("read_products",),
    ("ProductVariant", "inventoryItem"): ("read_inventory", "read_products"),
    **{
        ("Query", name): ("read_inventory", "read_products")
        for name in ("inventoryItem", "inventoryItems")
    },
    ("Query", "inventoryLevel"): ("read_inventory",),
    ("InventoryItem", "inventoryLevel"): ("read_inventory",),
    ("InventoryItem", "inventoryLevels"): ("read_inventory",),
    ("Location", "inventoryLevels"): ("read_inventory",),
    ("Query", "location"): ("read_locations", "read_inventory"),
    ("Query", "locations"): ("read_locations", "read_inventory"),
}
"""The scopes of which a field needs one."""

_OF_NODE = {
    "Order": "read_orders",
    "Refund": "read_orders",
    "Return": "read_returns",
    "Customer": "read_customers",
    "Product": "read_products",
    "ProductVariant": "read_products",
    "InventoryItem": "read_inventory",
    "InventoryLevel": "read_inventory",
    "Location": "read_locations",
}
_ROOT_LISTS = {
    "orders": "Order",
    "customers": "Customer",
    "products": "Product",
    "productVariants": "ProductVariant",
    "inventoryItems": "InventoryItem",
    "locations": "Location",
    "bulkOperations": "BulkOperation",
}
_COLUMNS = {"CREATED_AT": "created", "PROCESSED_AT": "created", "UPDATED_AT": "updated"}
_PARTS = {"Refund": "refunds", "Return": "returns"}


@dataclass
class Reading:
    """One request: who asks, and what was looked up for it already."""

    store: Store
    clock: Clock
    scopes: frozenset[str]
    version: str
    bulk: Callable[[str | None], Document | None]
    """The bulk operation of an id, or the newest; asking lets it go on."""
    run: Callable[[str, Args, Reading], Document] | None = None
    """Performs a mutation."""
    base_url: str = ""
    warnings: list[dict[str, Any]] = field(default_factory=list)
    _seen: dict[str, Document | None] = field(default_factory=dict)

    def get(self, id: str | None) -> Document | None:  # noqa: A002
        """The object of an id; None where there is none that the app may know of."""
        if id is None:
            return None
        if id not in self._seen:
            kind = kind_of(id)
            stored = self.store.get(kind, id)
            found: Document | None = stored.body if stored else None
            if stored and kind in _PARTS:
                order = self.get(stored.parent) or {}
                found = next((p for p in order.get(_PARTS[kind], ()) if p["id"] == id), None)
            elif stored and kind == "Order" and stored.created < self._since():
                found = None
            self._seen[id] = found
        return self._seen[id]

    def begin(self, node: Document) -> None:
        """Go on to a list's next object: what was looked up for others need not be held."""
        self._seen.clear()
        self.remember(node)

    def remember(self, node: Document) -> None:
        """An object that was read already need not be looked up."""
        if node.get("__typename") == "Order":
            self._seen[node["id"]] = node

    def listed(
        self,
        kind: str,
        args: Args,
        *,
        path: str,
        where: str = "1",
        values: tuple[object, ...] = (),
    ) -> Listed:
        """The objects of a kind that the arguments of a list ask for."""
        found = search(kind, args.get("query"))
        if found.warnings:
            shown = {"path": [path], "query": args.get("query"), "warnings": found.warnings}
            self.warnings.append(shown)
        where, values = f"({found.where}) AND ({where})", (*found.values, *values)
        if kind == "Order" and self._since():
            where, values = f"({where}) AND created >= ?", (*values, self._since())
        column = _COLUMNS.get(args.get("sortKey") or "", "number")
        return Listed(self.store, kind, where, values, column, bool(args.get("reverse")))

    def _since(self) -> int:
        """Orders from before are hidden from apps that may not read all."""
        return 0 if ALL_ORDERS in self.scopes else seconds(self.clock.now() - _RECENT)


def resolver(source: Any, info: GraphQLResolveInfo, **args: Any) -> Any:
    """The field resolver of the server; `info.context` is the `Reading`."""
    value = looked_up(info.context, info.parent_type.name, info.field_name, source, args)
    result = shown(value, get_named_type(info.return_type).name, args)
    if info.field_name == "orders":
        for node in result["nodes"]:
            info.context.remember(node)
    return result


def shown(value: Any, kind: str, args: Args) -> Any:
    """A looked-up value as the answer has it."""
    if kind.endswith("Connection"):
        return page(value, args)
    if isinstance(value, str) and kind == "MoneyBag":
        return money_bag(value)
    if isinstance(value, str) and kind == "MoneyV2":
        return money_bag(value)["shopMoney"]
    if isinstance(value, list) and args.get("first") is not None:
        return value[: args["first"]]
    return value


def looked_up(reading: Reading, kind: str, name: str, source: Any, args: Args) -> Any:
    """A field's value; of a connection, the list behind it. `GraphQLError` without access."""
    needed = _NEEDS.get((kind, name))
    if needed and not reading.scopes.intersection(needed):
        raise denied(name, needed)
    special = _SPECIAL.get((kind, name))
    if special is not None:
        return special(reading, source, args)
    if kind == "Query":
        return _root(reading, name, args)
    if kind == "Mutation" and reading.run is not None:
        return reading.run(name, args, reading)
    return source.get(name)


def denied(name: str, needed: Sequence[str]) -> GraphQLError:
    """What the API says to whom lacks a scope."""
    access = " or ".join(f"`{scope}`" for scope in needed) + " access scope."
    return GraphQLError(
        f"Access denied for {name} field. Required access: {access}",
        extensions={
            "code": "ACCESS_DENIED",
            "documentation": "https://shopify.dev/api/usage/access-scopes",
            "requiredAccess": access,
        },
    )


def _root(reading: Reading, name: str, args: Args) -> Any:
    if name in _ROOT_LISTS:
        kind = _ROOT_LISTS[name]
        if kind == "Location" and not args.get("includeInactive"):
            active = "json_extract(body, '$.isActive') = 1"
            return reading.listed(kind, args, path=name, where=active)
        return reading.listed(kind, args, path=name)
    return reading.get(args["id"])


def _installation(reading: Reading, _: Any, __: Args) -> Document:
    scopes = [{"handle": s, "description": s} for s in sorted(reading.scopes)]
    return {"id": gid("AppInstallation", 1), "accessScopes": scopes}


def _node(reading: Reading, id_: str) -> Document | None:
    kind = kind_of(id_)
    if kind == "BulkOperation":
        return reading.bulk(id_)
    scope = _OF_NODE.get(kind)
    if scope and scope not in reading.scopes:
        raise denied("node", (scope,))
    return reading.get(id_) if scope else None


def _line(reading: Reading, source: Document, _: Args) -> Document | None:
    order = reading.get(source["_order"]) or {}
    return next((x for x in order.get("lineItems", ()) if x["id"] == source["_line"]), None)


def _of_id(key: str) -> Callable[[Reading, Document, Args], Document | None]:
    return lambda reading, source, _: reading.get(source.get(key))


def _levels(reading: Reading, source: Document, args: Args) -> Source:
    return reading.listed(
        "InventoryLevel", args, path="inventoryLevels", where="parent = ?", values=(source["id"],)
    )


def _levels_of_item(reading: Reading, source: Document, _: Args) -> Source:
    places = reading.store.select("Location")
    found = (reading.get(level_gid(place.id, source["id"])) for place in places)
    return [level for level in found if level is not None]


def _quantities(_: Reading, source: Document, args: Args) -> list[Document]:
    kept: Mapping[str, int] = source["_quantities"]
    for name in args["names"]:
        if name not in kept:
            raise GraphQLError(
                f"The quantity name is invalid: {name}", extensions={"code": "BAD_REQUEST"}
            )
    return [
        {
            "__typename": "InventoryQuantity",
            "id": f"{source['id']}&name={name}".replace("InventoryLevel", "InventoryQuantity"),
            "name": name,
            "quantity": kept[name],
            "updatedAt": source["updatedAt"],
        }
        for name in args["names"]
    ]


def _parent(reading: Reading, source: Document, _: Args) -> Document | None:
    order = reading.get(source["_order"]) or {}
    return next((t for t in order.get("transactions", ()) if t["id"] == source["_parent"]), None)


def _variants(reading: Reading, source: Document, args: Args) -> Source:
    return reading.listed(
        "ProductVariant", args, path="variants", where="parent = ?", values=(source["id"],)
    )


def _refunds_of_return(reading: Reading, source: Document, _: Args) -> Source:
    order = reading.get(source["_order"]) or {}
    return [r for r in order.get("refunds", ()) if r["_return"] == source["id"]]


_SPECIAL: dict[tuple[str, str], Callable[[Reading, Any, Args], Any]] = {
    ("Query", "shop"): lambda reading, _, __: reading.get(gid("Shop", 1)),
    ("Query", "node"): lambda reading, _, args: _node(reading, args["id"]),
    ("Query", "nodes"): lambda reading, _, args: [_node(reading, i) for i in args["ids"]],
    ("Query", "bulkOperation"): lambda reading, _, args: reading.bulk(args["id"]),
    ("Query", "currentBulkOperation"): lambda reading, _, __: reading.bulk(None),
    ("Query", "currentAppInstallation"): _installation,
    ("Order", "customer"): _of_id("customer"),
    ("LineItem", "product"): _of_id("product"),
    ("LineItem", "variant"): _of_id("variant"),
    ("RefundLineItem", "lineItem"): _line,
    ("FulfillmentLineItem", "lineItem"): _line,
    ("ProductSale", "lineItem"): _line,
    ("GiftCardSale", "lineItem"): _line,
    ("Refund", "order"): _of_id("_order"),
    ("Refund", "return"): _of_id("_return"),
    ("Return", "order"): _of_id("_order"),
    ("Return", "refunds"): _refunds_of_return,
    ("OrderTransaction", "order"): _of_id("_order"),
    ("OrderTransaction", "parentTransaction"): _parent,
    ("OrderAgreement", "order"): _of_id("_order"),
    ("RefundAgreement", "refund"): _of_id("_refund"),
    ("ReturnAgreement", "return"): _of_id("_return"),
    ("Fulfillment", "location"): _of_id("location"),
    ("RefundLineItem", "location"): _of_id("location"),
    ("Product", "variants"): _variants,
    ("ProductVariant", "product"): _of_id("_product"),
    ("ProductVariant", "inventoryItem"): _of_id("_item"),
    ("InventoryItem", "variant"): _of_id("_variant"),
    ("InventoryItem", "inventoryLevels"): _levels_of_item,
    ("InventoryItem", "inventoryLevel"): lambda reading, source, args: reading.get(
        level_gid(args["locationId"], source["id"])
    ),
    ("InventoryLevel", "item"): _of_id("_item"),
    ("InventoryLevel", "location"): _of_id("_location"),
    ("InventoryLevel", "quantities"): _quantities,
    ("Location", "inventoryLevels"): _levels,
}
