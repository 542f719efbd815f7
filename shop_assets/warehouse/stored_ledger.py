"""The sales ledger as it stands: its rows, or only which kinds of rows there are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.warehouse import ddl
from shop_assets.warehouse.connection import Readable

_SPEC = TABLES["sales_ledger"]
_COLUMNS = ddl.column_list(_SPEC, "l.")
_LACKING = " OR ".join(f"{ddl.quoted(c.name)} IS NULL" for c in _SPEC.columns if not c.nullable)


def ledger_rows(warehouse: Readable, start: dt.datetime, end: dt.datetime) -> pd.DataFrame:
    """The sales ledger's rows that happened in `[start, end)`."""
    frame = warehouse.read(
        f"SELECT {_COLUMNS} FROM warehouse.sales_ledger l "
        "WHERE l.happened_at >= $1 AND l.happened_at < $2",
        (start, end),
        by_index=True,
    )
    return _SPEC.conform(frame)


def ledger_kinds(
    warehouse: Readable, start: dt.datetime, end: dt.datetime, columns: Sequence[str]
) -> pd.DataFrame:
    """Which values of `columns` stand together in the rows that happened in `[start, end)`.

    Besides them: `lacking`, whether a column is null that must not be, and the number of `rows`.
    """
    names = ", ".join(map(ddl.quoted, columns))
    return warehouse.read(
        f"SELECT {names}, ({_LACKING}) AS lacking, count(*) AS rows FROM warehouse.sales_ledger "
        f"WHERE happened_at >= $1 AND happened_at < $2 GROUP BY {names}, lacking",
        (start, end),
        by_index=True,
    )
