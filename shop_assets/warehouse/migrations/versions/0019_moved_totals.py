"""What loads change of customers' totals is noted by them, and added by whoever reads those."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Make the table of notes; until now there is nothing to note."""
    op.execute("""
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
