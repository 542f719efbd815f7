"""Customers who have not ordered yet."""

from __future__ import annotations

import pandas as pd

from shop_assets.warehouse.connection import Warehouse


def read_prospects(warehouse: Warehouse) -> pd.DataFrame:
    """Customers that are not deleted and have no orders: columns source, customer_id.

    Read before what customers have ordered: whose first order comes in between is then in both,
    not in neither.
    """
    return warehouse.read(
        "SELECT c.source, c.customer_id FROM warehouse.customers c WHERE NOT c.deleted "
        "AND NOT EXISTS (SELECT FROM meta.customer_totals t "
        "WHERE t.source = c.source AND t.customer_id = c.customer_id)"
    )
