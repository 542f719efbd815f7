"""Keeping the tables of differences up to date, at the price of what has changed.

A table of differences holds what does not agree and is older than the grace. What agrees is
compared again only if a row of it has changed (`compared_keys`); what does not agree yet is too
young waits in `meta.waiting_comparisons` for the time at which it counts. So each run compares
what is asked for, what has become old enough, and nothing else; `meta.difference_counts` keeps the
numbers of each kind. A table that is new here, or was made from other inputs, is made of all rows.

One run is one transaction, of one state of all tables: what was asked for is settled exactly if
the differences are written. Runs of one table follow each other; those of others go on beside them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass

import pandas as pd

from shop_assets.entities import TABLES, TableSpec
from shop_assets.transforms.reconciliation import counted
from shop_assets.warehouse import compared_keys, compared_units, ddl, slices
from shop_assets.warehouse.compared_units import Units
from shop_assets.warehouse.connection import Cursor, Warehouse, fetch_one, read
from shop_assets.warehouse.difference import Target, apply_difference
from shop_assets.warehouse.marts import note_change

RULES = 1
"""To be raised with what is compared, or what agrees: every table is then made anew, once."""


@dataclass(frozen=True)
class Comparison:
    """How a table of differences is made.

    `units`: what its rows are about. `reads`: the warehouse's tables that must have been loaded.
    `inputs`: what else the result depends on, in words; where it changes, all is compared anew.
    `whole` compares everything, `touched` what `pg_temp.units` names; `judge` finds the differences
    in either, whatever their age: rows of the table. `grace`: how old those are that count.
    """

    name: str
    units: Units
    reads: tuple[str, ...]
    inputs: str
    whole: Callable[[Cursor], pd.DataFrame]
    touched: Callable[[Cursor], pd.DataFrame]
    judge: Callable[[pd.DataFrame], pd.DataFrame]
    grace: dt.timedelta

    @property
    def spec(self) -> TableSpec:
        """The table's declaration."""
        return TABLES[self.name]


@dataclass(frozen=True)
class Reconciled:
    """What a run did: differences that came, how many rows changed, whether all was compared.

    `kinds`: how many differences of each kind there are now. `first`: the first of them, by key.
    """

    came: pd.DataFrame
    changed: int
    kinds: dict[str, int]
    first: pd.DataFrame
    compared: int
    anew: bool


def reconcile(
    warehouse: Warehouse, comparison: Comparison, *, anew: bool = False, shown: int = 20
) -> Reconciled:
    """Bring a table of differences up to date; empty before all that it reads was loaded once.

    `anew`: compare everything. `shown`: how many of the differences are given back.
    """
    with warehouse.transaction() as cursor:
        compared_keys.begin(cursor, comparison.name)
    with warehouse.transaction() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        # The state that is read begins with the first query, after whoever was before has ended.
        cursor.execute(f"LOCK TABLE {ddl.physical(comparison.spec)} IN SHARE ROW EXCLUSIVE MODE")
        until = fetch_one(cursor, _UNTIL.format(assets="$1"), (_assets(comparison.reads),))
        if until is None:
            return _forget(cursor, comparison)
        return _bring_up_to_date(cursor, comparison, until - comparison.grace, anew, shown)


def _bring_up_to_date(
    cursor: Cursor, comparison: Comparison, before: dt.datetime, anew: bool, shown: int
) -> Reconciled:
    name, spec = comparison.name, comparison.spec
    inputs = f"{RULES} {comparison.inputs}"
    known = read(
        cursor, "SELECT inputs, judged FROM meta.reconciliations WHERE name = $1", (name,)
    ).iloc[0]
    anew = anew or known["inputs"] != inputs or pd.isna(known["judged"])
    compared_units.take(cursor, name)
    scope, looked_up = "true", None
    if anew:
        cursor.execute("DELETE FROM meta.waiting_comparisons WHERE name = $1", parameters=(name,))
        compared = comparison.whole(cursor)
    else:
        _add_due(cursor, comparison, known["judged"].to_pydatetime(), before)
        compared = comparison.touched(cursor)
        scope = comparison.units.about("t")
        looked_up = comparison.units.looked_up(ddl.physical(spec))
    found = comparison.judge(compared)
    old = counted(found, before)
    slices.stage(cursor, "fresh", slices.to_arrow(found[old], spec))
    changed = apply_difference(cursor, Target.of(spec), scope, looked_up)
    came = read(cursor, f"SELECT {ddl.column_list(spec)} FROM pg_temp.came")
    _count(cursor, name, changed, anew)
    _wait(cursor, comparison, found[~old], anew)
    if changed:
        note_change(cursor, name)
    cursor.execute(
        "UPDATE meta.reconciliations SET inputs = $2, judged = $3, reads = $4, "
        "grace = make_interval(secs => $5) WHERE name = $1",
        parameters=(
            name,
            inputs,
            before,
            _assets(comparison.reads),
            comparison.grace.total_seconds(),
        ),
    )
    kinds, first = _standing(cursor, spec, shown)
    return Reconciled(spec.conform(came), changed, kinds, first, len(compared), anew)


def overdue(warehouse: Warehouse, name: str) -> dt.datetime | None:
    """Since when something of a table of differences is old enough to count, and is not yet told.

    None where nothing is. Nothing but time need have passed: no row has to change for it.
    """
    frame = warehouse.read(
        "SELECT w.due FROM meta.reconciliations r CROSS JOIN LATERAL ("
        "SELECT min(due) AS due FROM meta.waiting_comparisons w WHERE w.name = r.name) w "
        f"WHERE r.name = $1 AND w.due <= ({_UNTIL.format(assets='r.reads')}) - r.grace",
        (name,),
    )
    return None if frame.empty else frame["due"].iloc[0].to_pydatetime()


_UNTIL = (
    "SELECT CASE WHEN bool_and(s.newest IS NOT NULL) THEN min(s.newest) + interval '1 hour' END "
    "FROM unnest(string_to_array({assets}, ',')) a(asset) CROSS JOIN LATERAL ("
    "SELECT max(slice) AS newest FROM meta.slices s WHERE s.asset = a.asset) s"
)
"""The end of the newest hour of which all of some assets were loaded; null before any."""


def _assets(tables: Collection[str]) -> str:
    return ",".join(f"warehouse/{table}" for table in sorted(set(tables)))


def _add_due(
    cursor: Cursor, comparison: Comparison, judged: dt.datetime, before: dt.datetime
) -> None:
    """Add to the units what has become old enough, and what no longer is."""
    compared_units.add(
        cursor,
        "SELECT kind, source, key FROM meta.waiting_comparisons WHERE name = $1 AND due <= $2",
        comparison.name,
        before,
    )
    if before < judged:  # by a longer grace, or a table that is read since
        compared_units.add(
            cursor,
            f"SELECT {comparison.units.columns('d')} FROM {ddl.physical(comparison.spec)} d "
            "WHERE d.since > $1",
            before,
        )


def _count(cursor: Cursor, name: str, changed: int, anew: bool) -> None:
    """Keep the numbers of each kind, by what came and went."""
    if anew:
        cursor.execute("DELETE FROM meta.difference_counts WHERE name = $1", parameters=(name,))
    elif not changed:
        return
    moved = "SELECT kind, 1 AS sign FROM pg_temp.came UNION ALL SELECT kind, -1 FROM pg_temp.gone"
    cursor.execute(
        "INSERT INTO meta.difference_counts AS c (name, kind, differences) "
        "SELECT $1, kind, sum(sign)::bigint "
        f"FROM ({'SELECT kind, 1 AS sign FROM pg_temp.fresh' if anew else moved}) m "
        "GROUP BY kind ON CONFLICT (name, kind) "
        "DO UPDATE SET differences = c.differences + excluded.differences",
        parameters=(name,),
    )


def _wait(cursor: Cursor, comparison: Comparison, young: pd.DataFrame, anew: bool) -> None:
    """Keep what does not agree and is too young to count, instead of what the units had."""
    if not anew:
        cursor.execute(
            "DELETE FROM meta.waiting_comparisons w USING pg_temp.units u WHERE w.name = $1 "
            "AND w.kind = u.kind AND w.source = u.source AND w.key = u.key",
            parameters=(comparison.name,),
        )
    slices.stage(cursor, "young", slices.to_arrow(young, comparison.spec))
    cursor.execute(
        "INSERT INTO meta.waiting_comparisons (name, kind, source, key, due) "
        f"SELECT $1, {comparison.units.columns('y')}, min(y.since) FROM pg_temp.young y "
        "GROUP BY 2, 3, 4",
        parameters=(comparison.name,),
    )


def _standing(cursor: Cursor, spec: TableSpec, shown: int) -> tuple[dict[str, int], pd.DataFrame]:
    """How many differences of each kind there are, and the first of them."""
    counts = read(
        cursor,
        "SELECT kind, differences FROM meta.difference_counts "
        "WHERE name = $1 AND differences > 0 ORDER BY kind",
        (spec.name,),
    )
    keys = ", ".join(map(ddl.quoted, spec.key))
    first = read(
        cursor,
        # The condition, which all meet, says that the index is entered and soon left.
        f"SELECT {ddl.column_list(spec)} FROM {ddl.physical(spec)} WHERE source >= '' "
        f"ORDER BY {keys} LIMIT {int(shown)}",
    )
    return dict(zip(counts["kind"], counts["differences"].astype(int), strict=True)), first


def _forget(cursor: Cursor, comparison: Comparison) -> Reconciled:
    """Say nothing; the next run compares everything."""
    spec = comparison.spec
    cursor.execute(f"DELETE FROM {ddl.physical(spec)}")
    changed = cursor.rowcount
    for table in ("stale_comparisons", "waiting_comparisons", "difference_counts"):
        cursor.execute(f"DELETE FROM meta.{table} WHERE name = $1", parameters=(spec.name,))
    cursor.execute(
        "UPDATE meta.reconciliations SET judged = NULL WHERE name = $1", parameters=(spec.name,)
    )
    if changed > 0:
        note_change(cursor, spec.name)
    return Reconciled(spec.empty(), changed, {}, spec.empty(), 0, anew=True)
