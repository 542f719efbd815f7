"""A row's current state, made of its versions."""

from __future__ import annotations

from collections.abc import Sequence

from shop_assets.entities import TableSpec
from shop_assets.warehouse import ddl
from shop_assets.warehouse.ddl import quoted


def current_of_fact(
    spec: TableSpec, keys: str, by: Sequence[str] = (), columns: Sequence[str] = ()
) -> str:
    """A query for the current rows of the keys that a table has.

    `by`: the columns of `keys` that name the rows, where they are not the whole key. `columns`:
    which ones are asked for, where not all are. The current row is the newest version; of equals,
    the one of the later hour. A fact has few versions: all of them are read, whichever months they
    stand in.
    """
    same_key = " AND ".join(f"v.{quoted(k)} = c.{quoted(k)}" for k in by or spec.key)
    by_key = ", ".join("v." + quoted(k) for k in spec.key)
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
        f"SELECT DISTINCT ON ({by_key}) {shown} FROM {ddl.versions(spec)} v "
        f"JOIN {keys} c ON {same_key} WINDOW versions AS (PARTITION BY {by_key} "
        f"ORDER BY {newest_first} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) "
        f"ORDER BY {by_key}, {newest_first}"
    )
