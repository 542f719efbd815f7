"""What does not agree between shop and payment provider: the results of the reconciliation."""

from __future__ import annotations

from pandera.typing import Series

from shop_assets.entities.model import Int, Table, Text, Timestamp, column

CHARGE_DIFFERENCES = [
    "not_charged",
    "charged_without_order",
    "amount_differs",
    "charged_twice",
    "charged_though_unpaid",
    "currency_differs",
]
REFUND_DIFFERENCES = [
    "refund_not_paid_out",
    "refund_unknown_to_shop",
    "amount_differs",
    "refund_failed",
]
PAYOUT_DIFFERENCES = ["amount_differs", "no_transactions", "transaction_in_two_payouts"]


class ChargeDifferences(Table):
    """Orders whose charges are not what they cost, and charges that belong to no order."""

    source: Series[Text] = column(
        "The order's source; the payment provider's where there is no order", key=True
    )
    order_id: Series[Text] = column("The order; '' where the charge names none", key=True)
    charge_id: Series[Text] = column(
        "The charge (or payment) that names no order; '' where it does", key=True
    )
    currency: Series[Text] = column("ISO 4217 code, the order's", key=True)
    kind: Series[Text] = column("What does not agree", isin=CHARGE_DIFFERENCES)
    expected_micros: Series[Int] = column("What the shop's orders say, micros")
    found_micros: Series[Int] = column("What the provider has taken, micros")
    difference_micros: Series[Int] = column("Found less expected, micros")
    since: Series[Timestamp] = column("When the last of what is compared happened")


class RefundDifferences(Table):
    """Orders of which the provider gave back another amount than the shop says."""

    source: Series[Text] = column(
        "The order's source; the payment provider's where there is no order", key=True
    )
    order_id: Series[Text] = column("The order; '' where the refund names none", key=True)
    charge_id: Series[Text] = column(
        "The charge (or payment) that names no order; '' where it does", key=True
    )
    currency: Series[Text] = column("ISO 4217 code, the order's", key=True)
    kind: Series[Text] = column("What does not agree", isin=REFUND_DIFFERENCES)
    expected_micros: Series[Int] = column("What is to be given back, micros")
    found_micros: Series[Int] = column("What the provider has given back, micros")
    difference_micros: Series[Int] = column("Found less expected, micros")
    since: Series[Timestamp] = column("When the last of what is compared happened")


class PayoutDifferences(Table):
    """Payouts that are not the sum of their transactions, and transactions paid out twice."""

    source: Series[Text] = column("The payment provider's source", key=True)
    payout_id: Series[Text] = column("The payout", key=True)
    payment_id: Series[Text] = column(
        "The transaction that an earlier payout has, too; '' for the payout as a whole", key=True
    )
    currency: Series[Text] = column(
        "ISO 4217 code: the payout's, or that of the transaction where one is named", key=True
    )
    kind: Series[Text] = column("What does not agree", isin=PAYOUT_DIFFERENCES)
    expected_micros: Series[Int] = column("What the payout should be, micros")
    found_micros: Series[Int] = column("What its transactions sum to, micros")
    difference_micros: Series[Int] = column("Found less expected, micros")
    since: Series[Timestamp] = column("When the payout was made")
