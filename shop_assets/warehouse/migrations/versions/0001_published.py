"""The schema that release 0.1.0 made. Where it stands, no version is noted yet."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make it all, as it was."""
    made = Path(__file__).with_suffix(".sql").read_text("utf-8")
    op.get_bind().exec_driver_sql(made, execution_options={"no_parameters": True})
