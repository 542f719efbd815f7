"""Making a part of a table equal to freshly computed rows by writing only what differs.

A rerun that changes nothing writes nothing: no dead rows, no WAL, and nobody downstream is told.
"""

from __future__ import annotations

from shop_assets.entities import TableSpec
from shop_assets.warehouse import ddl
from shop_assets.warehouse.connection import Cursor, fetch_one
from shop_assets.warehouse.ddl import quoted


def apply_difference(cursor: Cursor, spec: TableSpec, scope: str) -> int:
    """Make the rows of the table that meet `scope` equal to those of `pg_temp.fresh`.

    `scope`: an SQL condition on the table's columns (as `t`), which all of `fresh` meets too.
    Returns how many rows came, went or changed; they stand in `pg_temp.gone` and `pg_temp.came`.

    Raises:
        ValueError: rows of `fresh` lie outside of `scope`, where nothing would replace them.
    """
    columns = ddl.column_list(spec)
    table = ddl.physical(spec)
    outside = int(
        fetch_one(cursor, f"SELECT count(*) FROM pg_temp.fresh t WHERE ({scope}) IS NOT TRUE")
    )
    if outside:
        rows = "1 row lies" if outside == 1 else f"{outside} rows lie"
        raise ValueError(f"{spec.name}: {rows} outside of the slice that is replaced")
    for name in ("gone", "came", "present"):
        cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
    cursor.execute(
        f"CREATE TEMP TABLE present ON COMMIT DROP AS "
        f"SELECT {ddl.column_list(spec, 't.')} FROM {table} t WHERE {scope}"
    )
    cursor.execute(
        f"CREATE TEMP TABLE gone ON COMMIT DROP AS SELECT {columns} FROM pg_temp.present "
        f"EXCEPT SELECT {columns} FROM pg_temp.fresh"
    )
    if fetch_one(cursor, "SELECT EXISTS (SELECT FROM pg_temp.present)"):
        came = f"SELECT {columns} FROM pg_temp.fresh EXCEPT SELECT {columns} FROM pg_temp.present"
    else:
        came = f"SELECT {columns} FROM pg_temp.fresh"
    cursor.execute(f"CREATE TEMP TABLE came ON COMMIT DROP AS {came}")
    gone = int(fetch_one(cursor, "SELECT count(*) FROM pg_temp.gone"))
    added = int(fetch_one(cursor, "SELECT count(*) FROM pg_temp.came"))
    if gone:
        cursor.execute("ANALYZE pg_temp.gone")
        same = " AND ".join(f"t.{quoted(k)} = g.{quoted(k)}" for k in spec.key)
        cursor.execute(f"DELETE FROM {table} t USING pg_temp.gone g WHERE {same} AND {scope}")
    if added:
        keys = ", ".join(map(quoted, spec.key))
        cursor.execute(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM pg_temp.came ORDER BY {keys}"
        )
    return gone + added
