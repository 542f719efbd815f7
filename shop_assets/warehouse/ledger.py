"""Loading the sales ledger: for the orders that a load touched, from all versions of their rows."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.entities import ENTITIES, TABLES
from shop_assets.warehouse import (
    ddl,
    ledger_orders,
    order_requests,
    sales_sums,
    slices,
    sold_orders,
    upkeep,
    version_locks,
    zones,
)
from shop_assets.warehouse.connection import (
    Cursor,
    Warehouse,
    fetch_one,
    in_batches,
    read,
    to_frame,
)
from shop_assets.warehouse.difference import Target, all_within, replace_rows
from shop_assets.warehouse.slices import Load, Written

LedgerOf = Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame], pd.DataFrame]
"""From all versions of some orders, of their items and of their refunds, to their ledger rows."""

_SPEC = TABLES["sales_ledger"]
_SINCE = "_since"
_ASKED = (
    *("source", "order_id", "customer_id", "ordered_at", "happened_at", "currency", "is_test"),
)
"""What of the rows that move decides who is asked for what, besides whether they are of a sale."""
_ORDER_KEYS = pa.schema([("source", pa.string()), ("order_id", pa.string())])


def load_ledger(
    warehouse: Warehouse, orders: pd.DataFrame, load: Load, ledger_of: LedgerOf
) -> Written:
    """Bring the ledger rows of `orders` (columns source, order_id) up to date.

    Reads the versions, computes and writes under one lock on the whole ledger, in one transaction,
    so that of two loads that touch the same order the second sees what the first did.
    """
    keys = pa.Table.from_pandas(
        orders[["source", "order_id"]].drop_duplicates(), schema=_ORDER_KEYS, preserve_index=False
    )
    months: list[str] = []
    # By itself: it asks for days of the marts in their order, in which they are settled, and so
    # does what follows; both in one transaction would not.
    with warehouse.transaction() as cursor:
        sales_sums.ensure(cursor, warehouse.zone)
    with warehouse.transaction() as cursor:
        cursor.execute(sales_sums.LOCK)
        with slices.publishing(cursor, load) as publication:
            if publication.before is not None:
                return publication.before
            changed = rows = 0
            sales_sums.ensure(cursor, warehouse.zone)
            slices.stage(cursor, "affected", keys)
            # A version that goes after its order was asked for would go unnoticed, and what it has
            # made stay in the ledger until the next load.
            with version_locks.unchanged(cursor, ledger_orders.ENTITIES):
                ledger_orders.take(cursor)
                any_is = fetch_one(cursor, "SELECT EXISTS (SELECT FROM pg_temp.affected)")
                found = [_versions(cursor, name) for name in ledger_orders.ENTITIES if any_is]
            if found:
                versions, told = zip(*found, strict=True)
                _note_since(cursor, pa.concat_tables(told))
                ledger = _of_affected(cursor, ledger_of(*versions))
                fresh = slices.to_arrow(ledger, _SPEC)
                rows = fresh.num_rows
                months = warehouse.ensure_months(_SPEC, fresh.column("happened_at"))
                changed = _replace(cursor, ledger, fresh, warehouse.zone)
            written = publication.note(rows, changed)
    upkeep.summarize(warehouse, _SPEC, months)
    return written


def _replace(cursor: Cursor, ledger: pd.DataFrame, fresh: pa.Table, zone: str) -> int:
    """Make the ledger rows of the affected orders equal to `fresh`; how many came and went.

    Those of orders that have none yet, which most of an hour's are, go straight into the ledger.
    """
    cursor.execute(
        "CREATE TEMP TABLE standing ON COMMIT DROP AS "
        f"SELECT {ddl.column_list(_SPEC, 't.')} FROM {_rows_of_orders(cursor)}"
    )
    # By the id alone: an order of another source that has the same is compared, and found new.
    ids = read(cursor, "SELECT DISTINCT order_id FROM pg_temp.standing")["order_id"]
    known = pc.is_in(fresh.column("order_id"), value_set=pa.array(ids, pa.string()))
    is_new = pc.invert(known)
    _stage_outline(cursor, fresh, is_new)
    slices.stage(cursor, "fresh", fresh.filter(known))
    changed = replace_rows(cursor, Target.of(_SPEC), _SCOPE, "pg_temp.standing t").rows
    new = fresh.filter(is_new)
    if new.num_rows:
        cursor.adbc_ingest(
            _SPEC.name, in_batches(new), mode="append", db_schema_name=ddl.schema_of(_SPEC)
        )
        changed += int(new.num_rows)
    if changed:
        _note_moved(cursor)
        sold_orders.change(cursor, zone)
        sales_sums.add(cursor, *_after_and_before(cursor, ledger), zone)
        sold_orders.add_to_days(cursor)
        _ask_for_marts(cursor, zone)
    return changed


def _stage_outline(cursor: Cursor, fresh: pa.Table, is_new: pa.ChunkedArray) -> None:
    """Make `pg_temp.outline`: of rows that are alike in what is asked of them afterwards, one.

    Columns `_ASKED`, `is_sale` (any of them is of a sale) and `is_new` (the order has no rows yet).
    """
    by = [*_ASKED, "is_new"]
    asked = fresh.select(list(_ASKED)).append_column("is_new", is_new)
    asked = asked.append_column("is_sale", pc.equal(fresh.column("kind"), "sale"))
    outline = asked.group_by(by).aggregate([("is_sale", "any")])
    slices.stage(cursor, "outline", outline.rename_columns([*by, "is_sale"]))
    within = fetch_one(cursor, f"SELECT count(*) FROM pg_temp.outline t WHERE {_SCOPE}")
    all_within(Target.of(_SPEC), outline.num_rows, int(within))


def _versions(cursor: Cursor, entity: str) -> tuple[pd.DataFrame, pa.Table]:
    """Every version of the affected orders' rows; one told by several hours as told last.

    And the earliest time that any has told of rows of each order (source, order_id, since). Of a
    row that was or is another order's too, all versions: that order is among them then.
    """
    spec = ENTITIES[entity]
    found = ddl.versions_of(spec, "pg_temp.affected", _ORDER_KEYS.names)
    if ledger_orders.moves(spec):
        key = ", ".join(f"v.{ddl.quoted(name)}" for name in spec.key)
        found = ddl.versions_of(spec, f"(SELECT DISTINCT {key} FROM {found})")
    row = ", ".join(f"v.{ddl.quoted(name)}" for name in ddl.sorted_by(spec.key))
    told_last = f"v.version_at, v.{ddl.quoted(ddl.CHANGE_HOUR)} DESC"
    cursor.execute(
        f"SELECT DISTINCT ON ({row}, v.version_at) {ddl.column_list(spec, 'v.')}, "
        f"min(v.{ddl.quoted(str(spec.time))}) OVER told AS {_SINCE} FROM {found} "
        # The window has the order of the result, so that the rows are sorted once.
        f"WINDOW told AS (PARTITION BY {row} ORDER BY {told_last} "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) "
        f"ORDER BY {row}, {told_last}"
    )
    rows = cursor.fetch_arrow_table()
    since = rows.group_by(["source", "order_id"]).aggregate([(_SINCE, "min")])
    versions = spec.conform(to_frame(rows.drop_columns([_SINCE])))
    return versions, since.rename_columns(["source", "order_id", "since"])


_SCOPE = (
    "EXISTS (SELECT FROM pg_temp.since s WHERE s.source = t.source AND s.order_id = t.order_id)"
)


def _note_since(cursor: Cursor, told: pa.Table) -> None:
    """Make `pg_temp.since`: the affected orders, and before when no ledger row of each can stand.

    That is the earliest time in any version of its rows (`told`, which may name other orders too),
    or in one that has gone since then.
    """
    slices.stage(cursor, "told", told)
    cursor.execute(
        "CREATE TEMP TABLE since ON COMMIT DROP AS SELECT source, order_id, "
        "coalesce(nullif(min(since), 'infinity'), '-infinity') AS since FROM ("
        "SELECT source, order_id, 'infinity'::timestamptz AS since, true AS is_affected "
        "FROM pg_temp.affected UNION ALL "
        "SELECT source, order_id, since, false FROM pg_temp.told UNION ALL "
        "SELECT source, order_id, since, false FROM pg_temp.asked) either "
        "GROUP BY source, order_id HAVING bool_or(is_affected) ORDER BY order_id"
    )
    cursor.execute("ANALYZE pg_temp.since")


def _of_affected(cursor: Cursor, ledger: pd.DataFrame) -> pd.DataFrame:
    """The ledger without orders of which only a row is known that was an affected order's once."""
    order = ["source", "order_id"]
    others = read(
        cursor, f"SELECT DISTINCT source, order_id FROM pg_temp.told t WHERE NOT {_SCOPE}"
    )
    if others.empty:
        return ledger
    found = ledger[order].merge(others.astype(ledger[order].dtypes), how="left", indicator="_in")
    return ledger[(found["_in"] == "left_only").to_numpy()].reset_index(drop=True)


def _rows_of_orders(cursor: Cursor) -> str:
    """What gives the ledger's rows of the affected orders, as `t`.

    Each order is looked up by itself (`OFFSET 0` keeps the planner from joining them otherwise), in
    the months since it was placed: one old order does not make the others be looked for in all.
    """
    earliest = fetch_one(cursor, "SELECT min(since) FROM pg_temp.since WHERE isfinite(since)")
    unbound = fetch_one(
        cursor, "SELECT EXISTS (SELECT FROM pg_temp.since WHERE NOT isfinite(since))"
    )
    # A literal, not a parameter, spares the planner the months before all of them.
    bound = "" if unbound or earliest is None else f"AND l.happened_at >= '{earliest.isoformat()}' "
    return (
        "pg_temp.since s CROSS JOIN LATERAL (SELECT * FROM warehouse.sales_ledger l "
        "WHERE l.source = s.source AND l.order_id = s.order_id AND l.happened_at >= s.since "
        f"{bound}OFFSET 0) t"
    )


def _note_moved(cursor: Cursor) -> None:
    """Make `pg_temp.moved`, what is asked of the rows that went and came, and whose they are.

    `pg_temp.moved_by_order` (source, order_id, at, is_sale) has each order at each time at which it
    was or is placed, and `pg_temp.differing` each order.
    """
    asked = ", ".join(_ASKED)
    cursor.execute(
        "CREATE TEMP VIEW moved AS "
        f"SELECT {asked}, kind = 'sale' AS is_sale FROM pg_temp.gone UNION ALL "
        f"SELECT {asked}, kind = 'sale' FROM pg_temp.came UNION ALL "
        f"SELECT {asked}, is_sale FROM pg_temp.outline WHERE is_new"
    )
    cursor.execute(
        "CREATE TEMP TABLE moved_by_order ON COMMIT DROP AS "
        "SELECT source, order_id, ordered_at AS at, bool_or(is_sale) AS is_sale "
        "FROM pg_temp.moved GROUP BY source, order_id, ordered_at"
    )
    cursor.execute(
        "CREATE TEMP TABLE differing ON COMMIT DROP AS "
        "SELECT DISTINCT source, order_id FROM pg_temp.moved_by_order ORDER BY order_id"
    )
    slices.analyze(cursor, "differing")


def _after_and_before(cursor: Cursor, ledger: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All rows of the orders that differ, as they are and as they were."""
    order = ["source", "order_id"]
    columns = list(sales_sums.COLUMNS)
    differing = read(cursor, "SELECT source, order_id FROM pg_temp.differing")
    before = read(
        cursor,
        f"SELECT {', '.join(columns)} FROM pg_temp.present JOIN pg_temp.differing "
        "USING (source, order_id) ORDER BY source, order_id",
    )
    after = ledger[columns].merge(differing, on=order, how="inner")
    return after, _SPEC.conform(before)[columns]


def _ask_for_marts(cursor: Cursor, zone: str) -> None:
    # An order that came, went or changed its customer moves the place of every later order of the
    # same customer; what changes within an order does not.
    cursor.execute(
        "CREATE TEMP TABLE moved_orders ON COMMIT DROP AS "
        "SELECT source, order_id, at, is_sale FROM pg_temp.moved_by_order UNION ALL "
        "SELECT c.source, o.order_id, o.ordered_at, true FROM ("
        "SELECT source, customer_id, min(ordered_at) AS since FROM ("
        "SELECT source, customer_id, ordered_at FROM pg_temp.sold_gone UNION ALL "
        "SELECT source, customer_id, ordered_at FROM pg_temp.sold_came) sold "
        "WHERE customer_id IS NOT NULL GROUP BY 1, 2 ORDER BY 2) c "
        "CROSS JOIN LATERAL (SELECT order_id, ordered_at FROM meta.sold_orders o "
        "WHERE o.source = c.source AND o.customer_id = c.customer_id "
        "AND o.ordered_at >= c.since OFFSET 0) o"
    )
    moved = _ends_of_minutes("happened_at", "pg_temp.moved")
    placed = _ends_of_minutes("at", "pg_temp.moved_orders WHERE is_sale")
    cursor.execute(f"CREATE TEMP TABLE moved_times ON COMMIT DROP AS {moved}")
    hour = "SELECT date_trunc('hour', at, 'UTC') FROM pg_temp.moved_times"
    day = _day("at", "pg_temp.moved_times", zone)
    slices.mark_stale(cursor, "sales_hourly", hour)
    slices.mark_stale(cursor, "product_sales_daily", day)
    slices.mark_stale(cursor, "sales_daily", f"{day} UNION {_day('at', f'({placed}) p', zone)}")
    slices.mark_stale(
        cursor,
        "customer_orders",
        "SELECT date_trunc('hour', at, 'UTC') FROM pg_temp.moved_orders",
    )
    order_requests.mark(cursor)


def _ends_of_minutes(column: str, rows: str) -> str:
    """A query for the first and the last moment of each minute that rows have, as `at`.

    Clocks change at full minutes (before 1972, some at other seconds), so that no row of a minute
    is of another day than both; and the day of a moment takes far longer to find out than its
    minute.
    """
    return (
        f"SELECT unnest(ARRAY[min({column}), max({column})]) AS at FROM {rows} "
        f"GROUP BY date_bin('1 minute', {column}, '2000-01-01 00:00+00')"
    )


def _day(column: str, table: str, zone: str) -> str:
    """A query for the shop's days of a column, each as its midnight in UTC."""
    return f"SELECT {zones.day(column, zone)}::timestamp AT TIME ZONE 'UTC' FROM {table}"
