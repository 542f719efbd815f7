"""Keys in the order of their bytes, so that those of one parent stand together in the index."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Compare keys by their bytes, whatever the database's language; the index is made again."""
    op.execute('ALTER TABLE meta.source_keys ALTER COLUMN key TYPE text COLLATE "C"')
