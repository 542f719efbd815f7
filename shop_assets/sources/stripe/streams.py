"""The streams of a Stripe account: where each is listed, which events tell of it, its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CHARGES = "v1/charges"
EVENTS = "v1/events"
TRANSACTIONS = "v1/balance_transactions"


@dataclass(frozen=True)
class StripeStream:
    """A stream. `columns`: where each value is in the object; `money`: which of them are amounts.

    `events`: types whose object is one of the stream's. `about`: types whose object names one of
    the stream's (its `charge`), which has changed without an event of its own.
    """

    path: str
    columns: Mapping[str, str]
    money: tuple[str, ...]
    events: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    expand: tuple[str, ...] = ()
    added: tuple[str, ...] = field(default=("order_id",))

    @property
    def needs(self) -> tuple[str, ...]:
        """The paths that a key must be allowed to read."""
        paths = [self.path, *([EVENTS] if self.events else []), *([CHARGES] if self.about else [])]
        return tuple(dict.fromkeys(paths))


def _columns(*names: str, **elsewhere: str) -> dict[str, str]:
    return {**{name: name for name in names}, **elsewhere}


_PAYOUTS = StripeStream(
    "v1/payouts",
    _columns(
        *("id", "amount", "currency", "status", "automatic", "arrival_date", "created"),
        *("balance_transaction", "failure_balance_transaction", "failure_code", "method", "type"),
        *("reconciliation_status", "description", "deleted"),
    ),
    ("amount",),
    events=(
        *("payout.created", "payout.updated", "payout.paid", "payout.failed", "payout.canceled"),
        "payout.reconciliation_completed",
    ),
    added=(),
)
STREAMS: dict[str, StripeStream] = {
    "balance_transactions": StripeStream(
        TRANSACTIONS,
        _columns(
            *("id", "amount", "fee", "net", "currency", "type", "reporting_category", "source"),
            *("description", "exchange_rate", "available_on", "created", "status"),
        ),
        ("amount", "fee", "net"),
        expand=("data.source", "data.source.charge"),
        added=("order_id", "charge", "source_object"),
    ),
    "charges": StripeStream(
        CHARGES,
        _columns(
            *("id", "amount", "amount_captured", "amount_refunded", "currency", "status", "paid"),
            *("captured", "refunded", "disputed", "balance_transaction", "customer", "created"),
            *("payment_intent", "description", "failure_code", "deleted"),
            payment_method="payment_method_details.type",
        ),
        ("amount", "amount_captured", "amount_refunded"),
        events=(
            *("charge.succeeded", "charge.pending", "charge.failed", "charge.captured"),
            *("charge.expired", "charge.refunded", "charge.updated"),
        ),
        about=(
            *("charge.dispute.created", "charge.dispute.closed", "charge.refund.updated"),
            "refund.failed",
        ),
    ),
    "refunds": StripeStream(
        "v1/refunds",
        _columns(
            *("id", "charge", "amount", "currency", "status", "reason", "balance_transaction"),
            *("failure_balance_transaction", "failure_reason", "payment_intent", "created"),
            "deleted",
        ),
        ("amount",),
        events=("refund.created", "refund.updated", "refund.failed", "charge.refund.updated"),
    ),
    "disputes": StripeStream(
        "v1/disputes",
        _columns(
            *("id", "charge", "amount", "currency", "status", "reason", "payment_intent"),
            *("is_charge_refundable", "created", "deleted"),
            evidence_due="evidence_details.due_by",
        ),
        ("amount",),
        events=(
            *("charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"),
            *("charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated"),
        ),
    ),
    "payouts": _PAYOUTS,
    "payout_transactions": StripeStream(
        _PAYOUTS.path,
        _columns(
            *("id", "amount", "fee", "net", "currency", "type", "reporting_category", "source"),
            *("description", "available_on", "created"),
        ),
        ("amount", "fee", "net"),
        events=_PAYOUTS.events,
        added=("payout",),
    ),
}
