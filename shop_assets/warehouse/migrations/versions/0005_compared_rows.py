"""Sources that say no times: what a key's row held when it was last read; and where reads stood."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add both. Of rows loaded before, nothing is known: they are compared from now on."""
    op.execute("ALTER TABLE meta.source_keys ADD COLUMN row_hash bigint")
    op.execute("""
        CREATE TABLE meta.source_checkpoints (
            source text NOT NULL,
            stream text NOT NULL,
            window_start timestamptz NOT NULL,
            window_end timestamptz NOT NULL,
            checkpoint jsonb NOT NULL,
            load_id text NOT NULL,
            recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (source, stream, window_start, window_end)
        )
    """)
