"""Loading web activity: the slice of a change hour, and the funnel hours that it is seen in."""

from __future__ import annotations

import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.warehouse import slices
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.difference import Target, apply_difference
from shop_assets.warehouse.slices import Load, Written

_FUNNEL_HOURS = """
    SELECT date_trunc('hour', started_at, 'UTC') FROM pg_temp.gone
    UNION SELECT date_trunc('hour', started_at, 'UTC') FROM pg_temp.came
    UNION SELECT date_trunc('hour', a.started_at, 'UTC')
    FROM (SELECT source, visitor_id, started_at, ended_at FROM pg_temp.gone
          UNION ALL SELECT source, visitor_id, started_at, ended_at FROM pg_temp.came) c
    CROSS JOIN LATERAL (
        SELECT started_at FROM warehouse.web_activity a
        WHERE a.source = c.source AND a.visitor_id = c.visitor_id
            AND a.started_at >= c.started_at - interval '24 hours'
            AND a.started_at <= c.ended_at + interval '30 minutes'
        OFFSET 0
    ) a
"""
# Each visitor is looked up in the one or two months of the visit: that is what `OFFSET 0` is for.


def load_activity(warehouse: Warehouse, activity: pd.DataFrame, load: Load) -> Written:
    """Replace the activity that the load's change hours brought (columns of `web_activity`)."""
    spec = TABLES["web_activity"]
    fresh = slices.to_arrow(activity, spec)
    warehouse.ensure_months(spec, fresh.column("started_at"))
    with warehouse.transaction() as cursor, slices.publishing(cursor, load) as publication:
        if publication.before is not None:
            return publication.before
        slices.stage(cursor, "fresh", fresh)
        changed = apply_difference(
            cursor,
            Target.of(spec),
            f"t.change_hour >= '{load.start.isoformat()}' "
            f"AND t.change_hour < '{load.end.isoformat()}'",
        )
        if changed:
            # A visitor has few stretches in a day: a bitmap of them is more than to fetch them.
            cursor.execute("SET LOCAL enable_bitmapscan = off")
            slices.mark_stale(cursor, "funnel_hourly", _FUNNEL_HOURS)
        return publication.note(fresh.num_rows, changed)
