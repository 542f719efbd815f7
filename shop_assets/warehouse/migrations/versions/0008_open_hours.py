"""Hours that are loaded before they are over, and again when they are."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Say of each slice whether its hour was still open. All that are there were loaded whole."""
    op.execute("ALTER TABLE meta.slices ADD COLUMN provisional boolean NOT NULL DEFAULT false")
