"""Refunds as rows, whose parts sum to what the customer got.

A refund has lines, shipping and, where the money paid out is another sum than these, a difference.
There is one row for each line, and one for the rest: shipping, and what was paid out beyond the
lines. What was paid out less is taken off the lines, each by its share, to the coin.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

from shop_assets.sources.shopify.rows import Object, amount, number

_ZERO = Decimal(0)
_NONE = ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND")
_THREE = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_COINS = {**dict.fromkeys((*_NONE, "VUV", "XAF", "XOF", "XPF"), 0), **dict.fromkeys(_THREE, 3)}
"""Decimals of the currencies that do not have two (ISO 4217)."""


def rows(order: Object, refund: Object) -> list[Object]:
    """The rows of a refund of an order. `amount` and `shipping` are before tax."""
    included = bool(order.get("taxesIncluded"))
    lines = [_line(each, included=included) for each in refund["refundLineItems"]]
    freight, freight_tax = _shipping(refund["refundShippingLines"], included=included)
    paid = amount(refund.get("totalRefundedSet"))
    computed = sum((a + t for _, a, t in lines), _ZERO) + freight + freight_tax
    # Without any money there is no difference to explain: a line that was removed from an unpaid
    # order, or goods that came back before the money went.
    moved = bool(paid) or bool(refund.get("orderAdjustments"))
    beyond = paid - computed if moved else _ZERO
    if beyond < 0:
        sums = [a + t for _, a, t in lines]
        taken = _shared(min(-beyond, sum(sums, _ZERO)), sums, _coin(order.get("currencyCode")))
        beyond += sum(taken, _ZERO)
        lines = [_reduced(line, less) for line, less in zip(lines, taken, strict=True)]
        # What the lines cannot give comes off the shipping.
        less = min(-beyond, freight)
        freight, beyond = freight - less, beyond + less
        freight_tax, beyond = freight_tax + beyond, _ZERO
    id_ = number(refund.get("id"))
    common = {
        "refund_id": id_,
        "order_id": number(order.get("id")),
        "refunded_at": refund.get("createdAt") or refund.get("processedAt"),
        "currency": order.get("currencyCode"),
        "note": refund.get("note"),
        "total_refunded": paid,
    }
    found, seen = [], set[str]()
    for each, goods, tax in lines:
        line = number((each.get("lineItem") or {}).get("id"))
        part = f"{id_}:{line}"
        while part in seen:
            part += "+"
        seen.add(part)
        found.append(
            {
                **each,
                **common,
                "part_id": part,
                "line_id": line,
                "amount": goods,
                "shipping": _ZERO,
                "tax": tax,
            }
        )
    if freight or freight_tax or beyond or not found:
        found.append(
            {
                **{k: v for k, v in refund.items() if k != "refundLineItems"},
                **common,
                "part_id": f"{id_}:rest",
                "line_id": None,
                "quantity": 0,
                "amount": beyond,
                "shipping": freight,
                "tax": freight_tax,
            }
        )
    return found


_Line = tuple[Object, Decimal, Decimal]


def _line(each: Object, *, included: bool) -> _Line:
    goods, tax = amount(each.get("subtotalSet")), amount(each.get("totalTaxSet"))
    return each, goods - tax if included else goods, tax


def _shipping(lines: Sequence[Object], *, included: bool) -> tuple[Decimal, Decimal]:
    tax = sum((amount(each.get("taxAmountSet")) for each in lines), _ZERO)
    whole = sum((amount(each.get("subtotalAmountSet")) for each in lines), _ZERO)
    return whole - tax if included else whole, tax


def _reduced(line: _Line, less: Decimal) -> _Line:
    """A line that gave less money: the goods first, and then the tax."""
    each, goods, tax = line
    off = min(less, goods)
    return each, goods - off, tax - (less - off)


def _shared(total: Decimal, weights: Sequence[Decimal], coin: Decimal) -> list[Decimal]:
    """An amount over the lines by largest remainder, in whole coins; never more than a weight."""
    whole = sum(weights, _ZERO)
    if not whole:
        return [_ZERO for _ in weights]
    exact = [total * weight / whole for weight in weights]
    parts = [part.quantize(coin, ROUND_DOWN) for part in exact]
    order = sorted(range(len(parts)), key=lambda i: parts[i] - exact[i])
    left = total - sum(parts, _ZERO)
    for i in order:
        step = min(coin, left, weights[i] - parts[i])
        parts[i] += max(step, _ZERO)
        left -= max(step, _ZERO)
    if left > 0:
        # Finer than a coin, or lines that are full: wherever there is room.
        for i, weight in enumerate(weights):
            step = min(left, weight - parts[i])
            parts[i], left = parts[i] + step, left - step
    return parts


def _coin(currency: Any) -> Decimal:
    return Decimal(1).scaleb(-_COINS.get(str(currency), 2))
