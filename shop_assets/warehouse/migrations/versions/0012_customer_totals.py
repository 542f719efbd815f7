"""What each customer has ordered is kept, instead of summed anew from all orders every hour."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the sums, as the mart of customers' orders has them."""
    # A load of an older release that is under way is waited for: its orders count, too.
    op.execute("LOCK TABLE marts_base.customer_orders IN SHARE ROW EXCLUSIVE MODE")
    op.execute("""
        CREATE TABLE meta.customer_totals (
            source text NOT NULL,
            customer_id text NOT NULL,
            currency text NOT NULL,
            orders bigint NOT NULL,
            net_sales_micros bigint NOT NULL,
            last_order_at timestamptz NOT NULL,
            PRIMARY KEY (source, customer_id, currency)
        );
        INSERT INTO meta.customer_totals
        SELECT source, customer_id, currency, count(*), sum(net_sales_micros), max(ordered_at)
        FROM marts_base.customer_orders WHERE customer_id IS NOT NULL
        GROUP BY source, customer_id, currency
    """)
