"""Indexes begin with an id instead of with its source, which nearly all rows have in common.

Whoever goes down an index to a row's place compares it with some twenty others: twice with each,
as long as the first column does not tell them apart. And indexes of current rows that nothing asks
go: what belongs to an order, a charge or a payment is looked for among the versions.
"""

from alembic import op

revision = "0020"
down_revision = "0019"

_VERSIONS = "version_at, change_hour"
_KEYS = {
    "warehouse.customers": "customer_id, source",
    "warehouse.customers_versions": f"customer_id, source, {_VERSIONS}",
    "warehouse.products": "product_id, source",
    "warehouse.products_versions": f"product_id, source, {_VERSIONS}",
    "warehouse.orders": "order_id, source, placed_at",
    "warehouse.orders_versions": f"order_id, source, {_VERSIONS}",
    "warehouse.order_items": "order_id, source, item_id, placed_at",
    "warehouse.order_items_versions": f"order_id, source, item_id, {_VERSIONS}",
    "warehouse.refunds": "refund_id, source, refunded_at",
    "warehouse.refunds_versions": f"refund_id, source, {_VERSIONS}",
    "warehouse.payments": "payment_id, source, created_at",
    "warehouse.payments_versions": f"payment_id, source, {_VERSIONS}",
    "warehouse.charges": "charge_id, source, created_at",
    "warehouse.charges_versions": f"charge_id, source, {_VERSIONS}",
    "warehouse.payment_refunds": "refund_id, source, created_at",
    "warehouse.payment_refunds_versions": f"refund_id, source, {_VERSIONS}",
    "warehouse.disputes": "dispute_id, source, created_at",
    "warehouse.disputes_versions": f"dispute_id, source, {_VERSIONS}",
    "warehouse.payouts": "payout_id, source, created_at",
    "warehouse.payouts_versions": f"payout_id, source, {_VERSIONS}",
    "warehouse.payout_transactions": "payout_id, source, payment_id, created_at",
    "warehouse.payout_transactions_versions": f"payout_id, source, payment_id, {_VERSIONS}",
    "warehouse.inventory_movements": "movement_id, source, moved_at",
    "warehouse.inventory_movements_versions": f"movement_id, source, {_VERSIONS}",
    "warehouse.inventory_levels": "product_id, source, location_id, measured_at",
    "warehouse.inventory_levels_versions": (
        f"product_id, source, location_id, measured_at, {_VERSIONS}"
    ),
    "warehouse.campaigns": "campaign_id, source",
    "warehouse.campaigns_versions": f"campaign_id, source, {_VERSIONS}",
    "warehouse.ad_spend": "campaign_id, source, day",
    "warehouse.ad_spend_versions": f"campaign_id, source, day, {_VERSIONS}",
    "warehouse.crm_contacts": "contact_id, source",
    "warehouse.crm_contacts_versions": f"contact_id, source, {_VERSIONS}",
    "warehouse.sales_ledger": "order_id, source, item_id, kind, event_id, happened_at",
    "warehouse.web_activity": "visitor_id, source, started_at, change_hour",
    "meta.sold_orders": "order_id, source",
    "meta.customer_sums": "customer_id, source, currency",
}
_INDEXES = {
    "warehouse.refunds_versions": "order_id",
    "warehouse.payment_refunds_versions": "charge_id",
    "warehouse.payout_transactions_versions": "payment_id",
    "marts_base.customer_orders": "customer_id",
}


def upgrade() -> None:
    """Make keys and indexes anew, and take out those that nothing asks."""
    for table, key in _KEYS.items():
        op.execute(
            f"ALTER TABLE {table} DROP CONSTRAINT {table.split('.')[1]}_pkey, "
            f"ADD PRIMARY KEY ({key})"
        )
    for table, column in _INDEXES.items():
        schema, name = table.split(".")
        op.execute(f"DROP INDEX {schema}.{name}_source_{column}")
        op.execute(f"CREATE INDEX {name}_{column}_source ON {table} ({column}, source)")
    op.execute("""
        DROP INDEX warehouse.refunds_source_order_id, warehouse.payments_order_id,
            warehouse.charges_order_id, warehouse.payment_refunds_order_id,
            warehouse.payment_refunds_source_charge_id, warehouse.disputes_order_id,
            warehouse.payout_transactions_source_payment_id;
        DROP INDEX meta.sold_orders_customer, meta.product_sums_product;
        CREATE INDEX sold_orders_customer
            ON meta.sold_orders (customer_id, source, ordered_at, order_id);
        CREATE INDEX product_sums_product ON meta.product_sums (product_id, source, day)
    """)
