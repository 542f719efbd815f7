"""The objects of Stripe's API, each with the keys that Stripe gives it.

Amounts are minor units of the object's currency, times whole seconds since 1970. No object is
changed in place: a changed one is a new mapping, so that an event keeps what it has said.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Body = dict[str, Any]

KINDS = {
    "ch": "charge",
    "re": "refund",
    "dp": "dispute",
    "po": "payout",
    "txn": "balance_transaction",
    "evt": "event",
}
"""The kind of object by what stands before the `_` of its id."""

THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
"""Of these, amounts are multiples of ten: the third decimal is always 0."""


class Movement(NamedTuple):
    """What moves the balance. `instantly`: what can be paid out at once, or is taken at once."""

    type: str
    category: str
    instantly: bool = True


CHARGED = Movement("charge", "charge", instantly=False)
NOT_CAPTURED = Movement("refund", "partial_capture_reversal", instantly=False)
REFUNDED = Movement("refund", "refund")
REFUND_FAILED = Movement("refund_failure", "refund_failure")
DISPUTED = Movement("adjustment", "dispute")
DISPUTE_WON = Movement("adjustment", "dispute_reversal")
BILLED = Movement("stripe_fee", "fee")
PAID_OUT = Movement("payout", "payout")
PAYOUT_FAILED = Movement("payout_failure", "payout_reversal")

_NOTHING = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
_CARD = {
    "amount_authorized": None,
    "authorization_code": None,
    "brand": "visa",
    "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
    "country": "DE",
    "exp_month": 8,
    "exp_year": 2030,
    "extended_authorization": {"status": "disabled"},
    "fingerprint": "AOB934RVNwzk6xtn",
    "funding": "credit",
    "incremental_authorization": {"status": "unavailable"},
    "installments": None,
    "last4": "4242",
    "mandate": None,
    "multicapture": {"status": "unavailable"},
    "network": "visa",
    "network_token": {"used": False},
    "network_transaction_id": None,
    "regulated_status": "unregulated",
    "three_d_secure": None,
    "transaction_link_id": None,
    "wallet": None,
}
_OUTCOME = {
    "advice_code": None,
    "network_advice_code": None,
    "network_decline_code": None,
    "network_status": "approved_by_network",
    "reason": None,
    "seller_message": "Payment complete.",
    "type": "authorized",
}
_DECLINED = {
    **_OUTCOME,
    "network_decline_code": "51",
    "network_status": "declined_by_network",
    "reason": "insufficient_funds",
    "seller_message": "The bank returned the decline code `insufficient_funds`.",
    "type": "issuer_declined",
}
_EVIDENCE = dict.fromkeys(
    (
        *("access_activity_log", "billing_address", "cancellation_policy"),
        *("cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication"),
        *("customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature"),
        *("duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id"),
        *("product_description", "receipt", "refund_policy", "refund_policy_disclosure"),
        *("refund_refusal_explanation", "service_date", "service_documentation"),
        *("shipping_address", "shipping_carrier", "shipping_date", "shipping_documentation"),
        *("shipping_tracking_number", "uncategorized_file", "uncategorized_text"),
    )
)


def charge(
    key: str,
    at: int,
    amount: int,
    currency: str,
    *,
    metadata: Body,
) -> Body:
    """A charge that is neither captured nor failed yet."""
    return {
        "id": key,
        "object": "charge",
        "amount": amount,
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": {
            "address": _NOTHING,
            "email": None,
            "name": None,
            "phone": None,
            "tax_id": None,
        },
        "calculated_statement_descriptor": "SHOP",
        "captured": False,
        "created": at,
        "currency": currency,
        "customer": None,
        "description": None,
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": metadata,
        "on_behalf_of": None,
        "outcome": _OUTCOME,
        "paid": True,
        "payment_intent": None,
        "payment_method": f"pm_{key[3:]}",
        "payment_method_details": {"card": _CARD, "type": "card"},
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }


def declined() -> Body:
    """What a declined charge says otherwise."""
    return {
        "failure_code": "card_declined",
        "failure_message": "Your card has insufficient funds.",
        "outcome": _DECLINED,
        "paid": False,
        "status": "failed",
    }


def refund(
    key: str, at: int, of: Body, amount: int, *, status: str, reason: str | None, metadata: Body
) -> Body:
    """A refund of a charge."""
    return {
        "id": key,
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": of["id"],
        "created": at,
        "currency": of["currency"],
        "customer": of["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": metadata,
        "payment_intent": of["payment_intent"],
        "payment_method": of["payment_method"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }


def dispute(key: str, at: int, of: Body, amount: int, *, reason: str, due: int) -> Body:
    """A dispute of a charge, which needs a response."""
    return {
        "id": key,
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": of["id"],
        "created": at,
        "currency": of["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**_EVIDENCE, "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": due,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": of["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": "visa",
                "case_type": "chargeback",
                "network": "visa",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }


def payout(key: str, at: int, amount: int, currency: str, *, arrives: int, automatic: bool) -> Body:
    """A payout to the shop's bank account, which is pending."""
    return {
        "id": key,
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": arrives,
        "automatic": automatic,
        "balance_transaction": None,
        "created": at,
        "currency": currency,
        "description": "STRIPE PAYOUT" if automatic else None,
        "destination": "ba_1Pgc79B7WZ01zgkWoU5vBiXt",
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "in_progress" if automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": "pending",
        "trace_id": None,
        "type": "bank_account",
    }


def balance_transaction(
    key: str,
    at: int,
    amount: int,
    currency: str,
    of: Movement,
    *,
    fee: int,
    source: str | None,
    available: int,
) -> Body:
    """A movement of the balance; its `status` is that of a moment before `available_on`."""
    details = {
        "amount": fee,
        "application": None,
        "currency": currency,
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }
    return {
        "id": key,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": available,
        "balance_type": "payments",
        "created": at,
        "currency": currency,
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [details] if fee else [],
        "net": amount - fee,
        "reporting_category": of.category,
        "source": source,
        "status": "pending",
        "type": of.type,
    }


def event(key: str, at: int, kind: str, of: Body, before: Body | None, version: str) -> Body:
    """An event about an object; `before`: what an update has changed, as it was."""
    found: Body = {"object": of}
    if before is not None:
        found["previous_attributes"] = before
    return {
        "id": key,
        "object": "event",
        "api_version": version,
        "created": at,
        "data": found,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
