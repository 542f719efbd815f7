"""The sums that the sales marts are made of, kept as the ledger changes.

A day has as many ledger rows as its orders have lines; summed anew after each of its hours, and
each minute of its open one, they would cost more and more until it is over. So a load adds what it
changes, in its transaction, under the lock that loads of the ledger follow each other by. What is
counted how is said once, in `transforms.sales`: here are differences of its sums.

The days are of the shop's zone. Where the sums were never made (an older release's warehouse), or
for another zone, the next load or mart makes them from the ledger. So it does where Python knows
other rules of the zone than before, since a country has changed its clocks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa

from shop_assets.entities import TABLES
from shop_assets.transforms import sales
from shop_assets.warehouse import ddl, slices, sold_orders, zones
from shop_assets.warehouse.connection import Cursor, Readable, fetch_one, only_by_index, read

ROWS_AT_ONCE = 1_000_000
"""How many of the ledger's rows, about, are summed at a time."""
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('sales_ledger.orders', 2))"
"""Under which loads change the ledger, and what is kept of it, one after the other."""

_LEDGER = TABLES["sales_ledger"]
COLUMNS = (
    *("source", "order_id", "kind", "happened_at", "ordered_at", "quantity", "amount_micros"),
    *("currency", "is_test", "product_id", "line_type"),
)
"""What of the ledger is summed."""
_DAY = dt.timedelta(days=1)
_TYPES = {"hour": pa.timestamp("us", "UTC"), "day": pa.date32()}


@dataclass(frozen=True)
class Sums:
    """A table of sums in `meta`; the first column of its key is its time.

    `counts`: what is counted beside the figures, of the orders sold. What has no ledger rows any
    more stays with zeros, and is not shown.
    """

    table: str
    key: tuple[str, ...]
    figures: tuple[str, ...]
    of: Callable[[pd.DataFrame, ZoneInfo], pd.DataFrame]
    counts: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """Its columns of sums, in order."""
        return pa.schema(
            [(name, _TYPES.get(name, pa.string())) for name in self.key]
            + [(name, pa.int64()) for name in self.figures]
        )


HOURS = Sums("hour_sums", sales.HOURS, sales.FIGURES, lambda rows, _: sales.hour_sums(rows))
DAYS = Sums("day_sums", sales.DAYS, sales.FIGURES, sales.day_sums, sales.CUSTOMER_COUNTS)
PRODUCTS = Sums("product_sums", sales.PRODUCTS, sales.PRODUCT_FIGURES, sales.product_sums)
_ALL = (HOURS, DAYS, PRODUCTS)


def add(cursor: Cursor, after: pd.DataFrame, before: pd.DataFrame, zone: str) -> None:
    """Add what some orders' ledger rows amount to, and take off what they did before.

    Both have `COLUMNS`, and all rows of each order. The caller holds `LOCK`.
    """
    parts = list(_by_orders(sales.moved(after, before)))
    for sums in _ALL:
        changes = sales.added([sums.of(part, ZoneInfo(zone)) for part in parts], sums.key)
        _write(cursor, sums, changes[(changes[list(sums.figures)] != 0).any(axis=1)])


def ensure(cursor: Cursor, zone: str) -> None:
    """Make the sums from the whole ledger where they are not those of this zone's days."""
    if _are_of(cursor, zone):
        return
    cursor.execute(LOCK)
    if _are_of(cursor, zone):
        return
    # An older release has left a part of it to PostgreSQL, and did not say by which rules.
    if not (_are_of(cursor, zone, "") and zones.are_postgresqls(cursor, zone)):
        _make(cursor, zone)
    cursor.execute(
        "INSERT INTO meta.sums_of (one, zone, rules) VALUES (true, $1, $2) "
        "ON CONFLICT (one) DO UPDATE SET zone = excluded.zone, rules = excluded.rules",
        parameters=(zone, zones.rules(zone)),
    )


def _make(cursor: Cursor, zone: str) -> None:
    """Make the sums anew; where they were of another zone, or by other rules, ask for all days."""
    moved = fetch_one(cursor, "SELECT EXISTS (SELECT FROM meta.sums_of)")
    for sums in _ALL:
        cursor.execute(f"DELETE FROM meta.{sums.table}")
        made: list[pd.DataFrame] = []
        for rows in _ledger_by_days(cursor, "UTC" if sums is HOURS else zone):
            made.append(sums.of(rows, ZoneInfo(zone)))
            # Not written by days: each table that is staged keeps its locks until the commit.
            if sum(map(len, made)) > ROWS_AT_ONCE:
                _write(cursor, sums, sales.added(made, sums.key))
                made = []
        if made:
            _write(cursor, sums, sales.added(made, sums.key))
    sold_orders.count_anew(cursor, zone)
    if moved:
        _ask_for_all_days(cursor)


def read_hours(warehouse: Readable, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """`transforms.sales.hour_sums` of the hours in `[start, end)`."""
    return _read(warehouse, HOURS, start, end, "timestamptz")


def read_days(
    warehouse: Readable, sums: Sums, start: dt.datetime, end: dt.datetime
) -> pd.DataFrame:
    """The same of `DAYS`, with its counts, or `PRODUCTS`: of the shop's days in `[start, end)`."""
    return _read(warehouse, sums, *days_between(warehouse, start, end), "text::date")


def days_between(warehouse: Readable, start: dt.datetime, end: dt.datetime) -> tuple[str, str]:
    """The first of the shop's days in `[start, end)`, and the one after the last, as texts."""
    zone = ZoneInfo(warehouse.zone)
    last = end - dt.timedelta(microseconds=1)
    return (
        start.astimezone(zone).date().isoformat(),
        (last.astimezone(zone).date() + _DAY).isoformat(),
    )


def _read(warehouse: Readable, sums: Sums, start: object, end: object, kind: str) -> pd.DataFrame:
    time = sums.key[0]
    with warehouse.transaction() as cursor:
        ensure(cursor, warehouse.zone)
        return read(
            cursor,
            f"SELECT {', '.join((*sums.schema.names, *sums.counts))} FROM meta.{sums.table} "
            f"WHERE {time} >= $1::{kind} AND {time} < $2::{kind} AND ledger_rows > 0",
            (start, end),
        )


def _are_of(cursor: Cursor, zone: str, rules: str | None = None) -> bool:
    """Whether the sums are those of a zone by such `rules`, or by the ones that it has now."""
    sql = "SELECT EXISTS (SELECT FROM meta.sums_of WHERE zone = $1 AND rules = $2)"
    return bool(fetch_one(cursor, sql, (zone, zones.rules(zone) if rules is None else rules)))


def _ask_for_all_days(cursor: Cursor) -> None:
    """Ask for each day that has sums or is in a mart: rows near midnight are another day's now."""
    for mart, sums in (("sales_daily", DAYS), ("product_sales_daily", PRODUCTS)):
        slices.mark_stale(
            cursor,
            mart,
            f"SELECT day::timestamp AT TIME ZONE 'UTC' FROM meta.{sums.table} UNION "
            f"SELECT day::timestamp AT TIME ZONE 'UTC' FROM {ddl.physical(TABLES[mart])}",
        )


def _write(cursor: Cursor, sums: Sums, changes: pd.DataFrame) -> None:
    if changes.empty:
        return
    staged = pa.Table.from_pandas(changes, schema=sums.schema, preserve_index=False)
    slices.stage(cursor, "moved_sums", staged)
    key, columns = ", ".join(sums.key), ", ".join(sums.schema.names)
    cursor.execute(
        f"INSERT INTO meta.{sums.table} AS t ({columns}) "
        f"SELECT {columns} FROM pg_temp.moved_sums ORDER BY {key} ON CONFLICT ({key}) DO UPDATE "
        f"SET {', '.join(f'{name} = t.{name} + excluded.{name}' for name in sums.figures)}"
    )


def _by_orders(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The rows in parts; those of an order, which stand together, are in one of them."""
    begin = 0
    while len(rows) - begin > ROWS_AT_ONCE:
        ids = rows["order_id"]
        end = begin + ROWS_AT_ONCE
        following = ids.iloc[end:]
        other = (following != ids.iloc[end - 1]).to_numpy(dtype=bool)
        end = end + int(other.argmax()) if other.any() else len(rows)
        yield rows.iloc[begin:end]
        begin = end
    yield rows.iloc[begin:]


def _ledger_by_days(cursor: Cursor, zone: str) -> Iterator[pd.DataFrame]:
    """The whole ledger, in spans of the days of a zone: an order's rows of two days share no sum.

    Of the days that there are: one date that is wrong by a century is no century of days.
    """
    days = read(
        cursor,
        f"SELECT {zones.day('happened_at', zone)} AS day, count(*) AS rows "
        "FROM warehouse.sales_ledger GROUP BY 1 ORDER BY 1",
    )
    if days.empty:
        return
    part = (days["rows"].cumsum() - days["rows"]) // ROWS_AT_ONCE
    firsts = days.loc[~part.duplicated(), "day"].tolist()
    local = ZoneInfo(zone)
    # From each span to the next one, so that none of the rows is left out whatever calls it a day.
    borders = [_midnight(first, local) for first in firsts]
    borders[0] -= _DAY
    borders.append(_midnight(days["day"].iloc[-1] + 2 * _DAY, local))
    with only_by_index(cursor):
        for span in pairwise(borders):
            yield from _ledger_parts(cursor, *span)


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), zone).astimezone(dt.UTC)


def _ledger_parts(cursor: Cursor, start: dt.datetime, end: dt.datetime) -> Iterator[pd.DataFrame]:
    where = "WHERE l.happened_at >= $1 AND l.happened_at < $2"
    count = int(
        fetch_one(cursor, f"SELECT count(*) FROM warehouse.sales_ledger l {where}", (start, end))
    )
    parts = -(-count // ROWS_AT_ONCE)
    for part in range(parts):
        chosen = "" if parts == 1 else f" AND abs(hashtext(l.order_id) % {parts}) = {part}"
        frame = read(
            cursor,
            f"SELECT {', '.join(map(ddl.quoted, COLUMNS))} FROM warehouse.sales_ledger l "
            f"{where}{chosen}",
            (start, end),
        )
        yield _LEDGER.conform(frame)[list(COLUMNS)]
