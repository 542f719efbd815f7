"""What of the stock's hours is summed by the server, since they are too many to be read."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.warehouse import ddl
from shop_assets.warehouse.connection import Readable

_DEMAND = f"""
SELECT source, product_id, location_id, count(*) AS hours, sum(units_out)::bigint AS units
FROM {ddl.physical(TABLES["inventory_hourly"])}
WHERE hour > $1 AND hour <= $2 AND NOT is_stockout GROUP BY source, product_id, location_id
"""


def stock_demand(warehouse: Readable, after: dt.datetime, until: dt.datetime) -> pd.DataFrame:
    """Of each product and location the hours in which there was stock, and the units that left.

    Columns source, product_id, location_id, hours, units; of the hours in `(after, until]`. A place
    that never had stock in them has no row.
    """
    return warehouse.read(_DEMAND, (after, until))
