"""By which configuration and release a reprocessing was begun: '' where nobody noted it."""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Let none go on that was stopped before: nobody knows what its hours were made by."""
    op.execute("ALTER TABLE meta.reprocessings ADD COLUMN made_by text NOT NULL DEFAULT ''")
