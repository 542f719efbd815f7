from __future__ import annotations

import pandas as pd

from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.prospects import read_prospects


def test_prospects_are_the_customers_who_are_there_and_have_not_ordered(
    warehouse: Warehouse,
) -> None:
    with warehouse.transaction() as cursor:
        cursor.execute(
            "INSERT INTO warehouse.customers (source, customer_id, version_at, deleted) "
            "SELECT source, customer_id, now(), customer_id = 'gone' "
            "FROM unnest(ARRAY['shop', 'app']) source, "
            "unnest(ARRAY['new', 'gone', 'buyer']) customer_id"
        )
        cursor.execute(
            "INSERT INTO meta.customer_totals (source, customer_id, currency, orders, "
            "net_sales_micros, last_order_at) VALUES ('shop', 'buyer', 'GBP', 1, 5, now()), "
            "('shop', 'buyer', 'EUR', 1, 5, now()), ('shop', 'unknown', 'EUR', 1, 5, now())"
        )
    found = read_prospects(warehouse).sort_values(["source", "customer_id"], ignore_index=True)
    expected = pd.DataFrame(
        {"source": ["app", "app", "shop"], "customer_id": ["buyer", "new", "new"]}
    )
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
