"""Which columns the derived tables' columns are made from, for the lineage in the Dagster UI."""

from collections.abc import Mapping

Lineage = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Column to upstream asset to that asset's columns."""

_ITEMS = "warehouse/order_items"
_ORDERS = "warehouse/orders"
_REFUNDS = "warehouse/refunds"
_LEDGER = "warehouse/sales_ledger"

LEDGER: Lineage = {
    "source": {_ITEMS: ("source",), _ORDERS: ("source",)},
    "order_id": {_ITEMS: ("order_id",), _ORDERS: ("order_id",), _REFUNDS: ("order_id",)},
    "item_id": {_ITEMS: ("item_id",), _REFUNDS: ("item_id",)},
    "kind": {_ITEMS: ("quantity", "unit_price_micros", "line_type"), _ORDERS: ("cancelled_at",)},
    "event_id": {
        _ITEMS: ("version_at",),
        _ORDERS: ("version_at",),
        _REFUNDS: ("refund_id", "version_at"),
    },
    "happened_at": {
        _ITEMS: ("placed_at", "version_at"),
        _ORDERS: ("placed_at", "cancelled_at", "version_at"),
        _REFUNDS: ("refunded_at", "version_at"),
    },
    "ordered_at": {_ORDERS: ("placed_at",)},
    "customer_id": {_ORDERS: ("customer_id",)},
    "product_id": {_ITEMS: ("product_id",)},
    "line_type": {_ITEMS: ("line_type",)},
    "quantity": {_ITEMS: ("quantity",), _REFUNDS: ("quantity",)},
    "amount_micros": {
        _ITEMS: ("quantity", "unit_price_micros", "discount_micros"),
        _ORDERS: ("discount_micros", "shipping_micros", "tax_micros"),
        _REFUNDS: ("amount_micros", "shipping_micros", "tax_micros"),
    },
    "currency": {_ITEMS: ("currency",), _ORDERS: ("currency",)},
    "is_test": {_ORDERS: ("is_test",)},
}

_AMOUNT = {_LEDGER: ("amount_micros", "kind")}
_UNITS = {_LEDGER: ("quantity", "kind")}
_SALES: Lineage = {
    "currency": {_LEDGER: ("currency",)},
    "gross_sales_micros": _AMOUNT,
    "discounts_micros": _AMOUNT,
    "returns_micros": _AMOUNT,
    "net_sales_micros": _AMOUNT,
    "units_sold": _UNITS,
    "units_returned": _UNITS,
    "orders": {_LEDGER: ("source", "order_id", "kind", "ordered_at")},
}
_ALL_SALES: Lineage = {
    **_SALES,
    "shipping_micros": _AMOUNT,
    "taxes_micros": _AMOUNT,
    "total_sales_micros": _AMOUNT,
    "adjustments_micros": _AMOUNT,
}
_CUSTOMER = {_LEDGER: ("customer_id", "ordered_at", "order_id")}
_ACTIVITY = "warehouse/web_activity"
_LEVELS = "warehouse/inventory_levels"
_MOVED = {"warehouse/inventory_movements": ("quantity", "moved_at")}
_SPEND = "warehouse/ad_spend"


def _same(asset: str, *columns: str) -> Lineage:
    return {column: {asset: (column,)} for column in columns}


MARTS: Mapping[str, Lineage] = {
    "sales_hourly": {"hour": {_LEDGER: ("happened_at",)}, **_ALL_SALES},
    "sales_daily": {
        "day": {_LEDGER: ("happened_at",)},
        **_ALL_SALES,
        "new_customer_orders": _CUSTOMER,
        "repeat_orders": _CUSTOMER,
        "guest_orders": _CUSTOMER,
        "aov_net_micros": {_LEDGER: ("amount_micros", "order_id")},
        "aov_total_micros": {_LEDGER: ("amount_micros", "order_id")},
    },
    "product_sales_daily": {
        "day": {_LEDGER: ("happened_at",)},
        **_same(_LEDGER, "source", "product_id", "line_type"),
        "category": {"warehouse/products": ("category", "version_at")},
        **_SALES,
    },
    "customer_orders": {
        "ordered_hour": {_LEDGER: ("ordered_at",)},
        **_same(_LEDGER, "source", "order_id", "customer_id", "ordered_at", "currency"),
        "order_number": _CUSTOMER,
        "is_first_order": _CUSTOMER,
        "days_since_previous": _CUSTOMER,
        "gross_sales_micros": _AMOUNT,
        "discounts_micros": _AMOUNT,
        "returns_micros": _AMOUNT,
        "net_sales_micros": _AMOUNT,
        "units_sold": _UNITS,
    },
    "funnel_hourly": {
        "hour": {_ACTIVITY: ("started_at",)},
        "source": {_ACTIVITY: ("source",)},
        "sessions": {_ACTIVITY: ("visitor_id", "started_at", "ended_at", "is_bot")},
        **{
            f"{step}_sessions": {_ACTIVITY: (f"{step}_first", f"{step}_last")}
            for step in ("view", "product", "cart", "checkout", "purchase")
        },
        "bot_sessions": {_ACTIVITY: ("is_bot",)},
        "converted_sessions": {_ACTIVITY: ("purchase_first",)},
        "conversion_rate": {_ACTIVITY: ("purchase_first", "visitor_id", "started_at")},
    },
    "inventory_hourly": {
        "hour": {_LEVELS: ("measured_at",)},
        **_same(
            _LEVELS,
            *("source", "product_id", "location_id", "available", "committed", "unavailable"),
        ),
        "on_hand": {_LEVELS: ("available", "committed", "unavailable")},
        "is_stockout": {_LEVELS: ("available",)},
        "units_in": _MOVED,
        "units_out": _MOVED,
    },
    "ad_spend_daily": {
        **_same(
            _SPEND,
            *("day", "source", "campaign_id", "currency", "spend_micros", "impressions", "clicks"),
        ),
        "campaign_name": {"warehouse/campaigns": ("name",)},
        "cost_per_click_micros": {_SPEND: ("spend_micros", "clicks")},
    },
    "data_quality_hourly": {},
}
"""Of each mart."""
