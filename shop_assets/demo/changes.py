"""What changes in the storefronts in a span of time: rows as the shop's own database shows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from shop_assets.demo import people
from shop_assets.demo.catalogue import Catalogue
from shop_assets.demo.chance import Ints
from shop_assets.demo.homes import Home, of_customers, of_orders, open_homes
from shop_assets.demo.orders import Births
from shop_assets.demo.plan import DemoPlan
from shop_assets.demo.storefront import (
    CUSTOMERS,
    ORDER_ITEMS,
    ORDERS,
    PRODUCTS,
    REFUNDS,
    TABLES,
    Junk,
    customer_rows,
    item_rows,
    order_rows,
    product_rows,
    refund_rows,
)
from shop_assets.demo.timeline import Timeline

Changes = dict[sa.Table, pa.Table]
"""The rows of each table that changed, as they are at one moment."""


def changes(
    plan: DemoPlan,
    catalogue: Catalogue,
    alive: Sequence[Births],
    imported: tuple[people.Accounts, Timeline],
    start: int,
    end: int,
) -> dict[Home, Changes]:
    """What to write for the span `[start, end)`, by storefront: rows as they are just before `end`.

    `alive`: the births of all hours that can still change; `imported`: the established customers.
    """
    found = _Found(open_homes(plan))
    populations = [imported, *((b.accounts, b.account_timeline) for b in alive)]
    for accounts, timeline in populations:
        rows = timeline.changed(start, end)
        if len(rows):
            updated = timeline.updated_at(rows, end)
            at = of_customers(plan, accounts.number[rows])
            found.add(CUSTOMERS, customer_rows(accounts, rows, updated, end), at)
    found.add(PRODUCTS, product_rows(plan, catalogue, start, end), None)
    for born in alive:
        homes = of_orders(plan, born.orders.customer, born.orders.order_id)
        rows = born.order_timeline.changed(start, end)
        if len(rows):
            updated = born.order_timeline.updated_at(rows, end)
            found.add(ORDERS, order_rows(born, rows, updated, end), homes[rows])
        rows = born.item_timeline.changed(start, end)
        if len(rows):
            updated = born.item_timeline.updated_at(rows, end)
            lines = item_rows(catalogue, born, rows, updated, end)
            found.add(ORDER_ITEMS, lines, homes[born.items.order[rows]])
        at = born.refunds.refunded_at
        rows = np.flatnonzero((at >= start) & (at < end))
        if len(rows):
            found.add(REFUNDS, refund_rows(born, rows), homes[born.refunds.order[rows]])
        if plan.hour_start(born.hour) < end and start < plan.hour_start(born.hour + 6):
            junk = Junk(plan, catalogue, born)
            for table, part in (
                (ORDERS, junk.order_rows(start, end)),
                (ORDER_ITEMS, junk.item_rows(start, end)),
                (REFUNDS, junk.refund_rows(start, end)),
            ):
                # What fails to be imported does so into the shop's own database.
                found.add(table, part, np.zeros(part.num_rows, dtype=np.int64))
    return found.joined()


class _Found:
    """Rows by storefront and table. A part without homes is of each of them."""

    def __init__(self, homes: Sequence[Home]) -> None:
        self._parts: dict[Home, dict[sa.Table, list[pa.Table]]] = {
            home: {table: [] for table in TABLES} for home in homes
        }

    def add(self, table: sa.Table, rows: pa.Table, homes: Ints | None) -> None:
        for home, parts in self._parts.items():
            there = rows if homes is None else rows.filter(pa.array(homes == home))
            if there.num_rows:
                parts[table].append(there)

    def joined(self) -> dict[Home, Changes]:
        return {
            home: {table: pa.concat_tables(found) for table, found in parts.items() if found}
            for home, parts in self._parts.items()
        }
