"""The registry: every entity, mart and analytics table, declared once.

From these declarations come the Pandera checks, the Arrow schemas, the PostgreSQL DDL, the column
metadata in the Dagster UI and the data dictionary.
"""

from __future__ import annotations

from shop_assets.entities import (
    commerce,
    ledger,
    marketing,
    marts,
    payments,
    reconciliation,
    stock,
    web,
)
from shop_assets.entities.model import Column, Kind, Layer, Table, TableSpec

__all__ = ["ENTITIES", "TABLES", "Column", "Kind", "Layer", "Table", "TableSpec", "table"]


def _fact(
    name: str,
    model: type[Table],
    time: str,
    *indexes: tuple[str, ...],
    versioned: bool = True,
    version_indexes: tuple[tuple[str, ...], ...] = (),
) -> TableSpec:
    return TableSpec(
        name,
        "warehouse",
        model,
        time,
        versioned=versioned,
        by_month=True,
        indexes=indexes,
        version_indexes=version_indexes,
    )


def _dimension(name: str, model: type[Table], *indexes: tuple[str, ...]) -> TableSpec:
    return TableSpec(name, "warehouse", model, None, versioned=True, indexes=indexes)


ENTITIES: dict[str, TableSpec] = {
    spec.name: spec
    for spec in (
        _dimension("customers", commerce.Customers),
        _dimension("products", commerce.Products),
        _fact("orders", commerce.Orders, "placed_at"),
        _fact("order_items", commerce.OrderItems, "placed_at"),
        _fact(
            "refunds",
            commerce.Refunds,
            "refunded_at",
            # An order's ledger rows are made of all versions of its refunds.
            version_indexes=(("order_id", "source"),),
        ),
        # What was paid for an order is found by any version that has named it.
        _fact(
            "payments",
            commerce.Payments,
            "created_at",
            version_indexes=(("order_id",),),
        ),
        _fact(
            "charges",
            payments.Charges,
            "created_at",
            version_indexes=(("order_id",),),
        ),
        _fact(
            "payment_refunds",
            payments.PaymentRefunds,
            "created_at",
            version_indexes=(("order_id",), ("charge_id", "source")),
        ),
        _fact("disputes", payments.Disputes, "created_at"),
        _fact("payouts", payments.Payouts, "created_at"),
        _fact(
            "payout_transactions",
            payments.PayoutTransactions,
            "created_at",
            version_indexes=(("payment_id", "source"),),
        ),
        _fact("inventory_movements", stock.InventoryMovements, "moved_at", ("moved_at",)),
        _fact("inventory_levels", stock.InventoryLevels, "measured_at", ("measured_at",)),
        _fact("web_events", web.WebEvents, "occurred_at", versioned=False),
        _dimension("campaigns", marketing.Campaigns),
        _dimension("ad_spend", marketing.AdSpend, ("day",)),
        _dimension("crm_contacts", marketing.CrmContacts),
    )
}
"""What a source's rows can become."""

_DERIVED = (
    TableSpec(
        "sales_ledger",
        "warehouse",
        ledger.SalesLedger,
        "happened_at",
        by_month=True,
        # A month has hundreds of hours: without an index by time each would read all of it.
        time_ranges=True,
    ),
    TableSpec(
        "web_activity",
        "warehouse",
        web.WebActivity,
        "started_at",
        by_month=True,
        indexes=(("change_hour",),),
        time_ranges=True,
    ),
)

_MARTS = (
    TableSpec("sales_hourly", "marts", marts.SalesHourly, "hour"),
    TableSpec("sales_daily", "marts", marts.SalesDaily, "day"),
    TableSpec("product_sales_daily", "marts", marts.ProductSalesDaily, "day"),
    TableSpec(
        "customer_orders",
        "marts",
        marts.CustomerOrders,
        "ordered_hour",
        by_month=True,
        indexes=(("customer_id", "source"),),
    ),
    TableSpec("funnel_hourly", "marts", marts.FunnelHourly, "hour"),
    TableSpec("inventory_hourly", "marts", marts.InventoryHourly, "hour", by_month=True),
    TableSpec("ad_spend_daily", "marts", marts.AdSpendDaily, "day"),
    TableSpec("data_quality_hourly", "marts", marts.DataQualityHourly, "hour"),
)

_ANALYTICS = (
    TableSpec("sales_summary", "analytics", marts.SalesSummary, None),
    TableSpec("stock_alerts", "analytics", marts.StockAlerts, None),
    TableSpec("customer_rfm", "analytics", marts.CustomerRfm, None),
    TableSpec(
        "charge_differences",
        "analytics",
        reconciliation.ChargeDifferences,
        None,
        indexes=(("order_id", "charge_id"),),
    ),
    TableSpec(
        "refund_differences",
        "analytics",
        reconciliation.RefundDifferences,
        None,
        indexes=(("order_id", "charge_id"),),
    ),
    TableSpec(
        "payout_differences",
        "analytics",
        reconciliation.PayoutDifferences,
        None,
        indexes=(("source", "payment_id"),),
    ),
)

TABLES: dict[str, TableSpec] = {
    spec.name: spec for spec in (*ENTITIES.values(), *_DERIVED, *_MARTS, *_ANALYTICS)
}
"""Every declared table by name; names are unique across layers."""


def table(name: str) -> TableSpec:
    """The declared table of that name; `KeyError` where there is none."""
    return TABLES[name]
