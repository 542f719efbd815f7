"""The payment provider's charges, refunds, disputes and payouts, and what does not agree."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add their tables; of an older warehouse nothing is known of them yet."""
    op.execute("""
        CREATE TABLE warehouse.charges (
            source text NOT NULL,
            charge_id text NOT NULL,
            order_id text,
            customer_id text,
            amount_micros bigint NOT NULL,
            captured_micros bigint NOT NULL,
            refunded_micros bigint NOT NULL,
            currency text NOT NULL,
            status text NOT NULL,
            captured boolean NOT NULL,
            disputed boolean NOT NULL,
            payment_id text,
            created_at timestamptz NOT NULL,
            version_at timestamptz NOT NULL,
            deleted boolean NOT NULL,
            PRIMARY KEY (source, charge_id, created_at)
        ) PARTITION BY RANGE (created_at);
        CREATE INDEX charges_order_id ON warehouse.charges (order_id);
        CREATE TABLE warehouse.charges_versions (
            source text NOT NULL,
            charge_id text NOT NULL,
            order_id text,
            customer_id text,
            amount_micros bigint NOT NULL,
            captured_micros bigint NOT NULL,
            refunded_micros bigint NOT NULL,
            currency text NOT NULL,
            status text NOT NULL,
            captured boolean NOT NULL,
            disputed boolean NOT NULL,
            payment_id text,
            created_at timestamptz NOT NULL,
            version_at timestamptz NOT NULL,
            deleted boolean NOT NULL,
            change_hour timestamptz NOT NULL,
            PRIMARY KEY (source, charge_id, version_at, change_hour)
        );
        CREATE INDEX charges_versions_change_hour ON warehouse.charges_versions (change_hour)
    """)
    op.execute("""
        CREATE TABLE warehouse.payment_refunds (
            source text NOT NULL,
            refund_id text NOT NULL,
            charge_id text,
            order_id text,
            amount_micros bigint NOT NULL,
            currency text NOT NULL,
            status text NOT NULL,
            reason text,
            payment_id text,
            created_at timestamptz NOT NULL,
            version_at timestamptz NOT NULL,
            deleted boolean NOT NULL,
            PRIMARY KEY (source, refund_id, created_at)
        ) PARTITION BY RANGE (created_at);
        CREATE INDEX payment_refunds_order_id ON warehouse.payment_refunds (order_id);
        CREATE INDEX payment_refunds_source_charge_id
            ON warehouse.payment_refunds (source, charge_id);
        CREATE TABLE warehouse.payment_refunds_versions (
            source text NOT NULL,
            refund_id text NOT NULL,
            charge_id text,
            order_id text,
            amount_micros bigint NOT NULL,
            currency text NOT NULL,
            status text NOT NULL,
            reason text,
            payment_id text,
            created_at timestamptz NOT NULL,
            version_at timestamptz NOT NULL,
            deleted boolean NOT NULL,
            change_hour timestamptz NOT NULL,
            PRIMARY KEY (source, refund_id, version_at, change_hour)
        );
        CREATE INDEX payment_refunds_versions_change_hour
            ON warehouse.payment_refunds_versions (change_hour)
    """)
    op.execute("""
        CREATE TABLE warehouse.disputes (
            source text NOT NULL,
            dispute_id text NOT NULL,
            charge_id text,
            order_id text,
            amount_micros bigint NOT NULL,
            currency text NOT NULL,
            status text NOT NULL,
            reason text,
            created_at timestamptz NOT NULL,
            evidence_due_at timestamptz,
            version_at timestamptz NOT NULL,
            deleted boolean NOT NULL,
            PRIMARY KEY (source, dispute_id, created_at)
        ) PARTITION BY RANGE (created_at);
        CREATE INDEX disputes_order_id ON warehouse.disputes (order_id);
        CREATE TABLE warehouse.disputes_versions (
            source text NOT NULL,
            dispute_id text NOT NULL,
            charge_id text,
            order_id text,
            amount_micros bigint NOT NULL,
            currency text NOT NULL,
            status text NOT NULL,
            reason text,
            created_at timestamptz NOT NULL,
            evidence_due_at timestamptz,
            version_at timestamptz NOT NULL,
            deleted boolean NOT NULL,
            change_hour timestamptz NOT NULL,
            PRIMARY KEY (source, dispute_id, version_at, change_hour)
        );
        CREATE INDEX disputes_versions_change_hour ON warehouse.disputes_versions (change_hour)
    """)
    op.execute("""
        CREATE TABLE warehouse.payouts (
            source text NOT NULL,
            payout_id text NOT NULL,
            amount_micros bigint NOT NULL,
            currency text NOT NULL,
            status text NOT NULL,
            automatic boolean NOT NULL,
            created_at timestamptz NOT NULL,
            arrives_at timestamptz,
            version_at timestamptz NOT NULL,
            deleted boolean NOT NULL,
            PRIMARY KEY (source, payout_id, created_at)
        ) PARTITION BY RANGE (created_at);
        CREATE TABLE warehouse.payouts_versions (
            source text NOT NULL,
            payout_id text NOT NULL,
            amount_micros bigint NOT NULL,
            currency text NOT NULL,
            status text NOT NULL,
            automatic boolean NOT NULL,
            created_at timestamptz NOT NULL,
            arrives_at timestamptz,
            version_at timestamptz NOT NULL,
            deleted boolean NOT NULL,
            change_hour timestamptz NOT NULL,
            PRIMARY KEY (source, payout_id, version_at, change_hour)
        );
        CREATE INDEX payouts_versions_change_hour ON warehouse.payouts_versions (change_hour)
    """)
    op.execute("""
        CREATE TABLE warehouse.payout_transactions (
            source text NOT NULL,
            payout_id text NOT NULL,
            payment_id text NOT NULL,
            amount_micros bigint NOT NULL,
            fee_micros bigint NOT NULL,
            net_micros bigint NOT NULL,
            currency text NOT NULL,
            type text NOT NULL,
            created_at timestamptz NOT NULL,
            version_at timestamptz NOT NULL,
            deleted boolean NOT NULL,
            PRIMARY KEY (source, payout_id, payment_id, created_at)
        ) PARTITION BY RANGE (created_at);
        CREATE INDEX payout_transactions_source_payment_id
            ON warehouse.payout_transactions (source, payment_id);
        CREATE TABLE warehouse.payout_transactions_versions (
            source text NOT NULL,
            payout_id text NOT NULL,
            payment_id text NOT NULL,
            amount_micros bigint NOT NULL,
            fee_micros bigint NOT NULL,
            net_micros bigint NOT NULL,
            currency text NOT NULL,
            type text NOT NULL,
            created_at timestamptz NOT NULL,
            version_at timestamptz NOT NULL,
            deleted boolean NOT NULL,
            change_hour timestamptz NOT NULL,
            PRIMARY KEY (source, payout_id, payment_id, version_at, change_hour)
        );
        CREATE INDEX payout_transactions_versions_change_hour
            ON warehouse.payout_transactions_versions (change_hour)
    """)
    op.execute("""
        CREATE TABLE analytics_base.charge_differences (
            source text NOT NULL,
            order_id text NOT NULL,
            charge_id text NOT NULL,
            currency text NOT NULL,
            kind text NOT NULL,
            expected_micros bigint NOT NULL,
            found_micros bigint NOT NULL,
            difference_micros bigint NOT NULL,
            since timestamptz NOT NULL,
            PRIMARY KEY (source, order_id, charge_id, currency)
        );
        CREATE TABLE analytics_base.refund_differences (
            source text NOT NULL,
            order_id text NOT NULL,
            charge_id text NOT NULL,
            currency text NOT NULL,
            kind text NOT NULL,
            expected_micros bigint NOT NULL,
            found_micros bigint NOT NULL,
            difference_micros bigint NOT NULL,
            since timestamptz NOT NULL,
            PRIMARY KEY (source, order_id, charge_id, currency)
        );
        CREATE TABLE analytics_base.payout_differences (
            source text NOT NULL,
            payout_id text NOT NULL,
            payment_id text NOT NULL,
            currency text NOT NULL,
            kind text NOT NULL,
            expected_micros bigint NOT NULL,
            found_micros bigint NOT NULL,
            difference_micros bigint NOT NULL,
            since timestamptz NOT NULL,
            PRIMARY KEY (source, payout_id, payment_id, currency)
        )
    """)
