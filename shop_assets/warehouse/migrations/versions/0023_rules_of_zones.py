"""By which rules of the shop's zone its days were counted: PostgreSQL had a part in it."""

from alembic import op

from shop_assets.warehouse import zones

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Let the sums be made anew where PostgreSQL's clocks of the zone are not Python's."""
    op.execute("ALTER TABLE meta.sums_of ADD COLUMN rules text NOT NULL DEFAULT ''")
    connection = op.get_bind()
    for zone in connection.exec_driver_sql("SELECT zone FROM meta.sums_of").scalars().all():
        differ = connection.exec_driver_sql(
            "SELECT EXISTS (SELECT FROM generate_series("
            "'1900-01-01 12:00+00'::timestamptz, now() + interval '2 days', interval '1 day') at "
            f"WHERE at AT TIME ZONE (SELECT zone FROM meta.sums_of) <> {zones.local('at', zone)})"
        ).scalar_one()
        if not differ:
            connection.exec_driver_sql(
                "UPDATE meta.sums_of SET rules = %(rules)s", {"rules": zones.rules(zone)}
            )
