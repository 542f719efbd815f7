"""What sessions count for in the funnel is kept, instead of read anew from a day of activity."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add the tables; the next load fills them from the activity."""
    # A load of an older release that is under way is waited for: its activity counts, too.
    op.execute("LOCK TABLE warehouse.web_activity IN SHARE ROW EXCLUSIVE MODE")
    op.execute("""
        CREATE TABLE meta.funnel_made (
            one boolean PRIMARY KEY DEFAULT true CHECK (one),
            rule bigint NOT NULL
        );
        CREATE TABLE meta.funnel_sums (
            hour timestamptz NOT NULL,
            source text NOT NULL,
            sessions bigint NOT NULL,
            view_sessions bigint NOT NULL,
            product_sessions bigint NOT NULL,
            cart_sessions bigint NOT NULL,
            checkout_sessions bigint NOT NULL,
            purchase_sessions bigint NOT NULL,
            bot_sessions bigint NOT NULL,
            converted_sessions bigint NOT NULL,
            PRIMARY KEY (hour, source)
        )
    """)
