"""How shops' tables and columns are usually called: what a first mapping is guessed from.

Of a field, the first name that a table has is taken; `{row}` stands for the table's own name in
the singular. The first names are sure enough to go without a mark.
"""

from __future__ import annotations

TABLES: dict[str, tuple[str, ...]] = {
    "orders": ("order", "sales_order", "shop_order", "customer_order", "sale", "purchase"),
    "order_items": (
        *("order_item", "order_line", "order_detail", "order_product", "line_item", "item"),
        *("order_lineitem", "sales_order_item", "sale_item", "sale_line", "orderline", "line"),
    ),
    "customers": ("customer", "client", "buyer", "user", "account"),
    "products": ("product", "article", "variant", "product_variant", "sku", "catalog_product"),
    "refunds": ("refund", "return", "order_refund", "credit_note"),
    "payments": ("payment", "transaction", "order_payment"),
    "inventory_levels": ("inventory_level", "stock_level", "inventory", "stock"),
}

CURSORS = (
    *("updated_at", "modified_at", "changed_at", "last_modified_at", "last_updated_at"),
    *(
        "updated",
        "modified",
        "changed",
        "last_modified",
        "last_updated",
        "last_update",
        "last_change",
    ),
    *("update_time", "modified_time", "date_modified", "date_updated", "modified_date"),
    *("updated_on", "modified_on", "updated_date", "row_version_at", "version_at"),
)

_CREATED = ("created_at", "created", "created_on", "date_created", "creation_date", "inserted_at")
_CURRENCY = ("currency", "currency_code", "currency_iso")

FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "orders": {
        "order_id": ("order_id", "id", "order_no", "order_number", "number"),
        "placed_at": ("placed_at", "ordered_at", "order_date", "purchased_at", *_CREATED, "date"),
        "customer_id": ("customer_id", "client_id", "buyer_id", "user_id", "account_id"),
        "email": ("email", "customer_email", "contact_email", "e_mail"),
        "status": ("status", "order_status", "state"),
        "currency": _CURRENCY,
        "discount_micros": ("discount_total", "total_discount", "discount_amount", "discount"),
        "shipping_micros": (
            *("shipping_total", "shipping_amount", "shipping", "shipping_cost", "shipping_price"),
            *("freight", "delivery_fee", "postage"),
        ),
        "tax_micros": ("tax_total", "total_tax", "tax_amount", "tax", "vat", "vat_amount"),
        "cancelled_at": ("cancelled_at", "canceled_at"),
        "is_test": ("is_test", "test"),
        "channel": ("channel", "sales_channel", "source_name"),
        "country": ("country", "country_code", "shipping_country", "ship_country"),
        "campaign_id": ("campaign_id", "utm_campaign", "campaign"),
    },
    "order_items": {
        "order_id": ("order_id", "order_no", "order_number", "order"),
        "item_id": ("item_id", "{row}_id", "line_id", "line_no", "line_number", "id"),
        "placed_at": ("placed_at", "ordered_at", "order_date", *_CREATED),
        "product_id": ("product_id", "sku", "variant_id", "article_id", "article_no", "product"),
        "description": ("description", "title", "name", "product_name"),
        "quantity": ("quantity", "qty", "units", "count"),
        "unit_price_micros": ("unit_price", "price", "price_each", "item_price", "unit_amount"),
        "discount_micros": ("discount_amount", "discount_total", "discount"),
        "currency": _CURRENCY,
    },
    "customers": {
        "customer_id": ("customer_id", "id", "{row}_id", "customer_no", "number"),
        "created_at": (*_CREATED, "registered_at", "signup_date"),
        "email": ("email", "e_mail", "email_address", "mail"),
        "name": ("name", "full_name", "customer_name", "contact_name", "display_name"),
        "country": ("country", "country_code"),
        "marketing_consent": ("marketing_consent", "accepts_marketing", "newsletter", "opt_in"),
    },
    "products": {
        "product_id": ("product_id", "id", "{row}_id", "sku", "article_no"),
        "name": ("name", "title", "product_name", "description"),
        "category": ("category", "category_name", "product_type", "department"),
        "price_micros": ("price", "list_price", "unit_price", "sale_price"),
        "cost_micros": ("cost", "unit_cost", "purchase_price", "cost_price"),
        "currency": _CURRENCY,
        "lead_time_days": ("lead_time_days", "lead_time"),
        "created_at": _CREATED,
    },
    "refunds": {
        "refund_id": ("refund_id", "id", "{row}_id"),
        "order_id": ("order_id", "order_no", "order_number", "order"),
        "item_id": ("item_id", "order_item_id", "line_id", "order_line_id"),
        "refunded_at": ("refunded_at", "refund_date", *_CREATED, "date"),
        "quantity": ("quantity", "qty", "units"),
        "amount_micros": ("amount", "refund_amount", "total", "value"),
        "shipping_micros": ("shipping", "shipping_amount", "shipping_total"),
        "tax_micros": ("tax", "tax_amount", "tax_total"),
        "currency": _CURRENCY,
        "restocked": ("restocked", "is_restocked"),
        "reason": ("reason", "refund_reason", "note"),
    },
    "payments": {
        "payment_id": ("payment_id", "id", "{row}_id"),
        "order_id": ("order_id", "order_no", "order_number", "order"),
        "type": ("type", "kind", "transaction_type"),
        "status": ("status", "state"),
        "amount_micros": ("amount", "total", "value"),
        "fee_micros": ("fee", "fee_amount", "fees"),
        "currency": _CURRENCY,
        "created_at": (*_CREATED, "paid_at", "payment_date", "processed_at", "date"),
    },
    "inventory_levels": {
        "product_id": ("product_id", "sku", "variant_id", "article_id"),
        "location_id": ("location_id", "warehouse_id", "location", "warehouse", "store_id"),
        "measured_at": ("measured_at", "counted_at", *CURSORS),
        "available": ("available", "quantity", "qty", "on_hand", "stock", "units_in_stock"),
        "committed": ("committed", "reserved"),
        "unavailable": ("unavailable", "damaged", "blocked"),
    },
}

MINOR = ("_cents", "_in_cents", "_minor", "_pence", "_minor_units")
"""Ends of names of amounts in minor units."""

DELETED = ("deleted", "is_deleted", "archived", "is_archived")
DELETED_AT = ("deleted_at", "removed_at", "archived_at")

STATUSES = {
    "pending": "open",
    "new": "open",
    "processing": "paid",
    "completed": "fulfilled",
    "complete": "fulfilled",
    "shipped": "fulfilled",
    "delivered": "fulfilled",
    "refunded": "fulfilled",
    "partially_refunded": "fulfilled",
    "canceled": "cancelled",
    "failed": "unpaid",
    "payment_failed": "unpaid",
}
"""Usual words for the state of an order, to the platform's."""
