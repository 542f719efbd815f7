"""What happens to an order, each as Shopify's own action would change it.

Each function changes the order's document and books the change in its agreements, the ledger of
sales: their sums are always what the order is currently worth. Amounts are micros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shop_assets.demo.apis.shopify.order import (
    Document,
    NewLine,
    NewOrder,
    add_line,
    net,
    next_id,
    placed,
    settle,
    sold,
)
from shop_assets.demo.apis.shopify.sales import agree, book, book_difference, text
from shop_assets.demo.apis.shopify.values import amount_micros, moment_text, share
from shop_assets.errors import UserError


def place(new: NewOrder) -> Document:
    """A new order, with its first agreement."""
    order = placed(new)
    agreement = agree(order, "OrderAgreement", "ORDER", new.at)
    for line in order["lineItems"]:
        book(order, agreement, line, "ORDER", line["quantity"], net(line), line["_tax"])
    for line in order["shippingLines"]:
        amount = line["_price"] - line["_discount"]
        book(order, agreement, line, "ORDER", 1, amount, line["_tax"], discount=line["_discount"])
    settle(order)
    return order


def edit(
    order: Document,
    at: int,
    *,
    quantities: Mapping[str, int] | None = None,
    add: Sequence[NewLine] = (),
    taxes: Mapping[str, int] | None = None,
) -> None:
    """Set lines to other quantities (0 removes one), add lines; `taxes`: each line's tax then.

    Without `taxes` a line's tax goes along with its quantity.
    """
    agreement = agree(order, "OrderEditAgreement", "ORDER_EDIT", at)
    lines = {line["id"]: line for line in order["lineItems"]}
    for id_ in dict.fromkeys([*(quantities or {}), *(taxes or {})]):
        line = lines.get(id_)
        if line is None:
            raise UserError(f"order {order['name']} has no line {id_}, expected one to edit")
        before, units, tax = net(line), sold(line), line["_tax"]
        wanted = (quantities or {}).get(id_, units)
        if wanted > units:
            line["quantity"] += wanted - units
        else:
            line["_removed"] += units - wanted
        kept = share(tax, wanted, units, order["currencyCode"])
        line["_tax"] = (taxes or {}).get(id_, kept)
        amount, more = net(line) - before, line["_tax"] - tax
        if amount or more or wanted != units:
            book(order, agreement, line, "UPDATE", wanted - units, amount, more)
    for new in add:
        line = add_line(order, new)
        book(order, agreement, line, "ORDER", new.quantity, net(line), line["_tax"])
    order["edited"] = True
    settle(order)


def pay(order: Document, at: int, amount: int | None = None) -> None:
    """Take the money that is outstanding, or an amount of it."""
    due = _outstanding(order) if amount is None else amount
    if due > 0:
        _transaction(order, "SALE", due, at)
    order["_void"] = None
    settle(order)


def fail_payment(order: Document, at: int) -> None:
    """Let the payment expire."""
    _transaction(order, "SALE", _outstanding(order), at, status="FAILURE")
    order["_void"] = "EXPIRED"
    settle(order)


def cancel(order: Document, at: int, reason: str = "CUSTOMER") -> None:
    """Cancel an order; its money is refunded by `refund`."""
    order["cancelledAt"], order["cancelReason"] = moment_text(at), reason
    order["closed"], order["closedAt"] = True, moment_text(at)
    settle(order)


def fulfil(
    order: Document,
    at: int,
    *,
    quantities: Mapping[str, int] | None = None,
    location: str | None = None,
) -> None:
    """Send all that is left to send, or some units of some lines."""
    sent = []
    for line in order["lineItems"]:
        left = sold(line) - line["_refunded"] - line["_fulfilled"]
        units = left if quantities is None else min(left, quantities.get(line["id"], 0))
        if units > 0:
            line["_fulfilled"] += units
            id_ = next_id(order, "FulfillmentLineItem")
            sent.append({"id": id_, "_line": line["id"], "_order": order["id"], "quantity": units})
    order["fulfillments"].append(
        {
            "__typename": "Fulfillment",
            "id": next_id(order, "Fulfillment"),
            "name": f"{order['name']}-F{len(order['fulfillments']) + 1}",
            "status": "SUCCESS",
            "createdAt": moment_text(at),
            "updatedAt": moment_text(at),
            "totalQuantity": sum(each["quantity"] for each in sent),
            "location": location,
            "fulfillmentLineItems": sent,
        }
    )
    order["_held"] = False
    settle(order)


def hold(order: Document) -> None:
    """Put the fulfilment on hold; the order does not say that it has changed."""
    order["_held"] = True
    settle(order)


def start_return(
    order: Document, at: int, quantities: Mapping[str, int], reason: str = "UNWANTED"
) -> str:
    """The customer sends units of lines back; gives the return's id."""
    id_ = next_id(order, "Return")
    lines = []
    for line, units in quantities.items():
        part = next_id(order, "FulfillmentLineItem")
        lines.append(
            {
                "__typename": "ReturnLineItem",
                "id": next_id(order, "ReturnLineItem"),
                "quantity": units,
                "refundedQuantity": 0,
                "refundableQuantity": units,
                "returnReason": reason,
                "returnReasonNote": "",
                "customerNote": None,
                "fulfillmentLineItem": {
                    "id": part,
                    "quantity": units,
                    "_line": line,
                    "_order": order["id"],
                },
            }
        )
    order["returns"].append(
        {
            "__typename": "Return",
            "id": id_,
            "_order": order["id"],
            "name": f"{order['name']}-R{len(order['returns']) + 1}",
            "status": "OPEN",
            "createdAt": moment_text(at),
            "closedAt": None,
            "requestApprovedAt": moment_text(at),
            "totalQuantity": sum(quantities.values()),
            "returnLineItems": lines,
        }
    )
    settle(order)
    return id_


def close_return(order: Document, at: int, id: str) -> None:  # noqa: A002
    """Nothing more is to come of a return."""
    for each in order["returns"]:
        if each["id"] == id:
            each["status"], each["closedAt"] = "CLOSED", moment_text(at)
    settle(order)


def refund(
    order: Document,
    at: int,
    *,
    lines: Mapping[str, tuple[int, int | None, int | None]] | None = None,
    shipping: tuple[int, int] = (0, 0),
    amount: int | None = None,
    restock: bool = True,
    note: str | None = None,
    return_id: str | None = None,
) -> str:
    """Give money back; gives the refund's id.

    `lines`: units, goods value and tax by line (None: the units' share of the line). `shipping`:
    its amount and tax. `amount`: what the customer truly gets, where that is not the sum of it all;
    the difference becomes an order adjustment.
    """
    id_ = next_id(order, "Refund")
    found = {line["id"]: line for line in order["lineItems"]}
    agreement = agree(order, "RefundAgreement", "REFUND", at, _refund=id_)
    parts = []
    for line_id, (units, goods, tax) in (lines or {}).items():
        if line_id not in found:
            raise UserError(f"order {order['name']} has no line {line_id}, expected one to refund")
        line = found[line_id]
        count = max(sold(line), 1)
        value = share(net(line), units, count, order["currencyCode"]) if goods is None else goods
        charged = share(line["_tax"], units, count, order["currencyCode"]) if tax is None else tax
        line["_refunded"] += units
        parts.append((line, units, value, charged))
        book(order, agreement, line, "RETURN", -units, -value, -charged)
    freight, freight_tax = shipping
    if freight or freight_tax:
        line = order["shippingLines"][0]
        line["_refunded"] += freight
        book(order, agreement, line, "RETURN", None, -freight, -freight_tax, discount=0)
    on_top = freight_tax + sum(part[3] for part in parts)
    computed = sum(part[2] for part in parts) + freight
    computed += 0 if order["taxesIncluded"] else on_top
    paid = computed if amount is None else amount
    if paid != computed:
        book_difference(order, agreement, computed - paid)
    moment = moment_text(at)
    order["refunds"].append(
        {
            "__typename": "Refund",
            "id": id_,
            "legacyResourceId": id_.rsplit("/", 1)[1],
            "_order": order["id"],
            "_return": return_id,
            "_goods": sum(part[2] for part in parts),
            "_tax": on_top,
            "_shipping": freight,
            "_kept": computed - paid,
            "_total": paid,
            "createdAt": moment,
            "processedAt": moment,
            "updatedAt": moment,
            "note": note,
            "totalRefundedSet": text(order, paid),
            "refundLineItems": [_refund_line(order, *part, restock) for part in parts],
            "refundShippingLines": _refund_shipping(order, freight, freight_tax),
            "orderAdjustments": _discrepancy(order, computed - paid),
            "transactions": [_transaction(order, "REFUND", paid, at)] if paid else [],
        }
    )
    settle(order)
    return id_


def _refund_line(
    order: Document, line: Document, units: int, value: int, tax: int, restock: bool
) -> Document:
    return {
        "id": next_id(order, "RefundLineItem"),
        "_order": order["id"],
        "_line": line["id"],
        "quantity": units,
        "restockType": "RETURN" if restock else "NO_RESTOCK",
        "restocked": restock,
        "location": None,
        "priceSet": text(order, line["_price"]),
        "subtotalSet": text(order, value),
        "totalTaxSet": text(order, tax),
    }


def _refund_shipping(order: Document, amount: int, tax: int) -> list[Document]:
    if not (amount or tax):
        return []
    return [
        {
            "id": next_id(order, "RefundShippingLine"),
            "shippingLine": order["shippingLines"][0],
            "subtotalAmountSet": text(order, amount),
            "taxAmountSet": text(order, tax),
        }
    ]


def _discrepancy(order: Document, kept: int) -> list[Document]:
    """What was refunded less (or, below zero, more) than lines and shipping come to."""
    if not kept:
        return []
    return [
        {
            "id": next_id(order, "OrderAdjustment"),
            "amountSet": text(order, kept),
            "taxAmountSet": text(order, 0),
            "reason": "REFUND_DISCREPANCY",
        }
    ]


def _outstanding(order: Document) -> int:
    settle(order)
    return _micros(order["totalOutstandingSet"])


def _micros(kept: str) -> int:
    return amount_micros(kept.split(" ", maxsplit=1)[0])


def _transaction(
    order: Document, kind: str, amount: int, at: int, *, status: str = "SUCCESS"
) -> Document:
    parent = next((t["id"] for t in order["transactions"] if t["kind"] == "SALE"), None)
    made = {
        "__typename": "OrderTransaction",
        "id": next_id(order, "OrderTransaction"),
        "_order": order["id"],
        "_amount": amount,
        "kind": kind,
        "status": status,
        "createdAt": moment_text(at),
        "processedAt": moment_text(at),
        "gateway": "shopify_payments",
        "formattedGateway": "Shopify Payments",
        "paymentId": f"{order['name']}.{len(order['transactions']) + 1}",
        "authorizationCode": None,
        "errorCode": None if status == "SUCCESS" else "CARD_DECLINED",
        "test": order["test"],
        "amountSet": text(order, amount),
        "_parent": parent if kind == "REFUND" else None,
    }
    order["transactions"].append(made)
    return made
