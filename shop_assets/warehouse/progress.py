"""Which hours are loaded whole, of what the lake has of them now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from shop_assets.entities import ENTITIES
from shop_assets.warehouse import ledger_orders, slices
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.ddl import LAKE_ONLY

_BEING_WRITTEN = 2**63 - 1
"""Later than any epoch."""


def cleaned_from_raw(entities: Collection[str]) -> list[str]:
    """The assets that read the raw rows of a stream that becomes these entities."""
    return [f"clean/{entity}" for entity in entities]


def loaded_from_clean(entity: str) -> list[str]:
    """The assets of the warehouse that read an entity's cleaned rows; first the one of its own."""
    if entity in LAKE_ONLY:
        return ["warehouse/web_activity"]
    ledger = ["warehouse/sales_ledger"] if entity in ledger_orders.ENTITIES else []
    return [f"warehouse/{entity}", *ledger]


@contextmanager
def rewriting(
    warehouse: Warehouse, readers: Collection[str], start: dt.datetime, end: dt.datetime
) -> Iterator[None]:
    """Write what some assets read of the hours `[start, end)`; meanwhile they are outdated.

    They stay so until each has been loaded by a writer that began after the body has written: a run
    that ends in between, or fails, leaves hours that are missing, not ones that look loaded.
    """
    _outdate(warehouse, readers, start, end, _BEING_WRITTEN)
    yield
    _outdate(warehouse, readers, start, end, slices.begin(warehouse))


def _outdate(
    warehouse: Warehouse,
    readers: Collection[str],
    start: dt.datetime,
    end: dt.datetime,
    until: int,
) -> None:
    """Outdate what readers have that began before the epoch `until`."""
    with warehouse.transaction() as cursor:
        cursor.execute(
            "UPDATE meta.slices SET outdated = CASE WHEN epoch < $4 THEN $4 END "
            "WHERE asset = ANY (string_to_array($1, ',')) AND slice >= $2 AND slice < $3",
            parameters=(",".join(readers), start, end, until),
        )


def first_loaded(warehouse: Warehouse, assets: Collection[str]) -> dt.datetime | None:
    """The first hour that any of these assets (as `warehouse/orders`) has; None before any."""
    frame = warehouse.read(
        "SELECT min(s.first) AS first FROM unnest(string_to_array($1, ',')) a(asset) "
        "CROSS JOIN LATERAL (SELECT min(slice) AS first FROM meta.slices s "
        "WHERE s.asset = a.asset) s",
        (",".join(assets),),
    )
    (first,) = frame["first"].dropna().tolist() or (None,)
    return None if first is None else first.to_pydatetime()


def rows_loaded(warehouse: Warehouse, start: dt.datetime, end: dt.datetime) -> int:
    """How many rows were read for the hours `[start, end)`, of entities that come into tables."""
    frame = warehouse.read(
        "SELECT coalesce(sum(rows_read), 0)::bigint AS rows FROM meta.row_ledger "
        "WHERE hour >= $1 AND hour < $2 AND NOT (entity = ANY (string_to_array($3, ',')))",
        (start, end, ",".join(sorted(LAKE_ONLY))),
    )
    return int(frame["rows"].iloc[0])


def missing_hours(
    warehouse: Warehouse, assets: Collection[str], since: dt.datetime, until: dt.datetime
) -> list[dt.datetime]:
    """The hours of `[since, until)` that not all of these assets have, in order.

    One that was not written is enough: a run that failed half-way has loaded some tables only. So
    is one that was written before its hour was over, or that is outdated (see `rewriting`), or
    whose cleaned rows are. An hour that is complete stays so, unless it is outdated: up to the
    first that was missing when last asked, only that is looked at again (`meta.complete`).
    """
    names = ",".join(sorted(set(assets)))
    with warehouse.transaction() as cursor:
        cursor.execute(
            "SELECT since, until FROM meta.complete "
            "WHERE assets = md5($1) AND since <= $2 AND until > $2",
            parameters=(names, since),
        )
        first, start = cursor.fetchone() or (since, since)
    frame = warehouse.read(
        "SELECT h FROM generate_series($2::timestamptz, $3::timestamptz - interval '1 hour', "
        "interval '1 hour') h LEFT JOIN (SELECT s.slice, count(*) AS n "
        "FROM unnest(string_to_array($1, ',')) a(asset) CROSS JOIN LATERAL ("
        "SELECT slice FROM meta.slices s WHERE s.asset = a.asset "
        "AND s.slice >= $2 AND s.slice < $3 AND NOT s.provisional OFFSET 0) s "
        "GROUP BY s.slice) loaded ON loaded.slice = h WHERE coalesce(loaded.n, 0) < $4 ORDER BY h",
        (names, start, until, len(set(assets))),
    )
    missing = [hour.to_pydatetime() for hour in frame["h"]]
    reached = missing[0] if missing else until
    if reached > start:
        _note_complete(warehouse, names, first, reached)
    return sorted({*missing, *_outdated(warehouse, assets, since, until)})


def _outdated(
    warehouse: Warehouse, assets: Collection[str], since: dt.datetime, until: dt.datetime
) -> list[dt.datetime]:
    """The hours of `[since, until)` of which these assets, or what they read, are outdated."""
    # Of an entity that the shop no longer has nobody will ever write them.
    clean = [f"clean/{name}" for name in ENTITIES if loaded_from_clean(name)[0] in assets]
    frame = warehouse.read(
        "SELECT DISTINCT slice FROM meta.slices WHERE outdated IS NOT NULL "
        "AND asset = ANY (string_to_array($1, ',')) AND slice >= $2 AND slice < $3",
        (",".join([*assets, *clean]), since, until),
    )
    return [hour.to_pydatetime() for hour in frame["slice"]]


def _note_complete(
    warehouse: Warehouse, names: str, since: dt.datetime, until: dt.datetime
) -> None:
    with warehouse.transaction() as cursor:
        cursor.execute(
            "INSERT INTO meta.complete (assets, since, until) VALUES (md5($1), $2, $3) "
            "ON CONFLICT (assets) DO UPDATE SET since = excluded.since, until = excluded.until",
            parameters=(names, since, until),
        )
