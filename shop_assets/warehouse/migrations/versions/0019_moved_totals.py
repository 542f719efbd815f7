"""What loads change of customers' totals is noted by them, and added by whoever reads those.

The totals get another name: a process of an older release that goes on loading would change them
without what is noted, and so fails instead, until it is started anew.
"""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Make the table of notes, of which there are none yet, and that of the totals from the old.

    After the loads that are under way: they are in the old one by then.
    """
    op.execute("""
        LOCK TABLE meta.customer_totals IN ACCESS EXCLUSIVE MODE;
        CREATE TABLE meta.customer_sums (
            source text NOT NULL,
            customer_id text NOT NULL,
            currency text NOT NULL,
            orders bigint NOT NULL,
            net_sales_micros bigint NOT NULL,
            last_order_at timestamptz NOT NULL,
            PRIMARY KEY (source, customer_id, currency)
        );
        INSERT INTO meta.customer_sums
            SELECT source, customer_id, currency, orders, net_sales_micros, last_order_at
            FROM meta.customer_totals;
        DROP TABLE meta.customer_totals;
        CREATE TABLE meta.moved_totals (
            source text NOT NULL,
            customer_id text NOT NULL,
            currency text NOT NULL,
            orders bigint NOT NULL,
            net_sales_micros bigint NOT NULL,
            newest timestamptz,
            newest_gone timestamptz
        )
    """)
