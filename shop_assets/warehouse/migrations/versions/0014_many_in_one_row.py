"""What is asked for stands in few rows: all orders of a load in one, and all keys to compare."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the tables anew, with what has been asked for and not been settled yet."""
    # A load of an older release that is under way is waited for: what it asks for counts, too.
    op.execute("""
        LOCK TABLE meta.stale_orders, meta.stale_comparisons IN ACCESS EXCLUSIVE MODE;
        ALTER TABLE meta.stale_orders RENAME TO stale_orders_before;
        ALTER TABLE meta.stale_orders_before
            RENAME CONSTRAINT stale_orders_pkey TO stale_orders_before_pkey;
        CREATE TABLE meta.stale_orders (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            source text NOT NULL,
            order_ids text[] NOT NULL,
            since timestamptz[] NOT NULL
        );
        INSERT INTO meta.stale_orders (source, order_ids, since)
        SELECT source, array_agg(order_id), array_agg(since) FROM (
            SELECT source, order_id, since, row_number() OVER () AS n
            FROM meta.stale_orders_before
        ) numbered GROUP BY source, n / 10000;
        DROP TABLE meta.stale_orders_before
    """)
    op.execute("""
        ALTER TABLE meta.stale_comparisons ADD COLUMN keys text[];
        UPDATE meta.stale_comparisons SET keys = ARRAY[key];
        ALTER TABLE meta.stale_comparisons ALTER COLUMN keys SET NOT NULL, DROP COLUMN key
    """)
