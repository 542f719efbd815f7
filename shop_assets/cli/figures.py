"""Figures that several commands print."""

import datetime as dt
from typing import Any

from rich.console import Console
from rich.table import Table

from shop_assets.warehouse.connection import Warehouse

_COUNTS = ("read", "published", "repaired", "quarantined", "deduplicated", "folded")


def rows_by_source(
    warehouse: Warehouse, start: dt.datetime | None = None, end: dt.datetime | None = None
) -> list[dict[str, Any]]:
    """What became of the rows read in a span: one entry for each source, stream and entity."""
    sums = ", ".join(f"sum(rows_{name})::bigint AS {name}" for name in _COUNTS)
    frame = warehouse.read(
        f"SELECT source, stream, entity, {sums} FROM meta.row_ledger "  # noqa: S608 - own names
        "WHERE hour >= coalesce($1::timestamptz, '-infinity') "
        "AND hour < coalesce($2::timestamptz, 'infinity') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        (start, end),
    )
    return [
        {str(name): value if isinstance(value, str) else int(value) for name, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Print `rows_by_source` as a table."""
    table = Table("source", "stream", "entity", title="Rows")
    for name in _COUNTS:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row["source"], row["stream"], row["entity"], *(f"{row[name]:,}" for name in _COUNTS)
        )
    Console().print(table)
