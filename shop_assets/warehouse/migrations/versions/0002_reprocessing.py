"""Reprocessing: what was asked for, what was done, what it changed in the marts.

Between 0.1.0 and this version some of it was made without a version being noted; so nothing here
minds what is there already.
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add its tables, and number the marts' requests from one sequence."""
    op.execute("""
        CREATE TABLE IF NOT EXISTS meta.created (
            fingerprint text PRIMARY KEY,
            relations bigint NOT NULL
        );
        CREATE TABLE IF NOT EXISTS meta.mart_changes (
            load_id text NOT NULL,
            mart text NOT NULL,
            day date NOT NULL,
            currency text NOT NULL,
            delta jsonb NOT NULL,
            PRIMARY KEY (load_id, mart, day, currency)
        );
        CREATE TABLE IF NOT EXISTS meta.reprocessings (
            id text PRIMARY KEY,
            layer text NOT NULL,
            starts timestamptz NOT NULL,
            ends timestamptz NOT NULL,
            reason text NOT NULL,
            began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            finished_at timestamptz
        );
        CREATE TABLE IF NOT EXISTS meta.reprocessed (
            id text NOT NULL REFERENCES meta.reprocessings,
            run_id text NOT NULL,
            starts timestamptz,
            ends timestamptz,
            done_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (id, run_id)
        )
    """)
    # Numbers go on after those that are there: a mart compares them to see what is newer.
    op.execute("""
        CREATE SEQUENCE IF NOT EXISTS meta.generations;
        ALTER TABLE meta.stale_slices
            ALTER COLUMN generation SET DEFAULT nextval('meta.generations');
        SELECT setval('meta.generations', greatest(max(generation), (
            SELECT last_value FROM meta.generations
        ))) FROM meta.stale_slices HAVING count(*) > 0
    """)
