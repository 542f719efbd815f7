"""A product's sales carry its category; keys that a source has, and those found gone, are kept."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add both, and ask for the days whose sales have no category yet."""
    op.execute("""
        ALTER TABLE marts_base.product_sales_daily ADD COLUMN category text;
        CREATE INDEX sales_ledger_source_product_id
            ON warehouse.sales_ledger (source, product_id)
    """)
    op.execute("""
        INSERT INTO meta.stale_slices AS t (mart, slice)
        SELECT DISTINCT 'product_sales_daily', day::timestamp AT TIME ZONE 'UTC'
        FROM marts_base.product_sales_daily
        ON CONFLICT (mart, slice) DO UPDATE SET generation = excluded.generation
    """)
    op.execute("""
        CREATE TABLE meta.source_keys (
            source text NOT NULL,
            stream text NOT NULL,
            key text NOT NULL,
            hash bigint NOT NULL,
            hour timestamptz NOT NULL,
            changed_at timestamptz NOT NULL,
            seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            deleted_at timestamptz,
            PRIMARY KEY (source, stream, key)
        );
        CREATE TABLE meta.source_deletions (
            source text NOT NULL,
            stream text NOT NULL,
            hour timestamptz NOT NULL,
            key text NOT NULL,
            gone_at timestamptz NOT NULL,
            row_hour timestamptz NOT NULL,
            PRIMARY KEY (source, stream, hour, key, gone_at)
        )
    """)
