"""A row's current state, made of its versions."""

from __future__ import annotations

from collections.abc import Sequence

from shop_assets.entities import TableSpec
from shop_assets.warehouse import ddl, slices
from shop_assets.warehouse.connection import Cursor, fetch_one
from shop_assets.warehouse.ddl import quoted
from shop_assets.warehouse.difference import Difference, months
from shop_assets.warehouse.slices import Load


def current_of_fact(
    spec: TableSpec, keys: str, by: Sequence[str] = (), columns: Sequence[str] = ()
) -> str:
    """A query for the current rows of the keys that a table has.

    `by`: the columns of `keys` that name the rows, where they are not the whole key. `columns`:
    which ones are asked for, where not all are. The current row is the newest version; of equals,
    the one of the later hour. A fact has few versions: all of them are read, whichever months they
    stand in.
    """
    return newest_of(spec, ddl.versions_of(spec, keys, by), columns)


def newest_of(spec: TableSpec, versions: str, columns: Sequence[str] = ()) -> str:
    """A query for the current rows of some keys. `versions`: what gives all of theirs, as `v`."""
    by_key = ", ".join("v." + quoted(k) for k in ddl.sorted_by(spec.key))
    newest_first = f"v.version_at DESC, v.{quoted(ddl.CHANGE_HOUR)} DESC"
    shown = ", ".join(
        f"min(v.{quoted(c.name)}) OVER versions AS {quoted(c.name)}"
        if c.merge == "earliest"
        else f"v.{quoted(c.name)}"
        for c in spec.columns
        if not columns or c.name in columns
    )
    # The window has the order of the result, so that the rows are sorted once.
    return (
        f"SELECT DISTINCT ON ({by_key}) {shown} FROM {versions} "
        f"WINDOW versions AS (PARTITION BY {by_key} ORDER BY {newest_first} "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) "
        f"ORDER BY {by_key}, {newest_first}"
    )


def of_load(table: str, load: Load) -> str:
    """A condition that versions are of the load's change hours."""
    hour = f"{table}.{quoted(ddl.CHANGE_HOUR)}"
    return f"{hour} >= '{load.start.isoformat()}' AND {hour} < '{load.end.isoformat()}'"


def refresh_current(
    cursor: Cursor, spec: TableSpec, load: Load, found: Difference, *, one_each: bool
) -> None:
    """Make the current row of each key whose versions have changed from all that there are.

    `found`: what the load has changed of the versions; `one_each`: it tells one version of a key.
    The keys stand in `pg_temp.changed`, their new rows in `pg_temp.current`, and those that went
    in `pg_temp.replaced`.
    """
    _note_changed(cursor, spec, found, one_each)
    if spec.by_month:
        _find_current_of_fact(cursor, spec, load, found, one_each)
    else:
        _find_current_of_dimension(cursor, spec, found, one_each)
    keys = ", ".join(map(quoted, ddl.sorted_by(spec.key)))
    cursor.execute(
        f"INSERT INTO {ddl.physical(spec)} ({ddl.column_list(spec)}) "
        f"SELECT {ddl.column_list(spec)} FROM pg_temp.current ORDER BY {keys}"
    )


def _note_changed(cursor: Cursor, spec: TableSpec, found: Difference, one_each: bool) -> None:
    """Make `pg_temp.changed`: the keys whose versions have changed."""
    keys = ", ".join(map(quoted, spec.key))
    if found.all_came and one_each:
        cursor.execute(f"CREATE TEMP VIEW changed AS SELECT {keys} FROM pg_temp.came")
        return
    cursor.execute(
        f"CREATE TEMP TABLE changed ON COMMIT DROP AS SELECT {keys} FROM pg_temp.gone "
        f"UNION SELECT {keys} FROM pg_temp.came"
    )
    slices.analyze(cursor, "changed")


def _find_current_of_fact(
    cursor: Cursor, spec: TableSpec, load: Load, found: Difference, one_each: bool
) -> None:
    """A fact has few versions: its current row is made of all of them.

    Those of the load's hours are at hand. Of most keys there are no others, and nothing was
    current: an hour tells above all of what is new.
    """
    same_key = " AND ".join(f"v.{quoted(k)} = c.{quoted(k)}" for k in spec.key)
    versions = f"{ddl.column_list(spec, 'v.')}, v.{quoted(ddl.CHANGE_HOUR)}"
    elsewhere = f"({of_load('v', load)}) IS NOT TRUE"
    others = ddl.versions_of(spec, "pg_temp.changed", where=elsewhere)
    cursor.execute(f"CREATE TEMP TABLE others ON COMMIT DROP AS SELECT {versions} FROM {others}")
    cursor.execute(f"CREATE TEMP TABLE replaced (LIKE {ddl.physical(spec)}) ON COMMIT DROP")
    if found.all_came and not fetch_one(cursor, "SELECT EXISTS (SELECT FROM pg_temp.others)"):
        _find_current_of_new(cursor, spec, one_each)
        return
    told = (
        "pg_temp.came v"
        if found.all_came
        else f"pg_temp.fresh v JOIN pg_temp.changed c ON {same_key}"
    )
    all_of_them = f"SELECT {versions} FROM pg_temp.others v UNION ALL SELECT {versions} FROM {told}"
    cursor.execute(
        f"CREATE TEMP TABLE current ON COMMIT DROP AS {newest_of(spec, f'({all_of_them}) v')}"
    )
    _take_out_by_month(cursor, spec, "" if found.all_came else all_of_them)


def _find_current_of_new(cursor: Cursor, spec: TableSpec, one_each: bool) -> None:
    """Of keys that were not there before, all versions have come."""
    if one_each:
        current = f"VIEW current AS SELECT {ddl.column_list(spec)} FROM pg_temp.came"
    else:
        current = f"TABLE current ON COMMIT DROP AS {newest_of(spec, 'pg_temp.came v')}"
    cursor.execute(f"CREATE TEMP {current}")


def _take_out_by_month(cursor: Cursor, spec: TableSpec, told: str) -> None:
    """Move the current rows of the changed keys to `pg_temp.replaced`.

    Such a row stands where a version of its key stands that was there before: only there it is
    looked for, month by month, since the months of all rows together may be many.
    `told`: a query for those of the load's own hours, '' where there were none.
    """
    place = tuple(dict.fromkeys((*spec.key, str(spec.time))))
    columns = ", ".join(map(quoted, place))
    stood = ["pg_temp.others", "pg_temp.gone", *([f"({told}) v"] if told else [])]
    cursor.execute(
        "CREATE TEMP TABLE stood ON COMMIT DROP AS "
        + " UNION ".join(f"SELECT {columns} FROM {rows}" for rows in stood)
    )
    slices.analyze(cursor, "stood")
    same = " AND ".join(f"v.{quoted(k)} = s.{quoted(k)}" for k in place)
    columns = ddl.column_list(spec)
    for month in months(cursor, "pg_temp.stood", str(spec.time)):
        cursor.execute(
            f"WITH went AS (DELETE FROM {ddl.physical(spec)} v USING pg_temp.stood s "
            f"WHERE {same} AND {month.of('v', 's')} RETURNING {ddl.column_list(spec, 'v.')}) "
            f"INSERT INTO pg_temp.replaced ({columns}) SELECT {columns} FROM went"
        )


def _find_current_of_dimension(
    cursor: Cursor, spec: TableSpec, found: Difference, one_each: bool
) -> None:
    """Move the current rows of the changed keys to `pg_temp.replaced`, and find the new ones.

    Of a key that has no current row there are no other versions.
    """
    same_key = " AND ".join(f"v.{quoted(k)} = c.{quoted(k)}" for k in spec.key)
    # Looked up key by key, as with facts; the first one that is there is enough.
    there = (
        "SELECT EXISTS (SELECT FROM pg_temp.changed c CROSS JOIN LATERAL ("
        f"SELECT FROM {ddl.physical(spec)} v WHERE {same_key} OFFSET 0) v)"
    )
    if found.all_came and not fetch_one(cursor, there):
        cursor.execute(f"CREATE TEMP TABLE replaced (LIKE {ddl.physical(spec)}) ON COMMIT DROP")
        _find_current_of_new(cursor, spec, one_each)
        return
    _find_newest_of_dimension(cursor, spec)
    cursor.execute(
        "CREATE TEMP TABLE replaced ON COMMIT DROP AS WITH went AS ("
        f"DELETE FROM {ddl.physical(spec)} v USING pg_temp.changed c WHERE {same_key} "
        f"RETURNING {ddl.column_list(spec, 'v.')}) SELECT * FROM went"
    )


def _find_newest_of_dimension(cursor: Cursor, spec: TableSpec) -> None:
    """A product may have a version for every hour: only the newest one is read.

    The earliest value of any version is that of the current row and of the versions that came;
    where one has gone, all versions of the key are asked.
    """
    earliest = [quoted(c.name) for c in spec.columns if c.merge == "earliest"]
    keys = ", ".join(map(quoted, spec.key))

    def same_key(table: str) -> str:
        return " AND ".join(f"{table}.{quoted(k)} = c.{quoted(k)}" for k in spec.key)

    shown = ", ".join(
        f"CASE WHEN m.went THEN (SELECT min(w.{name}) FROM {ddl.versions(spec)} w "
        f"WHERE {same_key('w')}) ELSE least(o.{name}, m.{name}) END AS {name}"
        if (name := quoted(c.name)) in earliest
        else f"v.{name}"
        for c in spec.columns
    )
    values = "".join(f", {name}" for name in earliest)
    least = "".join(f", min({name}) AS {name}" for name in earliest)
    cursor.execute(
        f"CREATE TEMP TABLE current ON COMMIT DROP AS SELECT {shown} FROM pg_temp.changed c "
        f"CROSS JOIN LATERAL (SELECT * FROM {ddl.versions(spec)} v WHERE {same_key('v')} "
        f"ORDER BY v.version_at DESC, v.{quoted(ddl.CHANGE_HOUR)} DESC LIMIT 1) v "
        f"LEFT JOIN {ddl.physical(spec)} o ON {same_key('o')} "
        f"JOIN (SELECT {keys}, bool_or(went) AS went{least} FROM ("
        f"SELECT {keys}, true AS went{values} FROM pg_temp.gone UNION ALL "
        f"SELECT {keys}, false{values} FROM pg_temp.came) either GROUP BY {keys}) m "
        f"ON {same_key('m')}"
    )
