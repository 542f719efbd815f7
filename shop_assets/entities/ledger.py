"""The sales ledger: every metric of revenue is a sum over it."""

from __future__ import annotations

from pandera.typing import Series

from shop_assets.entities.commerce import LINE_TYPES
from shop_assets.entities.model import Bool, Int, Table, Text, Timestamp, column

LEDGER_KINDS = ["sale", "discount", "return", "shipping", "tax", "adjustment", "cancellation"]


class SalesLedger(Table):
    """One row per money event and order line: what it was, when it happened, and how much.

    Signs are those of the metric: a `sale` of 3 units is +3 units and a positive amount, a
    `return` of one is +1 unit returned and a positive amount given back, and so for
    `cancellation`. A correction of an earlier event is a row of the same kind with the sign
    turned round. `shipping` and `tax` are positive when charged, negative when given back.
    """

    source: Series[Text] = column("Name of the source", key=True)
    order_id: Series[Text] = column("The order", key=True)
    item_id: Series[Text] = column("The line; '' for the order as a whole", key=True)
    kind: Series[Text] = column("What happened", key=True, isin=LEDGER_KINDS)
    event_id: Series[Text] = column(
        "The source's identity of the event: a refund's id, or the version that made it", key=True
    )
    happened_at: Series[Timestamp] = column("When it happened", key=True)
    ordered_at: Series[Timestamp] = column("When the order was placed")
    customer_id: Series[Text] = column("The customer; null for a guest", nullable=True)
    product_id: Series[Text] = column("The product", nullable=True)
    line_type: Series[Text] = column(
        "Kind of line; null for the order as a whole", nullable=True, isin=LINE_TYPES
    )
    quantity: Series[Int] = column("Units")
    amount_micros: Series[Int] = column("Amount, micros of `currency`")
    currency: Series[Text] = column("ISO 4217 code", str_matches=r"^[A-Z]{3}$")
    is_test: Series[Bool] = column("Of a test order: in no metric")
