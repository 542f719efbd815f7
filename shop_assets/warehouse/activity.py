"""Loading web activity: the slice of a change hour, and the funnel hours that it is seen in."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from shop_assets.entities import TABLES
from shop_assets.warehouse import funnel_sums, slices, upkeep
from shop_assets.warehouse.connection import Cursor, Warehouse
from shop_assets.warehouse.current import of_load
from shop_assets.warehouse.difference import Target, append, compare, stands, write
from shop_assets.warehouse.slices import Load, Written

_SPEC = TABLES["web_activity"]


def load_activity(warehouse: Warehouse, activity: pd.DataFrame, load: Load) -> Written:
    """Replace the activity that the load's change hours brought (columns of `web_activity`)."""
    fresh = slices.to_arrow(activity, _SPEC)
    months = warehouse.ensure_months(_SPEC, fresh.column("started_at"))
    # By itself: it asks for hours of the funnel in their order, in which they are settled, and so
    # does what follows; both in one transaction would not.
    with warehouse.transaction() as cursor:
        funnel_sums.ensure(cursor)
    with warehouse.transaction() as cursor, slices.publishing(cursor, load) as publication:
        if publication.before is not None:
            return publication.before
        written = publication.note(fresh.num_rows, _replace(cursor, activity, fresh, load))
    upkeep.summarize(warehouse, _SPEC, months)
    return written


def _replace(cursor: Cursor, activity: pd.DataFrame, fresh: pa.Table, load: Load) -> int:
    """Make the activity of the load's hours equal to `fresh`; how many rows came and went."""
    target, scope = Target.of(_SPEC), of_load("t", load)
    # Loads of other hours may bring what the same visitors did: each must see those before it.
    cursor.execute(funnel_sums.LOCK)
    funnel_sums.ensure(cursor)
    # The funnel before the rows are written: else each of them was looked up among the others.
    if not stands(cursor, target, scope):
        if fresh.num_rows:
            funnel_sums.add(cursor, activity)
            append(cursor, target, scope, fresh)
        return int(fresh.num_rows)
    slices.stage(cursor, "fresh", fresh)
    found = compare(cursor, target, scope)
    if found.rows:
        funnel_sums.change(cursor, of_load("a", load))
        write(cursor, target, scope, found)
    return found.rows
