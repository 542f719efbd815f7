"""A refund that was told again for another order counted in both: their ledger is made again."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Ask for the orders of all refunds that have named several."""
    op.execute("""
        INSERT INTO meta.stale_orders (source, order_ids, since)
        SELECT source, array_agg(DISTINCT order_id),
            array_fill(min(refunded_at), ARRAY[count(DISTINCT order_id)::int])
        FROM warehouse.refunds_versions
        GROUP BY source, refund_id HAVING count(DISTINCT order_id) > 1
    """)
