"""Loading web activity: the slice of a change hour, and the funnel hours that it is seen in."""

from __future__ import annotations

import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.warehouse import funnel_sums, slices
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.current import of_load
from shop_assets.warehouse.difference import Target, compare, write
from shop_assets.warehouse.slices import Load, Written


def load_activity(warehouse: Warehouse, activity: pd.DataFrame, load: Load) -> Written:
    """Replace the activity that the load's change hours brought (columns of `web_activity`)."""
    spec = TABLES["web_activity"]
    fresh = slices.to_arrow(activity, spec)
    warehouse.ensure_months(spec, fresh.column("started_at"))
    with warehouse.transaction() as cursor, slices.publishing(cursor, load) as publication:
        if publication.before is not None:
            return publication.before
        slices.stage(cursor, "fresh", fresh)
        # Loads of other hours may bring what the same visitors did: each must see those before it.
        cursor.execute(funnel_sums.LOCK)
        funnel_sums.ensure(cursor)
        found = compare(cursor, Target.of(spec), of_load("t", load))
        if found.rows:
            # Before the rows are written: else each of them was looked up among the others.
            told = activity if found.all_came else None
            funnel_sums.change(cursor, of_load("a", load), told)
            write(cursor, Target.of(spec), of_load("t", load), found)
        return publication.note(fresh.num_rows, found.rows)
