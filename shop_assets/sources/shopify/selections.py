"""What is asked of Shopify for each stream, as a query of pages or of a bulk operation."""

from __future__ import annotations

import json
from dataclasses import dataclass

MONEY = "{shopMoney{amount currencyCode}}"
AMOUNT = "{shopMoney{amount}}"


@dataclass(frozen=True)
class Part:
    """A list of objects within others: a connection.

    `kinds`: the types of its objects, by which they are told apart in a bulk operation's file.
    `first`: how many are asked for along with their parent; the rest, where there is one, apart.
    """

    field: str
    kinds: tuple[str, ...]
    fields: str
    parts: tuple[Part, ...] = ()
    first: int = 5
    arguments: str = ""

    def node(self, *, bulk: bool) -> str:
        """What is chosen of each object."""
        inner = " ".join(part.text(bulk=bulk) for part in self.parts)
        return f"__typename {self.fields} {inner}"

    def text(self, *, bulk: bool, size: str = "") -> str:
        """The connection, as it stands in a query; `size`: arguments that say how many."""
        if bulk:
            arguments = f"({self.arguments})" if self.arguments else ""
            return f"{self.field}{arguments}{{edges{{node{{{self.node(bulk=True)}}}}}}}"
        page = size or f"first:{self.first}"
        arguments = ",".join(filter(None, (page, self.arguments)))
        chosen = f"nodes{{{self.node(bulk=False)}}} pageInfo{{hasNextPage endCursor}}"
        return f"{self.field}({arguments}){{{chosen}}}"


_LINE_ITEMS = Part(
    "lineItems",
    ("LineItem",),
    "id title variantTitle sku quantity currentQuantity isGiftCard product{id} variant{id} "
    f"originalUnitPriceSet{AMOUNT} discountAllocations{{allocatedAmountSet{AMOUNT}}} "
    f"taxLines{{priceSet{AMOUNT}}}",
)
_SHIPPING_LINES = Part(
    "shippingLines",
    ("ShippingLine",),
    f"id title discountedPriceSet{AMOUNT} taxLines{{priceSet{AMOUNT}}}",
    first=2,
)
_SALES = Part(
    "sales",
    (
        *("ProductSale", "GiftCardSale", "ShippingLineSale", "AdjustmentSale", "DutySale"),
        *("FeeSale", "TipSale", "AdditionalFeeSale", "UnknownSale"),
    ),
    f"id actionType lineType quantity totalAmount{AMOUNT} totalTaxAmount{AMOUNT} "
    f"totalDiscountAmountBeforeTaxes{AMOUNT} totalDiscountAmountAfterTaxes{AMOUNT} "
    "... on ProductSale{lineItem{id}} ... on GiftCardSale{lineItem{id}}",
    first=4,
)
AGREEMENTS = Part(
    "agreements",
    ("OrderAgreement", "OrderEditAgreement", "RefundAgreement", "ReturnAgreement"),
    "id happenedAt reason",
    (_SALES,),
    first=2,
)
_ADDITIONS = Part(
    "agreements",
    AGREEMENTS.kinds,
    "id happenedAt reason",
    (
        Part(
            "sales",
            _SALES.kinds,
            "id ... on ProductSale{lineItem{id}} ... on GiftCardSale{lineItem{id}}",
            first=20,
        ),
    ),
    first=10,
)
_RETURN_LINES = Part(
    "returnLineItems",
    ("ReturnLineItem", "UnverifiedReturnLineItem"),
    "id quantity refundedQuantity returnReason returnReasonNote "
    "... on ReturnLineItem{fulfillmentLineItem{lineItem{id}}}",
    first=10,
)
_RETURNS = Part(
    "returns",
    ("Return",),
    "id name status createdAt closedAt totalQuantity",
    (_RETURN_LINES,),
    first=2,
)
_VARIANTS = Part(
    "variants",
    ("ProductVariant",),
    "id title sku barcode price position inventoryItem{id unitCost{amount currencyCode}}",
    first=10,
)
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
LEVELS = Part(
    "inventoryLevels",
    ("InventoryLevel",),
    "id updatedAt item{id sku variant{id}} "
    f"quantities(names:{json.dumps(QUANTITIES)}){{name quantity}}",
)

REFUND = Part(
    "refunds",
    ("Refund",),
    f"id createdAt processedAt note totalRefundedSet{AMOUNT}",
    (
        Part(
            "refundLineItems",
            ("RefundLineItem",),
            "id quantity restocked restockType lineItem{id} "
            f"subtotalSet{AMOUNT} totalTaxSet{AMOUNT}",
            first=10,
        ),
        Part(
            "refundShippingLines",
            ("RefundShippingLine",),
            f"id subtotalAmountSet{AMOUNT} taxAmountSet{AMOUNT}",
            first=2,
        ),
        Part(
            "orderAdjustments",
            ("OrderAdjustment",),
            f"id reason amountSet{AMOUNT} taxAmountSet{AMOUNT}",
            first=2,
        ),
    ),
)
REFUNDED_UNITS = Part(
    "refunds",
    ("Refund",),
    "id",
    (Part("refundLineItems", ("RefundLineItem",), "quantity lineItem{id}", first=20),),
)
ADDITIONS = Part("orders", ("Order",), "id", (_ADDITIONS,))
"""When the lines of edited orders were added: to be asked of each edited order."""

_ORDER = "id legacyResourceId updatedAt createdAt processedAt currencyCode taxesIncluded test"

ROOTS: dict[str, Part] = {
    "orders": Part(
        "orders",
        ("Order",),
        f"{_ORDER} name cancelledAt cancelReason closedAt confirmed edited email sourceName tags "
        "presentmentCurrencyCode displayFinancialStatus displayFulfillmentStatus returnStatus "
        f"customer{{id}} shippingAddress{{countryCodeV2}} totalPriceSet{AMOUNT} "
        f"totalTaxSet{AMOUNT} totalDiscountsSet{AMOUNT} currentTotalPriceSet{AMOUNT} "
        "customerJourneySummary{lastVisit{utmParameters{campaign source medium}}}",
        (_SHIPPING_LINES,),
    ),
    "order_lines": Part(
        "orders", ("Order",), f"{_ORDER} edited cancelledAt refunds{{id}}", (_LINE_ITEMS,)
    ),
    "refunds": Part("orders", ("Order",), f"{_ORDER} refunds{{id}}"),
    "returns": Part("orders", ("Order",), _ORDER, (_RETURNS,)),
    "agreements": Part("orders", ("Order",), _ORDER, (AGREEMENTS,)),
    "transactions": Part(
        "orders",
        ("Order",),
        f"{_ORDER} transactions{{id kind status gateway createdAt processedAt errorCode test "
        f"paymentId amountSet{MONEY} parentTransaction{{id}}}}",
    ),
    "customers": Part(
        "customers",
        ("Customer",),
        "id legacyResourceId updatedAt createdAt displayName firstName lastName state tags "
        "numberOfOrders amountSpent{amount currencyCode} defaultAddress{countryCodeV2} "
        "defaultEmailAddress{emailAddress marketingState}",
    ),
    "products": Part(
        "products",
        ("Product",),
        "id legacyResourceId updatedAt createdAt title productType vendor status tags isGiftCard",
        (_VARIANTS,),
    ),
    "inventory_levels": Part("locations", ("Location",), "id name isActive", (LEVELS,)),
}
"""By stream: the list of the shop that it is read from, and what is chosen of each object."""

SCOPES: dict[str, tuple[str, ...]] = {
    "orders": ("read_orders", "read_customers"),
    "order_lines": ("read_orders", "read_products"),
    "refunds": ("read_orders",),
    "returns": ("read_orders", "read_returns"),
    "agreements": ("read_orders",),
    "transactions": ("read_orders",),
    "customers": ("read_customers",),
    "products": ("read_products", "read_inventory"),
    "inventory_levels": ("read_inventory", "read_locations", "read_products"),
}
"""The access scopes that a stream needs."""
