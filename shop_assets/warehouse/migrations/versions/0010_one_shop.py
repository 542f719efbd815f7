"""Whose warehouse it is."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """A place for the shop's name. The next configuration that uses the warehouse is its shop's."""
    op.execute(
        """
        CREATE TABLE meta.shop (
            one boolean PRIMARY KEY DEFAULT true CHECK (one),
            name text NOT NULL,
            since timestamptz NOT NULL DEFAULT clock_timestamp()
        )
        """
    )
