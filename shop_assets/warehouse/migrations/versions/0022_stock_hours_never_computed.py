"""Hours since a reading that was older than all that was loaded: nobody had asked for them."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Ask for the hours of stock since the first reading that were never computed."""
    op.execute("""
        INSERT INTO meta.stale_slices (mart, slice, generation)
        SELECT 'inventory_hourly', h, nextval('meta.generations')
        FROM (
            SELECT date_trunc('hour', min(measured_at), 'UTC') AS first
            FROM warehouse.inventory_levels_versions
        ) read
        CROSS JOIN (
            SELECT max(slice) AS newest FROM meta.slices
            WHERE asset IN ('marts/inventory_hourly', 'warehouse/inventory_levels')
        ) loaded
        CROSS JOIN LATERAL generate_series(first, newest, interval '1 hour') h
        WHERE NOT EXISTS (
            SELECT FROM meta.slices s WHERE s.asset = 'marts/inventory_hourly' AND s.slice = h
        )
        ON CONFLICT (mart, slice) DO UPDATE SET generation = excluded.generation
    """)
