"""What is asked of few orders only: their refunds, and when edits added their lines."""

from __future__ import annotations

from collections.abc import Sequence

from shop_assets.sources.shopify import windows
from shop_assets.sources.shopify.calls import Object
from shop_assets.sources.shopify.lists import Lists
from shop_assets.sources.shopify.selections import ADDITIONS, REFUND, REFUNDED_UNITS


def refunds(lists: Lists, stream: str, nodes: Sequence[Object]) -> dict[str, Object]:
    """The refunds of the orders that have any, by id, as far as the stream needs them."""
    if stream not in ("refunds", "order_lines"):
        return {}
    ids = [id_ for node in nodes for id_ in windows.ids(node.get("refunds"))]
    return lists.details(ids, REFUND if stream == "refunds" else REFUNDED_UNITS)


def units(found: Sequence[Object]) -> dict[str, int]:
    """Units given back by refunds, by line."""
    total: dict[str, int] = {}
    for refund in found:
        for each in refund["refundLineItems"]:
            line = str((each.get("lineItem") or {}).get("id"))
            total[line] = total.get(line, 0) + windows.whole(each.get("quantity"))
    return total


def added(lists: Lists, nodes: Sequence[Object]) -> dict[str, str]:
    """When lines of edited orders were first sold, by the ledger: those that edits have added."""
    edited = [str(node["id"]) for node in nodes if node.get("edited") is True]
    found: dict[str, str] = {}
    for order in lists.details(edited, ADDITIONS).values():
        first = order["agreements"][:1]
        for each in order["agreements"]:
            at = each.get("happenedAt")
            for sale in each["sales"]:
                line = (sale.get("lineItem") or {}).get("id")
                if isinstance(line, str) and isinstance(at, str):
                    found[line] = min(found.get(line, at), at)
        for sale in first[0]["sales"] if first else ():
            # Lines of the order itself are as old as the order says.
            found.pop(str((sale.get("lineItem") or {}).get("id")), None)
    return found
