"""By which rules of the shop's zone its days were counted: '' where PostgreSQL had a part in it."""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Let the next load or mart find out whether PostgreSQL's rules were Python's."""
    op.execute("ALTER TABLE meta.sums_of ADD COLUMN rules text NOT NULL DEFAULT ''")
