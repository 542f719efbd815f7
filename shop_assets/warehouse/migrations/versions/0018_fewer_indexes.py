"""The ledger and web activity are found by time by ranges of pages, and indexes nobody asks go.

Most of what it took to write a row was to find its place in indexes whose order it does not come
in: by time, by product, by customer.
"""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Replace indexes of single rows by those of ranges, and those of the ledger's products."""
    op.execute("""
        DROP INDEX warehouse.sales_ledger_happened_at, warehouse.sales_ledger_source_product_id,
            warehouse.web_activity_started_at, warehouse.orders_source_customer_id;
        CREATE INDEX product_sums_product ON meta.product_sums (source, product_id, day);
        CREATE INDEX sales_ledger_happened_at_ranges ON warehouse.sales_ledger
            USING brin (happened_at timestamptz_minmax_multi_ops) WITH (pages_per_range = 16);
        CREATE INDEX web_activity_started_at_ranges ON warehouse.web_activity
            USING brin (started_at timestamptz_minmax_multi_ops) WITH (pages_per_range = 16)
    """)
