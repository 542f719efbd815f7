"""Nothing that the load of an hour asks grows with what is loaded already."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add indexes by time, and the orders that were sold, whichever month they stand in."""
    op.execute("""
        CREATE INDEX sales_ledger_happened_at ON warehouse.sales_ledger (happened_at);
        CREATE INDEX web_activity_started_at ON warehouse.web_activity (started_at);
        CREATE INDEX inventory_levels_measured_at ON warehouse.inventory_levels (measured_at);
        CREATE INDEX inventory_movements_moved_at ON warehouse.inventory_movements (moved_at);
        CREATE INDEX ad_spend_day ON warehouse.ad_spend (day);
        CREATE INDEX refunds_versions_source_order_id
            ON warehouse.refunds_versions (source, order_id);
        CREATE INDEX source_checkpoints_window_end
            ON meta.source_checkpoints (source, stream, window_end, window_start);
        CREATE INDEX mart_changes_run ON meta.mart_changes (split_part(load_id, ':', 1))
    """)
    op.execute("""
        CREATE TABLE meta.sold_orders (
            source text NOT NULL,
            order_id text NOT NULL,
            customer_id text,
            ordered_at timestamptz NOT NULL,
            PRIMARY KEY (source, order_id)
        );
        INSERT INTO meta.sold_orders (source, order_id, customer_id, ordered_at)
        SELECT DISTINCT ON (source, order_id) source, order_id, customer_id, ordered_at
        FROM warehouse.sales_ledger WHERE kind = 'sale' AND NOT is_test
        ORDER BY source, order_id, happened_at DESC;
        CREATE INDEX sold_orders_customer
            ON meta.sold_orders (source, customer_id, ordered_at, order_id);
        CREATE INDEX sold_orders_ordered_at ON meta.sold_orders (ordered_at);
        DROP INDEX warehouse.sales_ledger_source_customer_id
    """)
    op.execute("""
        CREATE TABLE meta.complete (
            assets text PRIMARY KEY,
            since timestamptz NOT NULL,
            until timestamptz NOT NULL
        )
    """)
