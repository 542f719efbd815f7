"""Every entity keeps its versions, each with the hour of change that brought it.

For a version that is there already this is the hour in which the source gave it, unless a mapping
says otherwise. Of entities that kept none, the current rows are the versions known. Loading an hour
again puts its own in their place; `shop-assets reprocess --from-layer clean` brings the rest.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

KEPT = {
    "orders": "source, order_id",
    "order_items": "source, order_id, item_id",
    "refunds": "source, refund_id",
    "payments": "source, payment_id",
    "inventory_movements": "source, movement_id",
}
ADDED = {
    "customers": "source, customer_id",
    "products": "source, product_id",
    "inventory_levels": "source, product_id, location_id, measured_at",
    "campaigns": "source, campaign_id",
    "ad_spend": "source, campaign_id, day",
    "crm_contacts": "source, contact_id",
}


def upgrade() -> None:
    """Add the hour to the keys of versions, and the orders whose ledger rows are asked for."""
    op.execute("""
        CREATE TABLE meta.stale_orders (
            source text NOT NULL,
            order_id text NOT NULL,
            since timestamptz NOT NULL,
            generation bigint NOT NULL DEFAULT 1,
            PRIMARY KEY (source, order_id)
        )
    """)
    for table, key in ADDED.items():
        op.execute(f"""
            CREATE TABLE warehouse.{table}_versions (
                LIKE warehouse.{table}, PRIMARY KEY ({key}, version_at)
            );
            INSERT INTO warehouse.{table}_versions SELECT * FROM warehouse.{table}
        """)
    for table, key in {**KEPT, **ADDED}.items():
        # The type stays; the table is written anew once, instead of every row a second time.
        op.execute(f"""
            ALTER TABLE warehouse.{table}_versions ADD COLUMN change_hour timestamptz;
            ALTER TABLE warehouse.{table}_versions
                DROP CONSTRAINT {table}_versions_pkey,
                ALTER COLUMN change_hour TYPE timestamptz
                    USING date_trunc('hour', version_at, 'UTC'),
                ALTER COLUMN change_hour SET NOT NULL,
                ADD PRIMARY KEY ({key}, version_at, change_hour);
            CREATE INDEX {table}_versions_change_hour
                ON warehouse.{table}_versions (change_hour)
        """)
