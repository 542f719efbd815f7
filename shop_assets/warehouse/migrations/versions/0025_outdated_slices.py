"""Hours of which a table was loaded from what has been written anew since."""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Say of each slice from which writer on what it is made of is as it is now."""
    op.execute("ALTER TABLE meta.slices ADD COLUMN outdated bigint")
    op.execute(
        "CREATE INDEX slices_outdated ON meta.slices (asset, slice) WHERE outdated IS NOT NULL"
    )
