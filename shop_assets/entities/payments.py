"""What a payment provider knows: charges, refunds, disputes, payouts and what these consist of.

A charge is in the currency that the customer pays in, the balance transaction that it makes (a row
of `payments`, named by `payment_id`) in the currency that the provider settles in.
"""

from __future__ import annotations

from pandera.typing import Series

from shop_assets.entities.commerce import PAYMENT_TYPES
from shop_assets.entities.model import Bool, Int, Table, Text, Timestamp, column

CHARGE_STATUSES = ["succeeded", "pending", "failed"]
REFUND_STATUSES = ["pending", "succeeded", "failed", "canceled", "requires_action"]
PAYOUT_STATUSES = ["paid", "pending", "in_transit", "canceled", "failed"]
_CURRENCY = r"^[A-Z]{3}$"


class Charges(Table):
    """One row per attempt to take money from a customer, in its newest version."""

    source: Series[Text] = column("Name of the source", key=True)
    charge_id: Series[Text] = column("The provider's id of the charge", key=True)
    order_id: Series[Text] = column("The order that is paid, where the charge says", nullable=True)
    customer_id: Series[Text] = column("The provider's id of the customer", nullable=True)
    amount_micros: Series[Int] = column("Amount that was asked for, micros", ge=0)
    captured_micros: Series[Int] = column("Amount that was taken, micros", ge=0)
    refunded_micros: Series[Int] = column("Amount given back since, micros", ge=0)
    currency: Series[Text] = column("ISO 4217 code", str_matches=_CURRENCY)
    status: Series[Text] = column("State at the provider", isin=CHARGE_STATUSES)
    captured: Series[Bool] = column("The money was taken, not only reserved")
    disputed: Series[Bool] = column("The customer's bank has disputed it")
    payment_id: Series[Text] = column("Its balance transaction in `payments`", nullable=True)
    created_at: Series[Timestamp] = column("When the charge was made", merge="earliest")
    version_at: Series[Timestamp] = column("When the source gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")


class PaymentRefunds(Table):
    """One row per refund at the payment provider, in its newest version."""

    source: Series[Text] = column("Name of the source", key=True)
    refund_id: Series[Text] = column("The provider's id of the refund", key=True)
    charge_id: Series[Text] = column("The charge that is given back", nullable=True)
    order_id: Series[Text] = column(
        "The order, where the refund says; else it is the charge's", nullable=True
    )
    amount_micros: Series[Int] = column("Amount given back, micros", ge=0)
    currency: Series[Text] = column("ISO 4217 code", str_matches=_CURRENCY)
    status: Series[Text] = column("State at the provider", isin=REFUND_STATUSES)
    reason: Series[Text] = column("Reason", nullable=True)
    payment_id: Series[Text] = column("Its balance transaction in `payments`", nullable=True)
    created_at: Series[Timestamp] = column("When the refund was made", merge="earliest")
    version_at: Series[Timestamp] = column("When the source gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")


class Disputes(Table):
    """One row per charge that a customer's bank disputes, in its newest version."""

    source: Series[Text] = column("Name of the source", key=True)
    dispute_id: Series[Text] = column("The provider's id of the dispute", key=True)
    charge_id: Series[Text] = column("The charge", nullable=True)
    order_id: Series[Text] = column("The order, where the dispute says", nullable=True)
    amount_micros: Series[Int] = column("Amount disputed, micros", ge=0)
    currency: Series[Text] = column("ISO 4217 code", str_matches=_CURRENCY)
    status: Series[Text] = column("State, in the provider's words")
    reason: Series[Text] = column("Reason, in the provider's words", nullable=True)
    created_at: Series[Timestamp] = column("When the dispute was opened", merge="earliest")
    evidence_due_at: Series[Timestamp] = column("Until when evidence is taken", nullable=True)
    version_at: Series[Timestamp] = column("When the source gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")


class Payouts(Table):
    """One row per transfer from the provider to the shop's bank account, in its newest version."""

    source: Series[Text] = column("Name of the source", key=True)
    payout_id: Series[Text] = column("The provider's id of the payout", key=True)
    amount_micros: Series[Int] = column("Amount; negative when the provider collects it, micros")
    currency: Series[Text] = column("ISO 4217 code", str_matches=_CURRENCY)
    status: Series[Text] = column("State at the provider", isin=PAYOUT_STATUSES)
    automatic: Series[Bool] = column("Made by the provider's schedule, not by hand")
    created_at: Series[Timestamp] = column("When the payout was made", merge="earliest")
    arrives_at: Series[Timestamp] = column("When the bank is to have it", nullable=True)
    version_at: Series[Timestamp] = column("When the source gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")


class PayoutTransactions(Table):
    """One row per balance transaction that a payout consists of, in its newest version."""

    source: Series[Text] = column("Name of the source", key=True)
    payout_id: Series[Text] = column("The payout", key=True)
    payment_id: Series[Text] = column("The balance transaction in `payments`", key=True)
    amount_micros: Series[Int] = column("Amount; negative when it leaves the shop, micros")
    fee_micros: Series[Int] = column("The provider's fee, micros")
    net_micros: Series[Int] = column("Amount less fee, micros")
    currency: Series[Text] = column("ISO 4217 code", str_matches=_CURRENCY)
    type: Series[Text] = column(
        "What moved; `payout` is the payout itself, and no part of it", isin=PAYMENT_TYPES
    )
    created_at: Series[Timestamp] = column("When the money moved", merge="earliest")
    version_at: Series[Timestamp] = column("When the source gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")
