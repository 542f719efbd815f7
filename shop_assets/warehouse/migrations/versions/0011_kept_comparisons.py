"""What was compared with the payment provider is kept, and only what changes compared again."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add what is asked for and what waits, and indexes to find an order's payments by.

    The tables of differences stay as they are: without a row in `meta.reconciliations` the next
    run of each compares everything, once.
    """
    op.execute("""
        CREATE TABLE meta.reconciliations (
            name text PRIMARY KEY,
            inputs text NOT NULL,
            reads text,
            grace interval,
            judged timestamptz
        );
        CREATE TABLE meta.stale_comparisons (
            name text NOT NULL,
            id bigint GENERATED ALWAYS AS IDENTITY,
            kind text NOT NULL,
            source text NOT NULL,
            key text NOT NULL,
            PRIMARY KEY (name, id)
        );
        CREATE TABLE meta.waiting_comparisons (
            name text NOT NULL,
            kind text NOT NULL,
            source text NOT NULL,
            key text NOT NULL,
            due timestamptz NOT NULL,
            PRIMARY KEY (name, kind, source, key)
        );
        CREATE INDEX waiting_comparisons_due ON meta.waiting_comparisons (name, due);
        CREATE TABLE meta.difference_counts (
            name text NOT NULL,
            kind text NOT NULL,
            differences bigint NOT NULL,
            PRIMARY KEY (name, kind)
        )
    """)
    op.execute("""
        CREATE INDEX payments_versions_order_id ON warehouse.payments_versions (order_id);
        CREATE INDEX charges_versions_order_id ON warehouse.charges_versions (order_id);
        CREATE INDEX payment_refunds_versions_order_id
            ON warehouse.payment_refunds_versions (order_id);
        CREATE INDEX payment_refunds_versions_source_charge_id
            ON warehouse.payment_refunds_versions (source, charge_id);
        CREATE INDEX payout_transactions_versions_source_payment_id
            ON warehouse.payout_transactions_versions (source, payment_id);
        CREATE INDEX charge_differences_order_id_charge_id
            ON analytics_base.charge_differences (order_id, charge_id);
        CREATE INDEX refund_differences_order_id_charge_id
            ON analytics_base.refund_differences (order_id, charge_id);
        CREATE INDEX payout_differences_source_payment_id
            ON analytics_base.payout_differences (source, payment_id)
    """)
