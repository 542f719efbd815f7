"""Replacing slices of marts, and knowing which ones are stale."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from shop_assets.entities import TableSpec
from shop_assets.warehouse import customer_totals, order_requests, slices
from shop_assets.warehouse.changes import note_changes
from shop_assets.warehouse.connection import Cursor, Warehouse, read
from shop_assets.warehouse.ddl import quoted
from shop_assets.warehouse.difference import Target, replace_slice
from shop_assets.warehouse.order_requests import Orders
from shop_assets.warehouse.slices import Load, Written

_SEEN = pa.schema([("slice", pa.timestamp("us", "UTC")), ("generation", pa.int64())])


@dataclass(frozen=True)
class Seen:
    """What stood of a mart's slices before its rows were computed.

    `requests`: `stale_slices`, which the rows answer. `writers`: `slices.writers`, whom they
    replace.
    """

    requests: pd.DataFrame
    writers: pd.DataFrame


def look(
    warehouse: Warehouse,
    mart: str,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
) -> Seen:
    """What stands now of a mart's slices `[start, end)`; to be asked before they are computed."""
    with warehouse.transaction() as cursor:
        return Seen(
            _requests(cursor, mart, start, end),
            slices.writers(cursor, f"marts/{mart}", start, end),
        )


def stale_slices(
    warehouse: Warehouse,
    mart: str,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
) -> pd.DataFrame:
    """The slices of a mart that something it reads has changed since they were computed.

    Columns slice (UTC; a day as its midnight), generation, in order of time.
    """
    with warehouse.transaction() as cursor:
        return _requests(cursor, mart, start, end)


def _requests(
    cursor: Cursor, mart: str, start: dt.datetime | None, end: dt.datetime | None
) -> pd.DataFrame:
    return read(
        cursor,
        "SELECT slice, generation FROM meta.stale_slices WHERE mart = $1 "
        "AND slice >= coalesce($2::timestamptz, '-infinity') "
        "AND slice < coalesce($3::timestamptz, 'infinity') ORDER BY slice",
        (mart, start, end),
    )


def stale_by_mart(warehouse: Warehouse, marts: Collection[str]) -> pd.DataFrame:
    """The slices of these marts that are to be computed again: columns mart, slice."""
    return warehouse.read(
        "SELECT mart, slice FROM meta.stale_slices WHERE mart = ANY(string_to_array($1, ','))",
        (",".join(marts),),
    )


def replace_slices(
    warehouse: Warehouse,
    spec: TableSpec,
    rows: pd.DataFrame,
    load: Load,
    seen: Seen,
    orders: Orders | None = None,
) -> Written:
    """Make the mart's slices `[load.start, load.end)` equal to `rows`, in one transaction.

    `seen`: what `look` gave before the mart was computed. A request that came since then (of a
    newer generation) stays, since what it asks for may not have been seen. Where another writer
    has published one of the slices since, it raises `StaleWriterError`: it may have read later, and
    answered what these rows do not know of. `orders`: those of `customer_orders` that were asked
    for; where they are `alone`, nothing else is replaced.
    """
    fresh = slices.to_arrow(rows, spec)
    warehouse.ensure_months(spec, fresh.column(str(spec.time)))
    scope, looked_up = _scope(spec, load), None
    if orders is not None and orders.alone:
        scope, looked_up = _OF_ORDERS, _LOOKED_UP
    with (
        warehouse.transaction() as cursor,
        slices.publishing(cursor, load, seen.writers) as publication,
    ):
        if publication.before is not None:
            return publication.before
        if orders is not None and orders.alone:
            order_requests.stage(cursor, orders.asked)
        changed = replace_slice(cursor, Target.of(spec), scope, fresh, looked_up).rows
        _settle(cursor, spec.name, seen.requests)
        if orders is not None:
            order_requests.settle(cursor, orders)
        if changed:
            note_change(cursor, spec.name)
            note_changes(cursor, spec, load.load_id, warehouse.zone)
            if spec.name == "customer_orders":
                customer_totals.note(cursor)
        return publication.note(fresh.num_rows, changed)


_OF_ORDERS = (
    "EXISTS (SELECT FROM pg_temp.asked_orders a WHERE a.hour = t.ordered_hour "
    "AND a.source = t.source AND a.order_id = t.order_id)"
)
_LOOKED_UP = (
    "pg_temp.asked_orders a CROSS JOIN LATERAL (SELECT * FROM marts_base.customer_orders m "
    "WHERE m.ordered_hour = a.hour AND m.source = a.source AND m.order_id = a.order_id OFFSET 0) t"
)


def replace_all(warehouse: Warehouse, spec: TableSpec, rows: pd.DataFrame) -> Written:
    """Make an unpartitioned table (a list, a result) equal to `rows`, in one transaction."""
    fresh = slices.to_arrow(rows, spec)
    with warehouse.transaction() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", parameters=(spec.name,)
        )
        changed = replace_slice(cursor, Target.of(spec), "true", fresh).rows
        if changed:
            note_change(cursor, spec.name)
    return Written(fresh.num_rows, changed)


def note_change(cursor: Cursor, mart: str) -> None:
    """Count one more change of a mart's content."""
    cursor.execute(
        "INSERT INTO meta.mart_versions AS t (mart, version, changed_at) "
        "VALUES ($1, 1, clock_timestamp()) ON CONFLICT (mart) DO UPDATE "
        "SET version = t.version + 1, changed_at = excluded.changed_at",
        parameters=(mart,),
    )


def _scope(spec: TableSpec, load: Load) -> str:
    time = quoted(str(spec.time))
    if spec.column(str(spec.time)).kind == "date":
        return f"t.{time} >= '{load.start:%Y-%m-%d}' AND t.{time} < '{load.end:%Y-%m-%d}'"
    return f"t.{time} >= '{load.start.isoformat()}' AND t.{time} < '{load.end.isoformat()}'"


def _settle(cursor: Cursor, mart: str, seen: pd.DataFrame) -> None:
    if len(seen) == 0:
        return
    slices.stage(cursor, "seen", pa.Table.from_pandas(seen, schema=_SEEN, preserve_index=False))
    # In the order in which loads ask for them: each could else wait for the other.
    cursor.execute(
        "SELECT FROM meta.stale_slices t JOIN pg_temp.seen s ON t.slice = s.slice "
        "WHERE t.mart = $1 ORDER BY t.slice FOR UPDATE OF t",
        parameters=(mart,),
    )
    cursor.execute(
        "DELETE FROM meta.stale_slices t USING pg_temp.seen s WHERE t.mart = $1 "
        "AND t.slice = s.slice AND t.generation = s.generation",
        parameters=(mart,),
    )
