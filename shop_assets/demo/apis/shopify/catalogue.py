"""Customers, products with their variants, and stock by location, as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shop_assets.demo.apis.shopify.values import amount_text, gid, level_gid, moment_text, money

QUANTITIES = (
    "available",
    "committed",
    "damaged",
    "incoming",
    "on_hand",
    "quality_control",
    "reserved",
    "safety_stock",
)
"""The names of an inventory level's quantities."""
_ON_HAND = ("available", "committed", "damaged", "quality_control", "reserved", "safety_stock")

Document = dict[str, Any]


@dataclass(frozen=True)
class NewCustomer:
    """A customer account. `created_at` and `updated_at`: microseconds since 1970."""

    number: int
    created_at: int
    updated_at: int
    email: str | None = None
    name: str | None = None
    country: str | None = None
    accepts_marketing: bool | None = None


@dataclass(frozen=True)
class NewVariant:
    """One of a product's variants. Amounts in micros of the shop's currency."""

    number: int
    sku: str | None
    price: int
    cost: int | None = None
    title: str = "Default Title"


@dataclass(frozen=True)
class NewProduct:
    """A product. `created_at` and `updated_at`: microseconds since 1970."""

    number: int
    title: str
    created_at: int
    updated_at: int
    variants: Sequence[NewVariant]
    product_type: str = ""
    vendor: str = "Demo"
    status: str = "ACTIVE"
    gift_card: bool = False


@dataclass(frozen=True)
class NewLevel:
    """What there is of a variant at a location; `on_hand` follows from the rest."""

    variant: int
    location: int
    updated_at: int
    quantities: Mapping[str, int] = field(default_factory=dict)


def customer(new: NewCustomer, currency: str) -> Document:
    """The document of a customer."""
    first, _, last = (new.name or "").partition(" ")
    state = {True: "SUBSCRIBED", False: "NOT_SUBSCRIBED", None: "NOT_SUBSCRIBED"}
    email = None
    if new.email is not None:
        email = {
            "emailAddress": new.email,
            "marketingState": state[new.accepts_marketing],
            "marketingUpdatedAt": None,
        }
    address = None
    if new.country is not None:
        address = {
            "id": gid("MailingAddress", new.number),
            "country": new.country,
            "countryCodeV2": new.country,
        }
    return {
        "__typename": "Customer",
        "id": gid("Customer", new.number),
        "legacyResourceId": str(new.number),
        "createdAt": moment_text(new.created_at),
        "updatedAt": moment_text(new.updated_at),
        "displayName": new.name or new.email or str(new.number),
        "firstName": first or None,
        "lastName": last or None,
        "state": "ENABLED",
        "tags": [],
        "note": None,
        "numberOfOrders": "0",
        "amountSpent": money(0, currency),
        "defaultEmailAddress": email,
        "defaultAddress": address,
    }


def product(new: NewProduct) -> Document:
    """The document of a product, without its variants."""
    return {
        "__typename": "Product",
        "id": gid("Product", new.number),
        "legacyResourceId": str(new.number),
        "title": new.title,
        "handle": "-".join(new.title.lower().split()) or str(new.number),
        "vendor": new.vendor,
        "productType": new.product_type,
        "status": new.status,
        "tags": [],
        "isGiftCard": new.gift_card,
        "totalInventory": 0,
        "createdAt": moment_text(new.created_at),
        "updatedAt": moment_text(new.updated_at),
        "publishedAt": moment_text(new.created_at),
    }


def variant(of: NewProduct, new: NewVariant, position: int) -> Document:
    """The document of a product's variant."""
    return {
        "__typename": "ProductVariant",
        "id": gid("ProductVariant", new.number),
        "legacyResourceId": str(new.number),
        "_product": gid("Product", of.number),
        "_item": gid("InventoryItem", new.number),
        "title": new.title,
        "displayName": f"{of.title} - {new.title}",
        "sku": new.sku,
        "barcode": None,
        "position": position,
        "price": amount_text(new.price),
        "compareAtPrice": None,
        "taxable": not of.gift_card,
        "inventoryQuantity": 0,
        "createdAt": moment_text(of.created_at),
        "updatedAt": moment_text(of.updated_at),
    }


def item(of: NewProduct, new: NewVariant, currency: str) -> Document:
    """The document of a variant's inventory item."""
    return {
        "__typename": "InventoryItem",
        "id": gid("InventoryItem", new.number),
        "legacyResourceId": str(new.number),
        "_variant": gid("ProductVariant", new.number),
        "sku": new.sku,
        "tracked": not of.gift_card,
        "requiresShipping": not of.gift_card,
        "createdAt": moment_text(of.created_at),
        "updatedAt": moment_text(of.updated_at),
        "unitCost": None if new.cost is None else money(new.cost, currency),
    }


def location(number: int, name: str, created_at: int, *, active: bool = True) -> Document:
    """The document of a location."""
    return {
        "__typename": "Location",
        "id": gid("Location", number),
        "legacyResourceId": str(number),
        "name": name,
        "isActive": active,
        "createdAt": moment_text(created_at),
        "updatedAt": moment_text(created_at),
    }


def level(new: NewLevel, created_at: int) -> Document:
    """The document of an inventory level."""
    quantities = {name: int(new.quantities.get(name, 0)) for name in QUANTITIES}
    quantities["on_hand"] = sum(quantities[name] for name in _ON_HAND)
    place, stocked = gid("Location", new.location), gid("InventoryItem", new.variant)
    return {
        "__typename": "InventoryLevel",
        "id": level_gid(place, stocked),
        "_item": stocked,
        "_item_number": new.variant,
        "_location": place,
        "_quantities": quantities,
        "isActive": True,
        "canDeactivate": not any(quantities.values()),
        "createdAt": moment_text(created_at),
        "updatedAt": moment_text(new.updated_at),
    }
