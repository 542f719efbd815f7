"""Which hours are loaded whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from shop_assets.warehouse.connection import Warehouse


def first_loaded(warehouse: Warehouse, assets: Collection[str]) -> dt.datetime | None:
    """The first hour that any of these assets (as `warehouse/orders`) has; None before any."""
    frame = warehouse.read(
        "SELECT min(slice) AS first FROM meta.slices WHERE asset = ANY(string_to_array($1, ','))",
        (",".join(assets),),
    )
    (first,) = frame["first"].dropna().tolist() or (None,)
    return None if first is None else first.to_pydatetime()


def missing_hours(
    warehouse: Warehouse, assets: Collection[str], since: dt.datetime, until: dt.datetime
) -> list[dt.datetime]:
    """The hours of `[since, until)` that not all of these assets have, in order.

    One that was not written is enough: a run that failed half-way has loaded some tables only.
    """
    frame = warehouse.read(
        "SELECT h FROM generate_series($2::timestamptz, $3::timestamptz - interval '1 hour', "
        "interval '1 hour') h LEFT JOIN (SELECT slice, count(*) AS n FROM meta.slices "
        "WHERE asset = ANY(string_to_array($1, ',')) AND slice >= $2 AND slice < $3 "
        "GROUP BY slice) loaded ON loaded.slice = h WHERE coalesce(loaded.n, 0) < $4 ORDER BY h",
        (",".join(assets), since, until, len(assets)),
    )
    return [hour.to_pydatetime() for hour in frame["h"]]
