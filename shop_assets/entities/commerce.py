"""What a shop sells, and to whom: customers, products, orders, items, refunds, payments."""

from __future__ import annotations

from pandera.typing import Series

from shop_assets.entities.model import Bool, Int, Table, Text, Timestamp, column

LINE_TYPES = [
    "article",
    "shipping",
    "fee",
    "discount",
    "gift_card",
    "manual",
    "sample",
    "voucher",
    "bad_debt",
    "stock_correction",
]
PAYMENT_TYPES = ["charge", "refund", "fee", "dispute", "payout", "adjustment"]
ORDER_STATUSES = ["open", "paid", "fulfilled", "cancelled", "unpaid", "deleted"]


class Customers(Table):
    """One row per customer account of a source, in its newest version."""

    source: Series[Text] = column("Name of the source", key=True)
    customer_id: Series[Text] = column("The source's id of the customer", key=True)
    created_at: Series[Timestamp] = column(
        "When the account was made, or first seen", nullable=True, merge="earliest"
    )
    email: Series[Text] = column("E-mail address, lower case", pii=True, nullable=True)
    name: Series[Text] = column("Full name", pii=True, nullable=True)
    country: Series[Text] = column("Country, as the source writes it", nullable=True)
    marketing_consent: Series[Bool] = column("Has agreed to marketing", nullable=True)
    version_at: Series[Timestamp] = column("When the source gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")


class Products(Table):
    """One row per article or other thing with a stock code, in its newest version."""

    source: Series[Text] = column("Name of the source", key=True)
    product_id: Series[Text] = column("The source's id, SKU or stock code", key=True)
    name: Series[Text] = column("Name or description", nullable=True)
    category: Series[Text] = column("Category", nullable=True)
    price_micros: Series[Int] = column("List price, micros of `currency`", nullable=True)
    cost_micros: Series[Int] = column("Unit cost, micros of `currency`", nullable=True)
    currency: Series[Text] = column("ISO 4217 code", nullable=True, str_matches=r"^[A-Z]{3}$")
    lead_time_days: Series[Int] = column("Days from reorder to delivery", nullable=True, ge=0)
    created_at: Series[Timestamp] = column(
        "When the product was made, or first seen", nullable=True, merge="earliest"
    )
    version_at: Series[Timestamp] = column("When the source gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")


class Orders(Table):
    """One row per order, in its newest version."""

    source: Series[Text] = column("Name of the source", key=True)
    order_id: Series[Text] = column("The source's id of the order", key=True)
    placed_at: Series[Timestamp] = column("When the order was placed", merge="earliest")
    customer_id: Series[Text] = column("The customer; null for a guest", nullable=True)
    email: Series[Text] = column("E-mail address on the order", pii=True, nullable=True)
    status: Series[Text] = column("State of the order", isin=ORDER_STATUSES)
    currency: Series[Text] = column("ISO 4217 code", str_matches=r"^[A-Z]{3}$")
    discount_micros: Series[Int] = column(
        "Discount on the whole order, to be shared by its lines", ge=0
    )
    shipping_micros: Series[Int] = column("Shipping charged, before tax", ge=0)
    tax_micros: Series[Int] = column("Tax charged on top of prices and shipping", ge=0)
    cancelled_at: Series[Timestamp] = column("When the order was cancelled", nullable=True)
    is_test: Series[Bool] = column("A test order: kept, but in no metric")
    channel: Series[Text] = column("Sales channel", nullable=True)
    country: Series[Text] = column("Country of the delivery", nullable=True)
    campaign_id: Series[Text] = column("Campaign that the order names", nullable=True)
    version_at: Series[Timestamp] = column("When the source gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")


class OrderItems(Table):
    """One row per line of an order, in its newest version.

    A negative quantity is a return that the source books as a line (a credit note's line).
    """

    source: Series[Text] = column("Name of the source", key=True)
    order_id: Series[Text] = column("The order", key=True)
    item_id: Series[Text] = column("The line within the order", key=True)
    placed_at: Series[Timestamp] = column("When the line was sold", merge="earliest")
    product_id: Series[Text] = column("The product", nullable=True)
    description: Series[Text] = column("The line's own text", nullable=True)
    line_type: Series[Text] = column("What kind of line it is", isin=LINE_TYPES)
    quantity: Series[Int] = column("Units; negative for a returned line")
    unit_price_micros: Series[Int] = column("Price of one unit before tax, micros")
    discount_micros: Series[Int] = column("Discount on this line, micros", ge=0)
    currency: Series[Text] = column("ISO 4217 code", str_matches=r"^[A-Z]{3}$")
    version_at: Series[Timestamp] = column("When the source gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")


class Refunds(Table):
    """One row per refunded line (or per refund that names no line)."""

    source: Series[Text] = column("Name of the source", key=True)
    refund_id: Series[Text] = column("The source's id of the refund's line", key=True)
    order_id: Series[Text] = column("The order refunded")
    item_id: Series[Text] = column(
        "The line refunded; null for the order as a whole", nullable=True
    )
    refunded_at: Series[Timestamp] = column("When the refund was made", merge="earliest")
    quantity: Series[Int] = column("Units returned", ge=0)
    amount_micros: Series[Int] = column(
        "Goods value given back, before tax, net of discounts", ge=0
    )
    shipping_micros: Series[Int] = column("Shipping given back", ge=0)
    tax_micros: Series[Int] = column("Tax given back", ge=0)
    currency: Series[Text] = column("ISO 4217 code", str_matches=r"^[A-Z]{3}$")
    restocked: Series[Bool] = column("The goods went back to stock", nullable=True)
    reason: Series[Text] = column("Reason", nullable=True)
    version_at: Series[Timestamp] = column("When the source gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")


class Payments(Table):
    """One row per movement of money at the payment provider."""

    source: Series[Text] = column("Name of the source", key=True)
    payment_id: Series[Text] = column("The provider's id", key=True)
    order_id: Series[Text] = column("The order it belongs to", nullable=True)
    type: Series[Text] = column("What moved", isin=PAYMENT_TYPES)
    status: Series[Text] = column("State at the provider", nullable=True)
    amount_micros: Series[Int] = column("Amount; negative when it leaves the shop, micros")
    fee_micros: Series[Int] = column("The provider's fee, micros", ge=0)
    currency: Series[Text] = column("ISO 4217 code", str_matches=r"^[A-Z]{3}$")
    created_at: Series[Timestamp] = column("When the money moved", merge="earliest")
    available_on: Series[Timestamp] = column("When it can be paid out", nullable=True)
    version_at: Series[Timestamp] = column("When the source gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")
