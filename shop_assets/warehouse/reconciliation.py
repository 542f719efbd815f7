"""Keeping the tables of differences up to date, at the price of what has changed.

A table of differences holds what does not agree and is older than the grace. What agrees is
compared again only if a row of it has changed (`compared_keys`); what does not agree yet is too
young waits in `meta.waiting_comparisons` for the time at which it counts. So each run compares
what is asked for, what has become old enough, and nothing else; `meta.difference_counts` keeps the
numbers of each kind. A table that is new here, or was made from other inputs, is made of all rows.

Tables that are about the same units are made of one comparison, whether one of them has changed or
all. One run is one transaction, of one state of all tables: what was asked for is settled exactly
if the differences are written. Runs of one table follow each other; those of others go on beside
them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from shop_assets.entities import TABLES, TableSpec
from shop_assets.transforms.reconciliation import counted
from shop_assets.warehouse import compared_keys, compared_units, ddl, slices
from shop_assets.warehouse.compared_units import Units
from shop_assets.warehouse.connection import Cursor, Warehouse, fetch_one, read
from shop_assets.warehouse.difference import Target, replace_rows
from shop_assets.warehouse.marts import note_change

RULES = 3
"""To be raised with what is compared, or what agrees: every table is then made anew, once."""


Judge = Callable[[pd.DataFrame], pd.DataFrame]
"""Finds the differences in what was compared, whatever their age: rows of one table."""


@dataclass(frozen=True)
class Comparison:
    """How tables of differences are made that are about the same.

    `tables`: who finds the rows of each. `units`: what these are about. `reads`: the warehouse's
    tables that must have been loaded. `inputs`: what else the result depends on, in words; where it
    changes, all is compared anew. `whole` compares everything, `touched` what `pg_temp.units`
    names. `grace`: how old differences are that count.
    """

    tables: Mapping[str, Judge]
    units: Units
    reads: tuple[str, ...]
    inputs: str
    whole: Callable[[Cursor], pd.DataFrame]
    touched: Callable[[Cursor], pd.DataFrame]
    grace: dt.timedelta

    @property
    def specs(self) -> list[TableSpec]:
        """The tables' declarations, in the order in which all runs lock them."""
        return [TABLES[name] for name in sorted(self.tables)]


@dataclass(frozen=True)
class Reconciled:
    """What a run did to a table: what came, how many rows changed, whether all was compared.

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
) -> dict[str, Reconciled]:
    """Bring tables of differences up to date; empty before all that they read was loaded once.

    `anew`: compare everything. `shown`: how many of a table's differences are given back.
    """
    for spec in comparison.specs:
        with warehouse.transaction() as cursor:
            compared_keys.begin(cursor, spec.name)
    with warehouse.transaction() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        # The state that is read begins with the first query, after whoever was before has ended.
        tables = ", ".join(map(ddl.physical, comparison.specs))
        cursor.execute(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE")
        until = fetch_one(cursor, _UNTIL, (_assets(comparison.reads),))
        if until is None:
            return {spec.name: _forget(cursor, spec) for spec in comparison.specs}
        compared = _compare(cursor, comparison, until - comparison.grace, anew)
        return {
            spec.name: _bring_up_to_date(cursor, comparison, spec, compared, shown)
            for spec in comparison.specs
        }


def leave_others(warehouse: Warehouse, names: Collection[str]) -> list[str]:
    """Empty the tables of differences but these, which are all that the shop has; their names.

    Nothing is asked for on their behalf from then on. Should one come back, everything is compared.
    """
    frame = warehouse.read(
        "SELECT name FROM meta.reconciliations "
        "WHERE NOT (name = ANY (string_to_array($1, ','))) ORDER BY name",
        (",".join(names),),
    )
    left = [name for name in frame["name"] if name in TABLES]
    for name in left:
        with warehouse.transaction() as cursor:
            cursor.execute(f"LOCK TABLE {ddl.physical(TABLES[name])} IN SHARE ROW EXCLUSIVE MODE")
            compared_keys.end(cursor, name)
            _forget(cursor, TABLES[name])
    return left


@dataclass(frozen=True)
class _Compared:
    """What a run compared: everything or not, for differences that count if made `before`."""

    rows: pd.DataFrame
    before: dt.datetime
    anew: bool


def _compare(cursor: Cursor, comparison: Comparison, before: dt.datetime, anew: bool) -> _Compared:
    """Compare what is asked for on behalf of any of the tables."""
    judged = None if anew else _judged(cursor, comparison)
    compared_units.take(cursor, comparison.tables)
    if judged is None:
        return _Compared(comparison.whole(cursor), before, anew=True)
    for spec in comparison.specs:
        _add_due(cursor, comparison, spec, judged[spec.name], before)
    return _Compared(comparison.touched(cursor), before, anew=False)


def _judged(cursor: Cursor, comparison: Comparison) -> dict[str, dt.datetime] | None:
    """Until when each table was judged; None where one never was, or was made of other inputs."""
    found = read(
        cursor,
        "SELECT name, judged FROM meta.reconciliations WHERE judged IS NOT NULL "
        "AND inputs = $1 AND name = ANY (string_to_array($2, ','))",
        (_inputs(comparison), ",".join(comparison.tables)),
    )
    if len(found) < len(comparison.tables):
        return None
    return {
        name: judged.to_pydatetime()
        for name, judged in zip(found["name"], found["judged"], strict=True)
    }


def _inputs(comparison: Comparison) -> str:
    return f"{RULES} {comparison.inputs}"


def _bring_up_to_date(
    cursor: Cursor,
    comparison: Comparison,
    spec: TableSpec,
    compared: _Compared,
    shown: int,
) -> Reconciled:
    """Replace what one of the tables says of what was compared."""
    name, before, anew = spec.name, compared.before, compared.anew
    if anew:
        cursor.execute("DELETE FROM meta.waiting_comparisons WHERE name = $1", parameters=(name,))
        scope, looked_up = "true", None
    else:
        scope = comparison.units.about("t")
        looked_up = comparison.units.looked_up(ddl.physical(spec))
    found = comparison.tables[name](compared.rows)
    old = counted(found, before)
    slices.stage(cursor, "fresh", slices.to_arrow(found[old], spec))
    changed = replace_rows(cursor, Target.of(spec), scope, looked_up).rows
    came = read(cursor, f"SELECT {ddl.column_list(spec)} FROM pg_temp.came")
    _count(cursor, name, changed, anew)
    _wait(cursor, comparison, spec, found[~old], anew)
    if changed:
        note_change(cursor, name)
    cursor.execute(
        "UPDATE meta.reconciliations SET inputs = $2, judged = $3, reads = $4, "
        "grace = make_interval(secs => $5) WHERE name = $1",
        parameters=(
            name,
            _inputs(comparison),
            before,
            _assets(comparison.reads),
            comparison.grace.total_seconds(),
        ),
    )
    kinds, first = _standing(cursor, spec, shown)
    return Reconciled(spec.conform(came), changed, kinds, first, len(compared.rows), anew)


def as_it_stands(warehouse: Warehouse, name: str, *, shown: int = 20) -> Reconciled:
    """A table of differences, of which all rows came, without anything being compared."""
    spec = TABLES[name]
    with warehouse.transaction() as cursor:
        rows = read(cursor, f"SELECT {ddl.column_list(spec)} FROM {ddl.physical(spec)}")
        kinds, first = _standing(cursor, spec, shown)
    return Reconciled(spec.conform(rows), 0, kinds, first, 0, anew=False)


def pending(warehouse: Warehouse, comparison: Comparison) -> str | None:
    """What is to be compared although no row has changed, as a text; None where nothing is.

    Something has become old enough to count; or a table was made of other inputs or by another
    grace; or it does not go by whether all that it reads was loaded once. After a run that goes by
    this comparison nothing is. The text tells what is wanted, and instead of what, by which hour:
    until one of these moves, it stays the same.
    """
    inputs, grace = _inputs(comparison), str(comparison.grace.total_seconds())
    frame = warehouse.read(
        "SELECT u.until, min(w.due) AS due, string_agg(r::text, ' ' ORDER BY r.name) AS standing, "
        "CASE WHEN u.until IS NULL THEN count(r.judged) = 0 ELSE "
        "count(r.judged) FILTER (WHERE r.inputs = $2 AND r.grace = g.grace) = $4 "
        "AND coalesce(min(w.due) > u.until - g.grace, true) END AS settled "
        f"FROM ({_UNTIL}) u (until) "
        "CROSS JOIN make_interval(secs => $3::double precision) g (grace) "
        "LEFT JOIN meta.reconciliations r ON r.name = ANY (string_to_array($5, ',')) "
        "LEFT JOIN LATERAL (SELECT min(due) AS due FROM meta.waiting_comparisons w "
        "WHERE w.name = r.name) w ON true GROUP BY u.until, g.grace",
        (
            _assets(comparison.reads),
            inputs,
            grace,
            len(comparison.tables),
            ",".join(comparison.tables),
        ),
    )
    (until, due, standing, settled), *_ = frame.itertuples(index=False, name=None)
    if settled:
        return None
    rest = hashlib.sha256(f"{inputs} {grace} {standing} {due}".encode()).hexdigest()[:16]
    return f"{until} {rest}"


_UNTIL = (
    "SELECT CASE WHEN bool_and(s.newest IS NOT NULL) THEN min(s.newest) + interval '1 hour' END "
    "FROM unnest(string_to_array($1, ',')) a(asset) CROSS JOIN LATERAL ("
    "SELECT max(slice) AS newest FROM meta.slices s WHERE s.asset = a.asset) s"
)
"""The end of the newest hour of which all of some assets ($1) were loaded; null before any."""


def _assets(tables: Collection[str]) -> str:
    return ",".join(f"warehouse/{table}" for table in sorted(set(tables)))


def _add_due(
    cursor: Cursor,
    comparison: Comparison,
    spec: TableSpec,
    judged: dt.datetime,
    before: dt.datetime,
) -> None:
    """Add to the units what has become old enough for a table, and what no longer is."""
    compared_units.add(
        cursor,
        "SELECT kind, source, key FROM meta.waiting_comparisons WHERE name = $1 AND due <= $2",
        spec.name,
        before,
    )
    if before < judged:  # by a longer grace, or a table that is read since
        compared_units.add(
            cursor,
            f"SELECT {comparison.units.columns('d')} FROM {ddl.physical(spec)} d "
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


def _wait(
    cursor: Cursor, comparison: Comparison, spec: TableSpec, young: pd.DataFrame, anew: bool
) -> None:
    """Keep what does not agree and is too young to count, instead of what the units had."""
    if not anew:
        cursor.execute(
            "DELETE FROM meta.waiting_comparisons w USING pg_temp.units u WHERE w.name = $1 "
            "AND w.kind = u.kind AND w.source = u.source AND w.key = u.key",
            parameters=(spec.name,),
        )
    slices.stage(cursor, "young", slices.to_arrow(young, spec))
    cursor.execute(
        "INSERT INTO meta.waiting_comparisons (name, kind, source, key, due) "
        f"SELECT $1, {comparison.units.columns('y')}, min(y.since) FROM pg_temp.young y "
        "GROUP BY 2, 3, 4",
        parameters=(spec.name,),
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


def _forget(cursor: Cursor, spec: TableSpec) -> Reconciled:
    """Say nothing; the next run compares everything."""
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
