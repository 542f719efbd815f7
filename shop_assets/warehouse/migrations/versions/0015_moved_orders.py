"""Of an hour of customers' orders, those that have moved are computed, not all."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the orders that are asked for: in the hours asked for so far, all of them."""
    # A load of an older release that is under way is waited for: what it asks for counts, too.
    op.execute("LOCK TABLE meta.stale_slices IN SHARE ROW EXCLUSIVE MODE")
    op.execute("""
        CREATE TABLE meta.moved_orders (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            hour timestamptz NOT NULL,
            source text NOT NULL,
            order_ids text[] NOT NULL
        );
        CREATE INDEX moved_orders_hour ON meta.moved_orders (hour);
        INSERT INTO meta.moved_orders (hour, source, order_ids)
        SELECT a.slice, o.source, array_agg(o.order_id)
        FROM (SELECT slice FROM meta.stale_slices WHERE mart = 'customer_orders') a
        JOIN (
            SELECT date_trunc('hour', ordered_at, 'UTC') AS hour, source, order_id
            FROM meta.sold_orders
            UNION SELECT ordered_hour, source, order_id FROM marts_base.customer_orders
        ) o ON o.hour = a.slice
        GROUP BY a.slice, o.source
    """)
