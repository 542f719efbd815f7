"""What the sales marts sum is kept, instead of summed anew from all rows of the open day."""

from alembic import op

revision = "0013"
down_revision = "0012"

_FIGURES = """
    shipping_micros bigint NOT NULL,
    taxes_micros bigint NOT NULL,
    adjustments_micros bigint NOT NULL,
"""
_COUNTS = """
    new_customer_orders bigint NOT NULL DEFAULT 0,
    guest_orders bigint NOT NULL DEFAULT 0,
"""


def upgrade() -> None:
    """Add the tables, which the next load fills from the ledger, and each order's first sales."""
    # A load of an older release that is under way is waited for: its orders count, too.
    op.execute("LOCK TABLE warehouse.sales_ledger IN SHARE ROW EXCLUSIVE MODE")
    op.execute("""
        ALTER TABLE meta.sold_orders
            ADD COLUMN currencies text[] NOT NULL DEFAULT '{}',
            ADD COLUMN sold_since timestamptz[] NOT NULL DEFAULT '{}';
        UPDATE meta.sold_orders t SET currencies = s.currencies, sold_since = s.sold_since
        FROM (
            SELECT source, order_id, array_agg(currency ORDER BY currency) AS currencies,
                array_agg(since ORDER BY currency) AS sold_since
            FROM (
                SELECT source, order_id, currency, min(happened_at) AS since
                FROM warehouse.sales_ledger WHERE kind = 'sale' AND NOT is_test
                GROUP BY source, order_id, currency
            ) by_currency GROUP BY source, order_id
        ) s WHERE s.source = t.source AND s.order_id = t.order_id;
        ALTER TABLE meta.sold_orders
            ALTER COLUMN currencies DROP DEFAULT,
            ALTER COLUMN sold_since DROP DEFAULT;
        CREATE TABLE meta.sums_of (
            one boolean PRIMARY KEY DEFAULT true CHECK (one),
            zone text NOT NULL
        )
    """)
    for table, key, figures, counts in (
        ("hour_sums", {"hour": "timestamptz", "currency": "text"}, _FIGURES, ""),
        ("day_sums", {"day": "date", "currency": "text"}, _FIGURES, _COUNTS),
        (
            "product_sums",
            {
                "day": "date",
                **dict.fromkeys(("source", "product_id", "line_type", "currency"), "text"),
            },
            "",
            "",
        ),
    ):
        columns = "".join(f"{name} {kind} NOT NULL, " for name, kind in key.items())
        op.execute(
            f"CREATE TABLE meta.{table} ({columns}gross_sales_micros bigint NOT NULL, "
            f"discounts_micros bigint NOT NULL, returns_micros bigint NOT NULL, {figures}"
            "units_sold bigint NOT NULL, units_returned bigint NOT NULL, orders bigint NOT NULL, "
            f"ledger_rows bigint NOT NULL, {counts}PRIMARY KEY ({', '.join(key)}))"
        )
